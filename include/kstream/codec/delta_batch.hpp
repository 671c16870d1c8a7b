// The value of a repartition record (protocol P2): which ranges of the source one map step has
// read, and the combined deltas for the keys of this repartition partition. docs/PROTOCOL.md has
// the bytes; golden files in tests/golden keep them still.
#pragma once

#include "kstream/codec/element.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/element.hpp"
#include "kstream/core/text_store.hpp"
#include "kstream/error.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

// The formats of batches, totals and meta. They differ in what a slot may be: in the second one
// also wide, a value beyond 128 bits; in the third one also a text (core/text_store.hpp). A value
// has the lowest that its slots need, and the bytes of the first never change; a version that does
// not know a kind of slots refuses the format by its number. Totals of a job with HAVING, totals
// and meta of one with sets, and its batches with deltas are all of the third, and have more
// fields. Batches and meta of a job with event time are all of the fourth, whose slots may be
// whatever those of the third are.
inline constexpr std::uint8_t kFormat = 1;
inline constexpr std::uint8_t kWideFormat = 2;
inline constexpr std::uint8_t kStatementFormat = 3;
inline constexpr std::uint8_t kEventTimeFormat = 4;

// What of a job the bytes of its batches, totals and meta depend on.
struct StoredForm {
    std::span<const AggregateKind> kinds;  // in every row of slots, one slot each
    bool event_time = false;
    bool windows = false;  // of event time
    bool hop = false;      // windows that overlap
    bool unique = false;   // event time with unique_by

    // Of a job without event time.
    template <std::convertible_to<std::span<const AggregateKind>> Kinds>
    StoredForm(const Kinds& of) : kinds(of) {}
    StoredForm(std::span<const AggregateKind> of, bool has_event_time, bool has_windows,
               bool windows_hop = false, bool has_unique = false)
        : kinds(of),
          event_time(has_event_time),
          windows(has_windows),
          hop(windows_hop),
          unique(has_unique) {}
};

// Of a slot's encoded form: a tag and three words. Texts come on top.
inline constexpr std::size_t kMaxSlotBytes = 25;

// What became of the records of a range. read is the sum of all others: nothing vanishes.
struct RecordCounts {
    std::uint64_t read = 0;
    std::uint64_t aggregated = 0;
    std::uint64_t filtered = 0;
    std::uint64_t late = 0;
    std::uint64_t dead_lettered = 0;
    std::uint64_t skipped = 0;  // bad records under --on-bad-record skip
    std::uint64_t tombstones = 0;
    std::uint64_t duplicates = 0;  // of a job with unique_by

    [[nodiscard]] bool balanced() const {
        return read ==
               aggregated + filtered + late + dead_lettered + skipped + tombstones + duplicates;
    }
    RecordCounts& operator+=(const RecordCounts& other);
    friend bool operator==(const RecordCounts&, const RecordCounts&) = default;
};

// One half-open range of positions of one source partition, with the same content in every
// repartition partition. `slots` are the aggregates over all its aggregated records, of all keys.
// The watermark of a partition is the newest event time of its records so far (docs/adr/0057),
// kNoTime before the first, and always that of a job without event time.
struct SourceRange {
    PartitionId partition;
    Offset from;
    Offset to;
    RecordCounts counts;
    std::int64_t watermark_before = kNoTime;  // before the range's first record
    std::int64_t watermark = kNoTime;         // after its last one
    Horizon horizon;                          // at `to`, of a job with unique_by
    std::vector<Slot> slots;
    friend bool operator==(const SourceRange&, const SourceRange&) = default;
};

enum class BatchKind : std::uint8_t {
    step = 0,
    open = 1,  // empty ranges [base, base): the source partitions' bases (P3)
};

struct BatchHeader {
    BatchKind kind = BatchKind::step;
    std::uint64_t run_id = 0;  // random per map loop start: tells apart equal step numbers
    std::uint64_t step = 0;
    std::uint32_t chunk = 0;  // of `chunks`; ranges stand in every chunk
    std::uint32_t chunks = 1;
    // Timestamp of the oldest record of the step, -1 when it has none: what the totals loop
    // measures append-to-visible latency from.
    std::int64_t oldest_timestamp_ms = -1;
    Identity identity;
    std::vector<SourceRange> ranges;
    friend bool operator==(const BatchHeader&, const BatchHeader&) = default;
};

// Builds batch values: add_delta() for each key, then finish() with the header, again and again.
class DeltaBatchWriter {
public:
    // What the form's kinds are a view of must outlive this.
    explicit DeltaBatchWriter(const StoredForm& form) : form_(form) {}

    // `texts` has those of the slots: of a job that keeps any. `sets` has a list for each set of
    // the job, `multisets` one for each multiset, all sorted, so that equal steps have equal bytes.
    void add_delta(std::string_view state_key, std::span<const Slot> slots,
                   const TextStore* texts = nullptr,
                   std::span<const std::vector<Element>> sets = {},
                   std::span<const std::vector<CountedValue>> multisets = {});
    // The whole value; valid until the next call. Begins the next batch.
    [[nodiscard]] std::string_view finish(const BatchHeader& header);

    // The most bytes that a delta takes: what a batch is divided into chunks by.
    [[nodiscard]] static std::size_t max_delta_bytes(std::string_view state_key,
                                                     std::size_t slots) {
        return 5 + state_key.size() + kMaxSlotBytes * slots;
    }

private:
    StoredForm form_;
    std::string bytes_;
    std::string deltas_;
    std::uint32_t count_ = 0;
    std::uint8_t format_ = kFormat;  // that the deltas need
};

struct DeltaView {
    std::string_view state_key;
    std::uint32_t first_slot = 0;  // index into DeltaBatch::slots
};

struct DeltaBatch {
    BatchHeader header;
    std::vector<DeltaView> deltas;  // views into the decoded value
    std::vector<Slot> slots;        // kinds.size() per delta
    TextStore texts;                // of these
    std::vector<Element> elements;  // of all lists, one after the other
    // Where each list ends: one for each set of the job, per delta.
    std::vector<std::uint32_t> list_ends;

    [[nodiscard]] std::span<const Element> list(std::size_t number) const {
        const std::size_t begin = number == 0 ? 0 : list_ends[number - 1];
        return std::span{elements}.subspan(begin, list_ends[number] - begin);
    }
    // The same of the multisets.
    std::vector<CountedValue> values;
    std::vector<std::uint32_t> value_ends;
    [[nodiscard]] std::span<const CountedValue> value_list(std::size_t number) const {
        const std::size_t begin = number == 0 ? 0 : value_ends[number - 1];
        return std::span{values}.subspan(begin, value_ends[number] - begin);
    }
};

// Reads and checks a batch: format, CRC, aggregate kinds, one range or more, in order, with
// from <= to (equal in an open step), a watermark that does not fall, a horizon that is not beyond
// them, balanced counts. integrity, naming what is wrong, otherwise. `out` is reused; its views
// point into `value`.
[[nodiscard]] Result<void> decode_delta_batch(std::string_view value, const StoredForm& form,
                                              DeltaBatch& out);

class ByteWriter;
class ByteReader;

// Parts that the changelog's formats share.

// Of a total of a job with these aggregates, or of a batch of one without event time.
[[nodiscard]] bool is_known_format(std::uint8_t format, std::span<const AggregateKind> kinds);

// The format that the value has to be of in which they stand. Without `texts` no slot has a text:
// the ranges of a batch and meta have none.
[[nodiscard]] std::uint8_t write_slots(ByteWriter& writer, std::span<const AggregateKind> kinds,
                                       std::span<const Slot> slots,
                                       const TextStore* texts = nullptr);
[[nodiscard]] bool read_slots(ByteReader& reader, std::uint8_t format,
                              std::span<const AggregateKind> kinds, std::vector<Slot>& slots,
                              TextStore* texts = nullptr);
void write_time(ByteWriter& writer, std::int64_t ms);
[[nodiscard]] std::int64_t read_time(ByteReader& reader);
void write_counts(ByteWriter& writer, const StoredForm& form, const RecordCounts& counts);
[[nodiscard]] RecordCounts read_counts(ByteReader& reader, const StoredForm& form);
void write_horizon(ByteWriter& writer, const Horizon& horizon);
[[nodiscard]] Horizon read_horizon(ByteReader& reader);
// Of a position that is `to`, with this watermark there.
[[nodiscard]] bool is_plausible(const Horizon& horizon, Offset to, std::int64_t watermark);
void write_identity(ByteWriter& writer, const Identity& identity);
[[nodiscard]] bool read_identity(ByteReader& reader, Identity& identity);

}  // namespace kstream
