// The expressions of a statement that a record goes through, compiled, and the order in which it
// is judged by them. Knows no format.
#pragma once

#include "kstream/error.hpp"
#include "kstream/expr/arena.hpp"
#include "kstream/expr/program.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/model/group_key.hpp"
#include "kstream/model/int128.hpp"
#include "kstream/reader/record_reader.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

struct StatementPlan {
    // One of job::Plan::inputs.
    struct Input {
        std::optional<std::uint32_t> filter;
        std::optional<std::uint32_t> filter_of;  // the first input with the same filter
        std::optional<std::uint32_t> value;
        bool strict = false;
        std::optional<std::uint32_t> number_at;  // `value` is that field
        bool is_time = false;                    // `value` is the record's time: known by then
    };
    struct Key {
        std::uint32_t value = 0;
        std::optional<std::uint32_t> text_at;    // `value` is that field, which may be a text
        std::optional<std::uint32_t> number_at;  // the same of a number
    };

    // Of a statement with event time.
    struct Timing {
        std::uint32_t time = 0;
        std::optional<expr::Program::TimeField> number_at;  // `time` is of that field
        std::optional<std::int64_t> max_ahead;              // none: no bound
        std::optional<std::uint32_t> unique_by;
    };

    [[nodiscard]] static Result<StatementPlan> compile(const job::Statement& statement,
                                                       const expr::ZoneFiles& zones);

    // Of a verdict that is about a node: the field that it is, or the first one in it.
    [[nodiscard]] std::string_view field_name(const RecordVerdict& verdict) const;
    [[nodiscard]] std::optional<job::Place> place(const RecordVerdict& verdict) const;

    std::unique_ptr<expr::Program> program;  // stays where it is
    std::optional<Timing> timing;
    std::optional<std::uint32_t> where;
    std::vector<Key> keys;
    std::vector<Input> inputs;
    int scale = 0;
};

// What is a field and nothing else, and has nothing unusual about it, is read of the record at
// once; of all else the evaluator says what it comes to.
class StatementJudge {
public:
    // The plan outlives it and stays where it is.
    explicit StatementJudge(const StatementPlan& plan);

    // On ok, `group` and `inputs` are filled; both may point into the record or in here. A
    // statement has event time or not: of one without, the record costs nothing for it.
    template <bool kEventTime>
    [[nodiscard]] RecordVerdict judge(const expr::Leaves& leaves, GroupKey& group,
                                      std::span<StatementInput> inputs);

    // Of the last record of a statement with event time; none where its time is bad.
    [[nodiscard]] std::optional<std::int64_t> event_time() const { return event_time_; }
    // Of the last record that was good, of a statement with unique_by.
    [[nodiscard]] UInt128 unique_id() const { return unique_id_; }

private:
    // Each is ok where nothing speaks against the record.
    [[nodiscard]] RecordVerdict time(const expr::Leaves& leaves);
    [[nodiscard]] RecordVerdict accept_time(std::int64_t ms, std::int64_t kafka_timestamp_ms);
    [[nodiscard]] RecordVerdict unique_value(std::uint32_t unique_by);
    [[nodiscard]] UInt128 id_of(const expr::Value& value);
    [[nodiscard]] RecordVerdict key(const expr::Leaves& leaves, std::size_t number,
                                    GroupValue& out);
    [[nodiscard]] RecordVerdict input(const expr::Leaves& leaves, std::size_t number,
                                      StatementInput& out);

    const StatementPlan& plan_;
    expr::Evaluator evaluator_;
    std::vector<std::string> key_texts_;  // of values that have another form in a key
    std::vector<std::uint8_t> passes_;    // of the last record: what each input's filter said
    std::optional<std::int64_t> event_time_;
    UInt128 unique_id_ = 0;
    expr::Arena unique_arena_;  // these of its value
    std::string unique_text_;
};

}  // namespace kstream
