// What the parts of an audit all have to know of the job. The sums are the audit's own: nothing
// here is shared with the loops that made the totals, so that a bug there cannot hide (ADR 0018).
#pragma once

#include "kstream/audit/row.hpp"
#include "kstream/audit/statement_audit.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/group_key.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::audit {

struct AuditedJob {
    AggregationSpec spec;
    std::vector<AggregateKind> kinds;  // of spec.aggregates
    Identity identity;                 // of the job and its topics as they are now
    std::uint32_t state_partitions = 1;
    // Of a job that only a statement says.
    std::shared_ptr<const StatementAudit> statement;

    // Null where the job has none.
    [[nodiscard]] const job::EventTime* event_time() const {
        const auto* const stated = statement == nullptr ? nullptr : &statement->job().statement;
        return stated != nullptr && stated->event_time ? &*stated->event_time : nullptr;
    }
    [[nodiscard]] bool has_windows() const {
        return event_time() != nullptr && event_time()->has_windows();
    }
    // What its batches, totals and meta are stored as. Valid as long as the job.
    [[nodiscard]] StoredForm form() const {
        return {kinds, event_time() != nullptr, has_windows(), hops(), has_unique()};
    }
    // Its windows overlap: the changelog has totals of panes, the results have windows.
    [[nodiscard]] bool hops() const {
        return has_windows() && event_time()->window.kind == job::WindowKind::hop;
    }
    // Whether it looks for duplicates.
    [[nodiscard]] bool has_unique() const {
        return event_time() != nullptr && event_time()->unique_by.has_value();
    }
    [[nodiscard]] bool has_sessions() const {
        return event_time() != nullptr && event_time()->has_sessions();
    }
    [[nodiscard]] KeyShape key_shape() const {
        return {spec.group_by.size(), has_windows(), has_sessions()};
    }
    // Of a job with windows: whether one that ends there takes no records any more once event time
    // has come this far.
    [[nodiscard]] bool is_closed(std::int64_t window_end, std::int64_t watermark) const {
        return watermark != kNoTime && window_end + event_time()->grace <= watermark;
    }
    // Whether open windows have results, as the keys of a job without windows do.
    [[nodiscard]] bool publishes_open() const {
        return !has_windows() || event_time()->emit == job::Emit::updates;
    }

    [[nodiscard]] static AuditedJob of(AggregationSpec spec, const Identity& identity,
                                       std::shared_ptr<const StatementAudit> statement = nullptr);
};

// How the job that meta belongs to differs from this one, in the words of the options where those
// make the difference; empty when it is this one.
[[nodiscard]] std::vector<std::string> job_differences(const AuditedJob& job,
                                                       const Identity& stored,
                                                       std::string_view stored_spec);

// One record's inputs into a row; of a job of the flags.
void count_in(std::span<const AggregateKind> kinds, std::span<Slot> row,
              std::span<const Decimal> inputs);

// "7 read = 5 aggregated + ..." as the report shows them.
[[nodiscard]] std::string counts_text(const RecordCounts& counts);
// A row as its result's fields without the key: "valor_total_por_vendedor 12.50, ...". Of a
// statement as its accumulators.
[[nodiscard]] std::string row_text(const AuditedJob& job, std::span<const Slot> slots,
                                   std::span<const std::string> texts = {});
[[nodiscard]] inline std::string row_text(const AuditedJob& job, const Row& row) {
    return row_text(job, row.slots, row.texts);
}
// A watermark: "none", or an instant.
[[nodiscard]] std::string time_text(std::int64_t ms);
// "ids from offset 7 on, where time is 2026-11-30T00:00:00Z".
[[nodiscard]] std::string horizon_text(const Horizon& horizon);
// The key as its results record has it; the state key itself, escaped, where it is none of the
// job's.
[[nodiscard]] std::string key_text(const AuditedJob& job, std::string_view state_key);
// The whole result; none where HAVING is not true of it, and so nothing may be published.
[[nodiscard]] std::optional<std::string> result_text(const AuditedJob& job,
                                                     std::string_view state_key, const Row& row);
// Bytes that anybody may have written, safe to print: control characters and non-ASCII escaped,
// long ones cut.
[[nodiscard]] std::string shown(std::string_view bytes);

}  // namespace kstream::audit
