// A statement's expressions as PostgreSQL computes them, for the script that judges a job
// (docs/adr/0056). Each node is a call of a function of oracle.sql over texts, which PostgreSQL may
// evaluate in whatever order it likes: none of them raises.
#pragma once

#include "kstream/job/statement.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::job::postgres {

using Texts = std::vector<std::string>;

[[nodiscard]] std::string joined(const Texts& texts, std::string_view between);

// function(first, second, ...)
[[nodiscard]] std::string call(std::string_view function, const Texts& arguments);

// The script's own name of a column: a letter, and the index from 1 on.
[[nodiscard]] std::string numbered(char letter, std::size_t index);

class Calls {
public:
    // `statement` must outlive this.
    explicit Calls(const Statement& statement) : statement_(statement) {}

    // What the expression comes to, a text.
    [[nodiscard]] std::string sql(const Expression& one) const;

    // What can be asked of it is whether it is there.
    [[nodiscard]] std::string presence(const Expression& one) const;

private:
    [[nodiscard]] Texts all(const Expression& one) const;
    [[nodiscard]] Texts arguments_of(const Expression& one) const;
    [[nodiscard]] Texts with_comparison(const Expression& one) const;
    [[nodiscard]] static std::string constant(const Expression& one);
    [[nodiscard]] std::string to_numeric(const Expression& one) const;
    [[nodiscard]] static std::string function(const Expression& one);

    const Statement& statement_;
};

}  // namespace kstream::job::postgres
