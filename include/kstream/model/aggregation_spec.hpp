// A job is data: this is all of it. Nothing in core/ or pipeline/ knows a field name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream {

// The tag of an aggregate in every stored format. Which there are, and all that is known of each,
// is in its row of the registry (core/aggregates.hpp).
enum class AggregateKind : std::uint8_t {};

// How the records of the source are written. The value stands in the canonical text, which leaves
// json out: never reuse a number.
enum class RecordFormat : std::uint8_t { json = 1 };

struct AggregateSpec {
    AggregateKind kind{};
    std::string input_field;  // empty where the aggregate takes none
    std::string output_name;
    friend bool operator==(const AggregateSpec&, const AggregateSpec&) = default;
};

// A job that is a statement which flags cannot say, as those know it through whom its records and
// totals only pass. The statement itself is job::StatementJob.
struct StatementShape {
    std::string text;                  // its canonical text
    std::vector<std::string> columns;  // of its results
    std::size_t mentions = 0;          // of groups and texts in these columns: bounds a result
    bool windows = false;              // of event time: records can come too late
    std::size_t results_per_key = 1;   // that a change of one key publishes at most
    // For so many milliseconds of event time duplicates are looked for; none: not at all.
    std::optional<std::int64_t> within{};
    friend bool operator==(const StatementShape&, const StatementShape&) = default;
};

// Of a set for count(DISTINCT x), in values: more than one key of most jobs ever has, and 38 MB.
inline constexpr std::uint64_t kDefaultMaxDistinct = 1'000'000;

struct AggregationSpec {
    std::string source_topic;
    RecordFormat format = RecordFormat::json;
    std::vector<std::string> group_by;      // 1 or more fields, in output order
    std::vector<AggregateSpec> aggregates;  // 1 or more, in output order
    int scale = 9;                          // decimal digits kept after the point, 0..kMaxScale
    // Then `group_by` may be empty and has the names of its groups, and `aggregates` has its
    // accumulators, whose slots are stored, without names.
    std::optional<StatementShape> statement = std::nullopt;
    std::uint64_t max_distinct = kDefaultMaxDistinct;  // of a statement with sets
    friend bool operator==(const AggregationSpec&, const AggregationSpec&) = default;
};

// Only a statement says windows.
[[nodiscard]] inline bool has_windows(const AggregationSpec& spec) {
    return spec.statement && spec.statement->windows;
}

// The canonical text that names everything that changes the meaning of stored totals (source topic
// and format, group-by fields, aggregates with inputs and output names, scale). Two specs are the
// same job if and only if these texts are equal. Field texts are length-prefixed, so no name can
// forge another. json is the format of a text that names none, as texts did before there were
// others: their hashes are stored.
[[nodiscard]] std::string canonical_text(const AggregationSpec& spec);

// Every problem with the spec in words, empty when it is usable (duplicate output names, no
// aggregate, scale out of range, ...).
[[nodiscard]] std::vector<std::string> problems(const AggregationSpec& spec);

}  // namespace kstream
