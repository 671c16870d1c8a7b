// Purges the repartition topic (protocol P10): its owner deletes records, and only those that are
// below its committed offset AND older than --keep-deltas, so that a mistake of the last day can be
// looked at and an audit can start there.
#pragma once

#include "kstream/pipeline/question.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_source.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kstream {

class DeltaPurge {
public:
    DeltaPurge(ClusterQueries& queries, const Clock& clock, Log& log, Duration keep,
               Duration interval);

    // Whether advance() has anything to do.
    [[nodiscard]] bool due() const { return stage_ != Stage::wait || clock_.now() >= next_; }

    // One step, never blocks. `committed`: the committed positions of the owned partitions.
    // A failure is logged and tried again an interval later: nothing depends on a purge.
    void advance(std::span<const PartitionPosition> committed);

private:
    enum class Stage : std::uint8_t { wait, find, purge };

    Query find_query() const;

    Question question_;
    const Clock& clock_;
    Log& log_;
    Duration keep_;
    Duration interval_;
    Stage stage_ = Stage::wait;
    Instant next_;
    Query query_;                                // the open question
    std::vector<PartitionPosition> candidates_;  // committed positions of this round
};

}  // namespace kstream
