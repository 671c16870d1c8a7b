// When `--until end` is done (protocol P11): the ends of all source partitions are taken at the
// start, and the job is done when the committed meta of every state partition says that every one
// of them is applied that far - whoever owns the partitions by then.
#pragma once

#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/question.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log_reader.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace kstream {

class EndWatch {
public:
    EndWatch(const Job& job, ClusterQueries& queries, LogReader& reader);

    // One step, soon over. True once everything is applied.
    [[nodiscard]] Result<bool> advance(Duration wait);

    // State partitions in which not all ends are applied yet; for progress.
    [[nodiscard]] std::size_t missing() const;

private:
    enum class Stage : std::uint8_t { count_partitions, take_ends, take_start, take_stable, watch };
    struct Changelog {
        Offset start;
        Offset stable;      // end of what was committed when it was asked for
        Offset from;        // where reading began
        bool seen = false;  // a meta record was read
        std::map<PartitionId, Offset> applied;
    };

    Result<bool> ask(Query query, QueryAnswer& answer);
    Result<bool> count_partitions();
    Result<bool> take_ends();
    Result<bool> take_bound(Query::Kind kind, Offset Changelog::* into);
    Result<void> open_tails();
    Result<bool> watch(Duration wait);
    Result<void> read_further_back(PartitionId partition, Changelog& log);
    [[nodiscard]] bool reached(const Changelog& log) const;

    const Job& job_;
    Question question_;
    LogReader& reader_;
    Stage stage_ = Stage::count_partitions;
    std::int32_t source_partitions_ = 0;
    std::vector<Offset> ends_;           // by source partition
    std::vector<Changelog> changelogs_;  // by state partition
};

}  // namespace kstream
