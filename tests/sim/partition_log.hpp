// One partition of a topic as its leader has it: records, control records, open transactions, the
// last stable offset, sequence numbers and epochs of producers, log start, compaction.
//
// What is deleted or compacted is only hidden from readers, so that the oracle still sees all that
// was ever committed. Only what an unclean election cuts off is gone.
#pragma once

#include "kstream/model/ids.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/model/record.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "sim/code.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::sim {

// A producer session as the brokers know it.
struct ProducerId {
    std::uint64_t id = 0;
    std::int32_t epoch = -1;
    friend bool operator==(const ProducerId&, const ProducerId&) = default;
};

class PartitionLog {
public:
    enum class Kind : std::uint8_t { data, control };
    struct Entry {
        std::uint64_t producer = 0;  // 0: not of a transaction
        std::int32_t epoch = -1;     // of the producer
        std::int64_t sequence = 0;   // of its batch
        std::int64_t timestamp_ms = 0;
        Kind kind = Kind::data;
        bool aborted = false;    // of an aborted transaction, or still of an open one
        bool compacted = false;  // hidden from readers
        bool has_key = false;
        bool has_value = false;
        std::string key;
        std::string value;
        OutputBatch::Headers headers;
    };

    // One record that is not part of a transaction.
    void append(std::optional<std::string_view> key, std::optional<std::string_view> value,
                std::int64_t timestamp_ms, OutputBatch::Headers headers = {});

    // What Produce does with one batch of a transaction. One of the last five that came before is
    // acknowledged again and not appended.
    struct Batch {
        ProducerId producer;
        std::int64_t sequence = 0;
        const OutputBatch* outputs = nullptr;
        const std::vector<std::uint32_t>* records = nullptr;  // indexes into outputs
        std::int64_t timestamp_ms = 0;
    };
    [[nodiscard]] Code append(const Batch& batch);

    // Whether this batch would begin its producer's transaction here; the broker asks the
    // coordinator then (KIP-890, part 1). Until the transaction has begun or ended here it takes no
    // batch with a higher number than the lowest one that it has asked about, whatever the answer.
    [[nodiscard]] bool begins(const ProducerId& producer, std::int64_t sequence);

    [[nodiscard]] bool is_open(const ProducerId& producer) const {
        return open_.contains(producer.id);
    }
    // A transaction's end reaches this partition.
    void marker(const ProducerId& producer, bool commit, std::int64_t timestamp_ms);

    [[nodiscard]] Offset start() const { return start_; }
    [[nodiscard]] Offset end() const { return Offset{static_cast<std::int64_t>(entries_.size())}; }
    [[nodiscard]] Offset last_stable() const;
    [[nodiscard]] Offset end(Isolation isolation) const {
        return isolation == Isolation::read_committed ? last_stable() : end();
    }
    [[nodiscard]] Offset first_at(std::int64_t timestamp_ms) const;

    // Whether a fetch from here is answered; else OFFSET_OUT_OF_RANGE.
    [[nodiscard]] bool can_read(Offset from) const { return start_ <= from && from <= end(); }
    // Appends up to `most` records that a reader sees from `from` on; returns the position after
    // all that was passed.
    Offset read(PartitionId partition, Offset from, std::size_t most, std::vector<RecordView>& out,
                Isolation isolation = Isolation::read_committed) const;

    void delete_below(Offset before);
    // Hides what a cleaner would remove below the last stable offset, but for the newest `tail`
    // entries (the active segment).
    void compact(std::size_t tail);

    // A replica that has only what is below becomes the leader (an unclean election); it knows of
    // producers what its own log says. Lower where a transaction that has ended would have lost its
    // end: such a log has nothing to read in it any more until somebody ends the transaction by
    // hand. False when nothing is lost.
    bool cut(Offset at);

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

private:
    struct Producer {
        std::int32_t epoch = -1;
        std::int64_t first_sequence = 0;  // of this epoch
        std::int64_t next_sequence = 0;
    };

    std::vector<Entry> entries_;
    Offset start_;
    struct Asked {
        std::int32_t epoch = -1;
        std::int64_t lowest = 0;
    };

    std::map<std::uint64_t, Producer> producers_;
    std::map<std::uint64_t, Asked> asked_;
    std::map<std::uint64_t, Offset> open_;  // first offset of each open transaction
};

}  // namespace kstream::sim
