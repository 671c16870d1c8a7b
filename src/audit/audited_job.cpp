#include "kstream/audit/audited_job.hpp"

#include "kstream/audit/finding.hpp"
#include "kstream/check.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/spec_difference.hpp"
#include "kstream/codec/state_key.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>

#include <array>
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

// Of two values of an extreme, the one that counts.
Slot extreme_of(AggregateKind kind, const Slot& one, const Slot& other) {
    if (!one.present() || !other.present()) {
        return one.present() ? one : other;
    }
    const bool one_is_less = (one.value() + -other.value()).negative();  // 191 bits: no overflow
    return one_is_less == (kind == kMin) ? one : other;
}

// value^2 as its low 127 bits and the rest, by the digits of 2^32 as on paper.
std::pair<Int192, Int192> square_of(Int128 value) {
    std::array<std::uint64_t, 4> digits{};
    UInt128 left = value < 0 ? -static_cast<UInt128>(value) : static_cast<UInt128>(value);
    for (std::uint64_t& digit : digits) {
        digit = static_cast<std::uint32_t>(left);
        left >>= 32;
    }
    std::array<std::uint64_t, 8> square{};
    for (std::size_t i = 0; i < digits.size(); ++i) {
        std::uint64_t carry = 0;
        for (std::size_t j = 0; j < digits.size(); ++j) {
            const UInt128 sum = UInt128{digits[i]} * digits[j] + square[i + j] + carry;
            square[i + j] = static_cast<std::uint32_t>(sum);
            carry = static_cast<std::uint64_t>(sum >> 32);
        }
        square[i + digits.size()] = carry;
    }
    const auto word = [&square](std::size_t at) { return square[at] | square[at + 1] << 32; };
    constexpr std::uint64_t kLow63 = ~std::uint64_t{0} >> 1;
    return {Int192{word(0), word(2) & kLow63, 0},
            Int192{word(4) << 1 | word(2) >> 63, word(6) << 1 | word(4) >> 63, 0}};
}

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
            return true;
        case FindingKind::unbalanced:
        case FindingKind::gap:
        case FindingKind::overlap:
        case FindingKind::broken_state:
        case FindingKind::damaged:
        case FindingKind::foreign:
        case FindingKind::misplaced:
            return false;
    }
    return false;
}

AuditedJob AuditedJob::of(AggregationSpec spec, const Identity& identity) {
    AuditedJob job;
    job.spec = std::move(spec);
    job.identity = identity;
    job.state_partitions = identity.state_partitions;
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

void add_row(std::span<const AggregateKind> kinds, std::span<Slot> row,
             std::span<const Slot> other) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        switch (kinds[i]) {
            case kMin:
            case kMax:
                row[i] = extreme_of(kinds[i], row[i], other[i]);
                break;
            case kCount:
            case kSum:
            case kSquaresLow:
            case kSquaresHigh:
                row[i] =
                    Slot{row[i].value() + other[i].value(), row[i].present() || other[i].present()};
                break;
            default:
                KSTREAM_CHECK(false, "the audit knows every aggregate");
        }
    }
}

std::string counts_text(const RecordCounts& counts) {
    return fmt::format(
        "{} read = {} aggregated + {} filtered + {} late + {} dead-lettered + {} skipped + {} "
        "tombstones",
        counts.read, counts.aggregated, counts.filtered, counts.late, counts.dead_lettered,
        counts.skipped, counts.tombstones);
}

std::string row_text(const AuditedJob& job, std::span<const Slot> row) {
    std::string text;
    for (std::size_t i = 0; i < job.kinds.size(); ++i) {
        text += (i == 0 ? "" : ", ") + job.spec.aggregates[i].output_name + " ";
        append_finished(text, job.kinds[i], row[i], job.spec.scale);
    }
    return text;
}

std::string key_text(const AuditedJob& job, std::string_view state_key) {
    GroupKey group;
    if (!decode_state_key(state_key, job.spec.group_by.size(), group)) {
        return shown(state_key);
    }
    std::string text;
    append_result_key(text, group);
    return shown(text);
}

std::string result_text(const AuditedJob& job, std::string_view state_key,
                        std::span<const Slot> row) {
    GroupKey group;
    std::string text;
    if (decode_state_key(state_key, job.spec.group_by.size(), group)) {
        append_result_value(text, job.spec, group, row);
    }
    return text;
}

std::string shown(std::string_view bytes) {
    return text::ascii(bytes, 400);
}

}  // namespace kstream::audit
