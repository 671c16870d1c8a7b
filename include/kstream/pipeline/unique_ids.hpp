// Which records of the source are duplicates of their producers (rule E7): the ids that each source
// partition of a map loop has had lately. Of jobs with unique_by alone.
//
// MapFold asks it for each record and takes it through the steps; MapTakeover puts in what it has
// read back.
#pragma once

#include "kstream/core/recent_ids.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/reader/record_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <map>

namespace kstream {

// Puts in a record that `reader` has just read, whatever the verdict. Whether it is a duplicate: a
// good one, of which a copy came before.
[[nodiscard]] bool note_id(RecentIds& ids, const RecordView& record, const RecordReader& reader,
                           const RecordVerdict& verdict);

class UniqueIds {
public:
    // Precondition: job.has_unique().
    explicit UniqueIds(const Job& job);

    // Of a position that `seen` is the newest event time of records in front of: no ids yet.
    [[nodiscard]] RecentIds begin(std::int64_t seen) const { return {within_, seed_, seen}; }
    // What a partition that enters service has had, all of it sealed and committed.
    void install(PartitionId partition, RecentIds ids);
    void drop(PartitionId partition) { of_.erase(partition); }

    // note_id() of the next record of its partition.
    [[nodiscard]] bool is_duplicate(const RecordView& record, const RecordReader& reader,
                                    const RecordVerdict& verdict) {
        return note_id(of(record.partition), record, reader, verdict);
    }
    // At the position that is sealed next.
    [[nodiscard]] Horizon horizon(PartitionId partition, Offset position);

    // The life of a step, as Fold has it.
    void seal();
    void committed();
    void undo_filling();
    void undo_in_flight();

    [[nodiscard]] std::size_t memory_bytes() const;

private:
    RecentIds& of(PartitionId partition) {
        return of_.try_emplace(partition, within_, seed_).first->second;
    }

    std::int64_t within_;
    std::uint64_t seed_;
    std::map<PartitionId, RecentIds> of_;
};

}  // namespace kstream
