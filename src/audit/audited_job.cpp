#include "kstream/audit/audited_job.hpp"

#include "audit/clocks.hpp"
#include "audit/sums.hpp"
#include "audit/window_keys.hpp"
#include "kstream/audit/finding.hpp"
#include "kstream/check.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/spec_difference.hpp"
#include "kstream/codec/state_key.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace kstream::audit {

namespace {

constexpr AggregateKind kSum = aggregate_named("sum");
constexpr AggregateKind kCount = aggregate_named("count");
constexpr AggregateKind kMin = aggregate_named("min");
constexpr AggregateKind kMax = aggregate_named("max");
constexpr AggregateKind kSquaresLow = aggregate_named("squares_low");
constexpr AggregateKind kSquaresHigh = aggregate_named("squares_high");

}  // namespace

std::string_view finding_name(FindingKind kind) {
    switch (kind) {
        case FindingKind::wrong_total:
            return "wrong total";
        case FindingKind::missing_total:
            return "missing total";
        case FindingKind::extra_total:
            return "extra total";
        case FindingKind::wrong_result:
            return "wrong result";
        case FindingKind::missing_result:
            return "missing result";
        case FindingKind::extra_result:
            return "extra result";
        case FindingKind::stale_result:
            return "stale result";
        case FindingKind::wrong_counts:
            return "wrong counts";
        case FindingKind::unbalanced:
            return "unbalanced counts";
        case FindingKind::gap:
            return "gap";
        case FindingKind::overlap:
            return "overlap";
        case FindingKind::broken_state:
            return "broken state";
        case FindingKind::damaged:
            return "damaged record";
        case FindingKind::foreign:
            return "foreign record";
        case FindingKind::misplaced:
            return "misplaced record";
        case FindingKind::window_missing:
            return "window missing";
        case FindingKind::window_early:
            return "window early";
        case FindingKind::late_wrong:
            return "late wrong";
        case FindingKind::duplicate_wrong:
            return "duplicate wrong";
    }
    return "unknown";
}

bool rests_on_source(FindingKind kind) {
    switch (kind) {
        case FindingKind::wrong_total:
        case FindingKind::missing_total:
        case FindingKind::extra_total:
        case FindingKind::wrong_result:
        case FindingKind::missing_result:
        case FindingKind::extra_result:
        case FindingKind::stale_result:
        case FindingKind::wrong_counts:
        case FindingKind::window_missing:
        case FindingKind::late_wrong:
        case FindingKind::duplicate_wrong:
            return true;
        case FindingKind::unbalanced:
        case FindingKind::gap:
        case FindingKind::overlap:
        case FindingKind::broken_state:
        case FindingKind::damaged:
        case FindingKind::foreign:
        case FindingKind::misplaced:
        case FindingKind::window_early:
            return false;
    }
    return false;
}

AuditedJob AuditedJob::of(AggregationSpec spec, const Identity& identity,
                          std::shared_ptr<const StatementAudit> statement) {
    AuditedJob job;
    job.spec = std::move(spec);
    job.identity = identity;
    job.state_partitions = identity.state_partitions;
    job.statement = std::move(statement);
    for (const AggregateSpec& aggregate : job.spec.aggregates) {
        job.kinds.push_back(aggregate.kind);
    }
    return job;
}

std::vector<std::string> job_differences(const AuditedJob& job, const Identity& stored,
                                         std::string_view stored_spec) {
    // The hash decides; the text only says in which words.
    std::vector<std::string> differences;
    if (stored.spec_hash != job.identity.spec_hash) {
        differences = spec_differences(stored_spec, canonical_text(job.spec));
    }
    const bool said = !differences.empty();
    for (std::string& difference : identity_differences(stored, job.identity)) {
        const bool of_spec =
            difference.starts_with("specification") || difference.starts_with("decimal scale");
        if (!said || !of_spec) {
            differences.push_back(std::move(difference));
        }
    }
    return differences;
}

void count_in(std::span<const AggregateKind> kinds, std::span<Slot> row,
              std::span<const Decimal> inputs) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const Int128 input = inputs[i].units;
        Int192 value = row[i].value();
        switch (kinds[i]) {
            case kCount:
                value = value + Int192{1};
                break;
            case kSum:
                value = value + Int192{input};
                break;
            case kMin:
            case kMax:
                value = extreme_of(kinds[i], row[i], Slot{input, true}).value();
                break;
            case kSquaresLow:
                value = value + square_of(input).first;
                break;
            case kSquaresHigh:
                value = value + square_of(input).second;
                break;
            default:
                KSTREAM_CHECK(false, "the audit knows every aggregate");
        }
        row[i] = Slot{value, true};
    }
}

std::string counts_text(const RecordCounts& counts) {
    const std::string duplicates =
        counts.duplicates == 0 ? "" : fmt::format(" + {} duplicates", counts.duplicates);
    return fmt::format(
        "{} read = {} aggregated + {} filtered + {} late + {} dead-lettered + {} skipped + {} "
        "tombstones{}",
        counts.read, counts.aggregated, counts.filtered, counts.late, counts.dead_lettered,
        counts.skipped, counts.tombstones, duplicates);
}

std::string row_text(const AuditedJob& job, std::span<const Slot> slots,
                     std::span<const std::string> texts) {
    if (job.statement != nullptr) {
        return job.statement->text_of(slots, texts);
    }
    std::string text;
    for (std::size_t i = 0; i < job.kinds.size(); ++i) {
        text += (i == 0 ? "" : ", ") + job.spec.aggregates[i].output_name + " ";
        append_finished(text, job.kinds[i], slots[i], job.spec.scale);
    }
    return text;
}

std::string time_text(std::int64_t ms) {
    return ms == kNoTime ? "none" : instant_text(ms);
}

std::string horizon_text(const Horizon& horizon) {
    return fmt::format("ids from offset {} on, where time is {}", horizon.offset.value,
                       time_text(horizon.seen));
}

std::string key_text(const AuditedJob& job, std::string_view state_key) {
    if (job.hops() && is_window_key(state_key)) {
        return key_text(job, state_key_of_window(state_key));
    }
    GroupKey group;
    if (!decode_state_key(state_key, job.key_shape(), group)) {
        return shown(state_key);
    }
    std::string text;
    append_result_key(text, group);
    return shown(text);
}

std::optional<std::string> result_text(const AuditedJob& job, std::string_view state_key,
                                       const Row& row) {
    if (job.hops() && is_window_key(state_key)) {
        return result_text(job, state_key_of_window(state_key), row);
    }
    GroupKey group;
    std::string text;
    if (!decode_state_key(state_key, job.key_shape(), group)) {
        return text;
    }
    if (job.statement != nullptr) {
        return job.statement->result(group, row);
    }
    append_result_value(text, job.spec, group, row.slots);
    return text;
}

std::string shown(std::string_view bytes) {
    return text::ascii(bytes, 400);
}

}  // namespace kstream::audit
