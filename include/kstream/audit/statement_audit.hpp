// What a statement says of records, keys and results, as the audit reads it: from the tree itself,
// with an interpreter and numbers of its own. Of the plan it takes the layout alone: which slot an
// aggregate's parts stand in.
#pragma once

#include "kstream/audit/row.hpp"
#include "kstream/audit/window_span.hpp"
#include "kstream/error.hpp"
#include "kstream/job/statement_job.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/model/field_value.hpp"
#include "kstream/model/group_key.hpp"
#include "kstream/model/record.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::audit {

class Interpreter;
class Windows;

class StatementAudit {
public:
    enum class Fate : std::uint8_t { aggregated, filtered, bad };

    struct Judgement {
        Fate fate = Fate::aggregated;
        // Of a bad record: why, and the field or the expression that it is about.
        BadReason reason{};
        std::string subject;
        // Of a job with event time, whatever the fate; none of a record whose time is bad.
        std::optional<std::int64_t> time;
        // Of an aggregated one, which may be late or a duplicate.
        std::string id;  // of a job with unique_by: its type's letter and its value
        std::vector<std::pair<GroupValueType, std::string>> key;
        Row row;

        [[nodiscard]] GroupKey group() const;  // valid as long as this
    };
    // The last header of that name of the record that is judged; none where it is null.
    using Header = std::function<std::optional<std::string_view>(const std::string& name)>;
    using ZoneBytes = std::function<std::optional<std::string>(std::string_view name)>;

    // An error names what the audit cannot prove: a kind of window, or a zone that there is not.
    [[nodiscard]] static Result<std::shared_ptr<const StatementAudit>> make(
        std::shared_ptr<const job::StatementJob> job, const ZoneBytes& zones);
    ~StatementAudit();
    StatementAudit(const StatementAudit&) = delete;
    StatementAudit& operator=(const StatementAudit&) = delete;

    [[nodiscard]] const job::StatementJob& job() const { return *job_; }

    // A record whose value is a good one, with what it has at the statement's paths.
    [[nodiscard]] Judgement judge(std::span<const FieldValue> fields, const RecordView& record,
                                  const Header& header) const;

    // Of a job with windows: the one that an instant lies in; of hopping ones the pane, of sessions
    // that millisecond, which may be all of one.
    [[nodiscard]] WindowSpan window_at(std::int64_t time) const;
    // Of hopping windows: all that it lies in.
    [[nodiscard]] std::vector<WindowSpan> windows_over(std::int64_t time) const;
    // The end of the one that begins there, of sessions of that millisecond. None where none does:
    // keys come out of a log.
    [[nodiscard]] std::optional<std::int64_t> window_end(std::int64_t start) const;
    // Of hopping windows: the end of the last one over the pane that begins there, or none.
    [[nodiscard]] std::optional<std::int64_t> last_end_over(std::int64_t pane_start) const;

    // Of a job with sessions: the last time of one, from its row.
    [[nodiscard]] static std::int64_t last_time(const Row& row);

    // The value of the key's result, whose row is there; none where HAVING is not true of it. The
    // window of `group`, which it has in a job with windows, is one.
    [[nodiscard]] std::optional<std::string> result(const GroupKey& group, const Row& row) const;
    // A row for people.
    [[nodiscard]] std::string text_of(std::span<const Slot> slots,
                                      std::span<const std::string> texts) const;

private:
    // What of an aggregate goes into a slot.
    enum class Part : std::uint8_t {
        records,
        not_null,
        trues,
        sum,
        least,
        greatest,
        least_text,
        greatest_text,
        values,
        ranks,
        squares_low,
        squares_high,
    };
    struct Feed {
        std::size_t aggregate = 0;
        Part part = Part::records;
    };
    struct Group;

    explicit StatementAudit(std::shared_ptr<const job::StatementJob> job);

    [[nodiscard]] bool has_sessions() const {
        return job_->statement.event_time && job_->statement.event_time->has_sessions();
    }
    [[nodiscard]] Result<void> lay_out();
    // By WHERE, keys and inputs.
    [[nodiscard]] Judgement judge_values(std::span<const FieldValue> fields,
                                         const RecordView& record, const Header& header) const;
    [[nodiscard]] std::string label(std::size_t slot) const;

    std::shared_ptr<const job::StatementJob> job_;
    std::unique_ptr<const Interpreter> interpreter_;
    std::unique_ptr<const Windows> windows_;  // of a job with windows
    std::vector<AggregateKind> kinds_;
    std::vector<Feed> feeds_;  // by slots; of sessions not the last one, which is the last time
};

}  // namespace kstream::audit
