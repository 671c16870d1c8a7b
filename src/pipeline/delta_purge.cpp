#include "kstream/pipeline/delta_purge.hpp"

#include "kstream/planted_bug.hpp"

#include <algorithm>
#include <utility>

namespace kstream {

DeltaPurge::DeltaPurge(ClusterQueries& queries, const Clock& clock, Log& log, Duration keep,
                       Duration interval)
    : question_(queries),
      clock_(clock),
      log_(log),
      keep_(keep),
      interval_(interval),
      next_(clock.now() + interval) {}

Query DeltaPurge::find_query() const {
    Query query;
    query.kind = Query::Kind::for_time;
    query.topic = TopicRole::repartition;
    query.timestamp_ms =
        clock_.wall_ms() - std::chrono::duration_cast<std::chrono::milliseconds>(keep_).count();
    for (const PartitionPosition& candidate : candidates_) {
        query.partitions.push_back(candidate.partition);
    }
    return query;
}

void DeltaPurge::advance(std::span<const PartitionPosition> committed) {
    if (stage_ == Stage::wait) {
        if (!due()) {
            return;
        }
        next_ = clock_.now() + interval_;
        candidates_.assign(committed.begin(), committed.end());
        if (candidates_.empty()) {
            return;
        }
        query_ = find_query();
        stage_ = Stage::find;
    }
    Result<std::optional<QueryAnswer>> result = question_.ask(query_);
    if (!result) {
        log_.write(LogLevel::warn, "old deltas could not be purged",
                   {{"reason", result.error().message}});
        stage_ = Stage::wait;
        return;
    }
    if (!*result) {
        return;
    }
    if (stage_ == Stage::purge) {
        stage_ = Stage::wait;
        return;
    }
    query_ = Query{};
    query_.kind = Query::Kind::purge;
    query_.topic = TopicRole::repartition;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        // No record that young: everything committed is old enough.
        const Offset old_enough = (*result)->offsets[i].offset.value_or(candidates_[i].position);
        query_.partitions.push_back(candidates_[i].partition);
        query_.before.push_back(planted(PlantedBug::unread_deltas_purged)
                                    ? old_enough
                                    : std::min(old_enough, candidates_[i].position));
    }
    stage_ = Stage::purge;
}

}  // namespace kstream
