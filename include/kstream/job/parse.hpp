// A statement's text to the statement (src/job/sql), or all that is wrong with it.
#pragma once

#include "kstream/job/statement.hpp"
#include "kstream/model/aggregation_spec.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::job {

inline constexpr std::size_t kMaxStatementBytes = std::size_t{64} * 1024;
inline constexpr int kMaxStatementDepth = 200;  // of expressions in expressions
inline constexpr std::size_t kMaxGroupColumns = 64;
inline constexpr std::size_t kMaxAggregates = 64;
inline constexpr std::size_t kMaxColumns = 256;

// One thing that is wrong with a statement.
struct Problem {
    Place place;
    std::string message;
    std::string hint;  // what to write instead; may be empty
};

// What the clocks of a time zone are, by its name (expr::Zone::fingerprint()); none where there is
// no such zone.
using ZoneFingerprints = std::function<std::optional<std::uint64_t>(std::string_view name)>;

// What a statement cannot say itself.
struct ParseOptions {
    int scale = 9;  // of the job
    std::uint64_t max_distinct = kDefaultMaxDistinct;
    ZoneFingerprints zones = {};  // of windows; where there is no such function, no zone is known
};

// Problems in the order of the text, 1 or more: one only where the text is no SQL, else all.
[[nodiscard]] std::expected<Statement, std::vector<Problem>> parse(
    std::string_view text, const ParseOptions& options = {});

// For people: `name`:line:column, what is wrong, the line, a caret under the place, the hint. Ends
// with a line feed.
[[nodiscard]] std::string show(const Problem& problem, std::string_view text,
                               std::string_view name);

}  // namespace kstream::job
