// The source partitions of a state partition: how far each of them is in the totals (P2), how far
// it has come in event time, and the advances of it that are kept here (docs/adr/0057). Here are
// the chain of ranges, the watermark over all of them, what a layer has to take back of these, and
// the check of a restore that no advance is missing. What the ranges have changed of the totals,
// the clock up to which windows are closed and the layers themselves are TotalsState's; nobody else
// calls this.
#pragma once

#include "kstream/codec/changelog.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/error.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/int128.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/pipeline/job.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

class TotalsSources {
public:
    // What a map step's ranges are to these (P2).
    enum class Chain : std::uint8_t { next, duplicate };

    // Those that this partition keeps. In memory is the newest of each source partition, which
    // another one at the same position takes the place of.
    struct Advances {
        std::uint64_t count = 0;
        UInt128 hash = 0;
        std::vector<Advance> newest;  // by source partition
    };

    // What a layer of TotalsState has to put back of these when it is taken back.
    struct Layer {
        std::vector<SourceProgress> before;
        Advances advances_before;
        std::vector<Advance> advances;  // that this layer writes, each position once
        std::size_t to_drop_before = 0;
    };

    // Where the log of each source partition begins; of one that is not here nobody asked.
    using LogStarts = std::map<PartitionId, Offset>;

    // None is opened yet. `job` must outlive this.
    TotalsSources(const Job& job, PartitionId partition);

    // --- restoring ---

    // A changelog record of an advance; it takes the place of an earlier one at its position.
    // integrity when it is damaged.
    [[nodiscard]] Result<void> restore(std::string_view key, std::string_view value);
    // The same of an advance that was dropped.
    void restore_tombstone(std::string_view key);
    // After the last record: goes on where `meta` says that each source partition is, and drops
    // with the next steps what nobody needs any more (see seal()). integrity, naming the partition,
    // when the advances are not those that meta counts.
    [[nodiscard]] Result<void> finish_restore(const Meta& meta, const LogStarts& starts);

    // --- changing ---

    // integrity when the ranges are neither what comes next nor what is applied already; `where` is
    // the batch's place, for the message.
    [[nodiscard]] Result<Chain> check_chain(const BatchHeader& header,
                                            std::string_view where) const;
    // Precondition: check_chain() said next. Once for each map step.
    void apply(const BatchHeader& header, Layer& layer);

    // --- layers ---

    void begin(Layer& layer) const;
    // Writes the advances of the layer to the changelog, and tombstones of some that are to be
    // dropped: of those that were made at or before the start of the source partition's log when
    // this was restored, all but the last one, the floor. Whoever reads the source from its start
    // has the watermark of each record without them, and without them a partition in which a record
    // comes now and then would have a longer restore each year (docs/adr/0057, rule 7 of event
    // time).
    void seal(std::uint64_t transaction, const Layer& layer, OutputBatch& out);
    // The layer that was sealed last. Precondition: nothing was sealed since.
    void committed();
    void undo(const Layer& layer);

    // --- for those who look ---

    // The least one of all source partitions; kNoTime while one has none, or one that the
    // application began with was not opened yet.
    [[nodiscard]] std::int64_t watermark() const;
    // By partition those from before the layer; kNoTime also of one that the application began with
    // and that was not opened yet.
    [[nodiscard]] std::vector<SourceWatermark> watermarks_before(const Layer& layer) const;
    // What meta says of these.
    void put_into(Meta& meta) const;
    [[nodiscard]] std::size_t memory_bytes() const { return to_drop_.capacity() * sizeof(Advance); }

private:
    [[nodiscard]] const SourceProgress* find(PartitionId partition) const;
    void note_advance(const Advance& advance);
    void keep_advance(const SourceRange& range, Layer& layer);
    void choose_to_drop(const LogStarts& starts);

    const Job& job_;
    PartitionId partition_;
    bool windows_ = false;
    std::vector<SourceProgress> sources_;  // by partition
    Advances advances_;
    // All of them, while they are restored: a tombstone names one by its position.
    std::map<PartitionId, std::map<Offset, std::int64_t>> restored_;
    std::vector<Advance> to_drop_;  // the first left_to_drop_ of them
    std::size_t left_to_drop_ = 0;
    std::string key_;  // these of the record that is being made
    std::string value_;
};

}  // namespace kstream
