// What type each expression has, found while the statement is read: each has a slot; slots that
// have to be alike are joined. A slot without a type in the end is a path's of which nothing but
// its presence is asked: a scalar.
#pragma once

#include "kstream/job/statement.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kstream::job::sql {

using Slot = std::uint32_t;

class Types {
public:
    [[nodiscard]] Slot unknown();
    [[nodiscard]] Slot known(ValueType type, Place why);
    // Of what was refused: agrees with all, so that one mistake is told once.
    [[nodiscard]] Slot broken();

    [[nodiscard]] std::optional<ValueType> type(Slot slot) const;
    [[nodiscard]] bool is_broken(Slot slot) const { return slots_[root(slot)].broken; }
    // Where its type comes from.
    [[nodiscard]] Place why(Slot slot) const { return slots_[root(slot)].why; }

    // False when their types differ; both stay as they are then.
    [[nodiscard]] bool join(Slot one, Slot other);
    [[nodiscard]] bool require(Slot slot, ValueType type, Place why);

private:
    struct State {
        Slot parent = 0;
        std::optional<ValueType> type;
        Place why;
        bool broken = false;
    };
    [[nodiscard]] Slot root(Slot slot) const;

    std::vector<State> slots_;
};

// "a number", "a text".
[[nodiscard]] std::string_view in_words(ValueType type);

}  // namespace kstream::job::sql
