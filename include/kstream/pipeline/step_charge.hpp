// What a step is charged with for a key, in bytes: what both loops hold and write because of it. A
// step is bounded by the sum of these, so that no choice of keys makes one that cannot be held, or
// cannot be committed in the time of a transaction: a key of 1 KiB has a result of up to 12 KiB.
#pragma once

#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/output_batch.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kstream {

// Half a million keys as most jobs have them, of which a step writes some tens of megabytes.
inline constexpr std::size_t kMaxStepBytes = std::size_t{192} << 20;

class KeyCharge {
public:
    explicit KeyCharge(const AggregationSpec& spec) {
        for (const std::string& field : spec.group_by) {
            fixed_ += field.size();
        }
        for (const AggregateSpec& aggregate : spec.aggregates) {
            fixed_ += aggregate.output_name.size() + kSlotBytes;
        }
        if (spec.statement) {
            for (const std::string& column : spec.statement->columns) {
                result_ += column.size() + kColumnBytes;
            }
            fixed_ += result_;
            result_ += sizeof(OutputBatch::Record);
            more_results_ = spec.statement->results_per_key - 1;
            results_ = 1 + spec.statement->mentions;
            fixed_ += kPublishedBytes + kNumberBytes;
        }
    }

    // Of a key that a step has met for the first time.
    [[nodiscard]] std::size_t of(std::string_view state_key) const {
        // In the table, in a delta and in the changelog as it is; in the result's key and in its
        // value escaped.
        const std::size_t in_result = in_result_of(state_key);
        return fixed_ + 3 * state_key.size() + in_result + more_results_ * (result_ + in_result);
    }

    // Of one result of such a key on top: of a window that closes while its panes stay.
    [[nodiscard]] std::size_t of_result(std::string_view state_key) const {
        return result_ + in_result_of(state_key);
    }

    // Of a text that a key keeps from now on: in the store, in a delta, in the changelog and,
    // escaped, in the result.
    [[nodiscard]] static std::size_t of_text(std::string_view text) { return 9 * text.size() + 8; }

    // Of an element that is new to a set: 38 bytes in the table, 32 in the undo, twice its own and
    // the records around them.
    static constexpr std::size_t kElementBytes = 128;

private:
    [[nodiscard]] std::size_t in_result_of(std::string_view state_key) const {
        std::size_t escapes = 0;  // of a JSON string
        for (const char c : state_key) {
            escapes += static_cast<unsigned char>(c) < 0x20 ? 5U : 0U;
            escapes += c == '"' || c == '\\' ? 1U : 0U;
        }
        return results_ * (state_key.size() + escapes);
    }

    // A slot in memory and in the undo, in a delta and in the changelog, and as text.
    static constexpr std::size_t kSlotBytes = 2 * 24 + 2 * 12 + 20;
    // Of HAVING: in memory, in the undo and in the changelog.
    static constexpr std::size_t kPublishedBytes = 3;
    // Of sets, the same of a key's number.
    static constexpr std::size_t kNumberBytes = 3 * sizeof(std::uint64_t);
    // The records of changelog and results, and what the tables hold for each key.
    std::size_t fixed_ = 2 * sizeof(OutputBatch::Record) + 64;
    static constexpr std::size_t kColumnBytes = 40;  // of a statement's result, beside its name
    std::size_t results_ = 2;       // how often the key is in a result: in its key and in its value
    std::size_t result_ = 0;        // of a statement's result, but for the key in it
    std::size_t more_results_ = 0;  // of one changed key, beside the first
};

}  // namespace kstream
