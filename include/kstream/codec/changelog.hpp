// Changelog records (protocol P9): the key's first byte says what it is. A total carries its slots;
// the meta record, last in each transaction of its partition, carries everything that a new owner
// must know to go on, and to know that what it restored is whole.
#pragma once

#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

enum class ChangelogKeyKind : std::uint8_t { meta = 0, total = 1, element = 2, advance = 3 };

// Appends the changelog key of a total (the meta key is meta_key()).
void append_total_key(std::string& out, std::string_view state_key);
[[nodiscard]] std::string_view meta_key();

// integrity for an empty key or a first byte that is reserved.
[[nodiscard]] Result<ChangelogKeyKind> changelog_key_kind(std::string_view key);
// The state key inside a total's changelog key.
[[nodiscard]] inline std::string_view total_state_key(std::string_view changelog_key) {
    return changelog_key.substr(1);
}

// `texts` has those of the slots, here and below: of a job that keeps any. `published` is of a job
// with HAVING, and of no other: whether the results have the key. `number` is of a job with sets:
// that of the key, 0 where it has none yet.
void append_total_value(std::string& out, std::uint64_t transaction,
                        std::span<const AggregateKind> kinds, std::span<const Slot> slots,
                        const TextStore* texts = nullptr, std::optional<bool> published = {},
                        std::optional<std::uint64_t> number = {});
// Appends the slots to `slots`, and their texts to `texts`. Without a place for `published` it is
// a total of a job without HAVING, without one for `number` of one without sets.
[[nodiscard]] Result<std::uint64_t> decode_total_value(
    std::string_view value, std::span<const AggregateKind> kinds, std::vector<Slot>& slots,
    TextStore* texts = nullptr, bool* published = nullptr, std::uint64_t* number = nullptr);

// What one entry adds to a partition's state hash: the hash of the whole state is the sum of its
// entries' modulo 2^128, so it changes in constant time with each change of an entry.
[[nodiscard]] UInt128 state_entry_hash(std::string_view state_key,
                                       std::span<const AggregateKind> kinds,
                                       std::span<const Slot> slots,
                                       const TextStore* texts = nullptr,
                                       std::optional<bool> published = {},
                                       std::optional<std::uint64_t> number = {});

// A source partition in which nothing came, moved on in event time by its owner (docs/adr/0057): at
// that position its watermark is at least this one. Kept for good, at one state partition: whoever
// computes the results again cannot find it out from the source.
struct Advance {
    PartitionId partition;
    Offset position;
    std::int64_t watermark = kNoTime;
    friend bool operator==(const Advance&, const Advance&) = default;
};
// The state partition that keeps the advances of a source partition.
[[nodiscard]] PartitionId keeper_of_advances(PartitionId source, std::uint32_t state_partitions);
// One key for each position: a later one there takes the place of the one before.
void append_advance_key(std::string& out, const Advance& advance);
void append_advance_value(std::string& out, std::uint64_t transaction, const Advance& advance);
// integrity when it is damaged.
[[nodiscard]] Result<Advance> decode_advance(std::string_view key, std::string_view value);
// What the key alone says, as a tombstone has it: an advance without a watermark. None where it
// does not parse.
[[nodiscard]] std::optional<Advance> decode_advance_key(std::string_view key);
// What it adds to the hash of a state partition's advances, which is their sum modulo 2^128.
[[nodiscard]] UInt128 advance_hash(const Advance& advance);

// How far one source partition is in the totals of one state partition.
struct SourceProgress {
    PartitionId partition;
    Offset base;     // where this application began to read it (P3)
    Offset applied;  // position up to which its records are in the totals
    RecordCounts counts;
    std::int64_t watermark = kNoTime;  // at `applied`
    Horizon horizon;                   // at `applied`, of a job with unique_by
    std::vector<Slot> slots;           // over all keys, as the ranges carried them
    friend bool operator==(const SourceProgress&, const SourceProgress&) = default;
};

// Of a job with hopping windows, how far they are closed: all that end before `end`, and of those
// that end there the ones of groups whose hash is at most `hash`. A window can only be closed when
// all before it are, so this one says it of all. The hash of a group is stable_hash() over its
// values as they stand in a state key.
struct ClosingCursor {
    std::int64_t end = kNoTime;  // kNoTime: none is
    UInt128 hash = 0;

    [[nodiscard]] bool has_passed(std::int64_t window_end, UInt128 group_hash) const {
        return window_end < end || (window_end == end && group_hash <= hash);
    }
    friend bool operator==(const ClosingCursor&, const ClosingCursor&) = default;
};

struct Meta {
    Identity identity;
    std::string spec_text;  // canonical_text() of the job: so that a refusal can name the old job
    std::uint64_t run_id = 0;             // of the totals loop that wrote it
    std::uint64_t transaction = 0;        // number of the transaction of this partition, from 1
    Offset repartition_position;          // equals the group's committed offset (P8)
    std::vector<SourceProgress> sources;  // by partition
    std::uint64_t keys = 0;
    // Merged over all keys of this partition. Of a job with windows those alone that can be taken
    // out again when a window closes, and all of these are present; so are `retired`.
    std::vector<Slot> slots;
    UInt128 state_hash = 0;
    std::uint64_t last_number = 0;  // given to a key, of a job with sets
    // Of a job with windows: up to where they are closed, or about to be.
    std::int64_t clock = kNoTime;
    // Keys whose windows have ended by the clock and still are here, of a job with hopping windows
    // groups that have such a window. Perhaps too many, but of the last meta 0 when there are none.
    std::uint64_t to_close = 0;
    std::vector<Slot> retired;  // merged over all keys whose windows were closed
    // Elements in the changelog that nothing needs any more, of a job with windows and sets: of
    // keys whose windows were closed, and of sets that are over.
    std::uint64_t to_sweep = 0;
    std::uint64_t advances = 0;  // that this partition keeps
    UInt128 advances_hash = 0;
    ClosingCursor cursor;  // of a job with hopping windows
    friend bool operator==(const Meta&, const Meta&) = default;
};

// The front of a meta record, which reads the same whatever aggregates the job has.
struct MetaHead {
    Identity identity;
    std::string spec_text;
};
// integrity when it is damaged or of another format.
[[nodiscard]] Result<MetaHead> decode_meta_head(std::string_view value);

void append_meta_value(std::string& out, const StoredForm& form, const Meta& meta);

// integrity when it is damaged; identity when its aggregates are not those of `form`, or only one
// of the two has event time (another job).
[[nodiscard]] Result<Meta> decode_meta_value(std::string_view value, const StoredForm& form);

}  // namespace kstream
