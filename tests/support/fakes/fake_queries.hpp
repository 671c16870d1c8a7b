// Questions answered out of a MemoryLog and the offsets of one group; a test may answer otherwise.
#pragma once

#include "kstream/ports/cluster_queries.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::testing {

struct CommittedOffset {
    Offset offset;
    std::string metadata;
};
using GroupOffsets = std::map<PartitionId, CommittedOffset>;

class FakeQueries final : public ClusterQueries {
public:
    FakeQueries(MemoryLog& log, GroupOffsets& group, const Job& job) : log_(log), group_(group) {
        topic_ids[TopicRole::source] = job.identity.source_id;
        topic_ids[TopicRole::repartition] = job.identity.repartition_id;
        topic_ids[TopicRole::changelog] = job.identity.changelog_id;
        const auto states = static_cast<std::int32_t>(job.identity.state_partitions);
        partition_counts[TopicRole::source] =
            static_cast<std::int32_t>(job.identity.initial_source_partitions);
        partition_counts[TopicRole::repartition] = states;
        partition_counts[TopicRole::changelog] = states;
    }

    // ---- the port

    void ask(Query query) override {
        REQUIRE_FALSE(open_.has_value());
        asked.push_back(query);
        open_ = std::move(query);
    }

    std::optional<Result<QueryAnswer>> take() override {
        if (!open_ || held) {
            return std::nullopt;
        }
        const Query query = std::move(*open_);
        open_.reset();
        if (intercept) {
            if (std::optional<Result<QueryAnswer>> other = intercept(query)) {
                return other;
            }
        }
        return answer(query);
    }

    [[nodiscard]] bool busy() const override { return open_.has_value(); }

    // ---- what a test decides and sees

    // The answer that the log and the group give.
    [[nodiscard]] QueryAnswer answer(const Query& query) {
        QueryAnswer result;
        if (query.kind == Query::Kind::describe) {
            result.topic_id = topic_ids.at(query.topic);
            result.partition_count = partition_counts.at(query.topic);
            return result;
        }
        if (query.kind == Query::Kind::topics) {
            for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
                TopicAnswer topic;
                if (const auto found = topic_ids.find(static_cast<TopicRole>(i));
                    found != topic_ids.end()) {
                    topic = {true, found->second, partition_counts[found->first]};
                }
                result.topics.push_back(topic);
            }
            return result;
        }
        for (std::size_t i = 0; i < query.partitions.size(); ++i) {
            result.offsets.push_back(answer_for(query, i));
        }
        return result;
    }

    // "committed", "changelog end uncommitted", ... of all that was asked.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const Query& query : asked) {
            all.push_back(name(query));
        }
        return all;
    }

    static std::string name(const Query& query) {
        static const std::map<TopicRole, std::string> kTopics{
            {TopicRole::source, "source"},
            {TopicRole::repartition, "repartition"},
            {TopicRole::changelog, "changelog"},
            {TopicRole::results, "results"},
            {TopicRole::dead_letters, "dead letters"},
            {TopicRole::late, "late"}};
        const std::string topic = kTopics.at(query.topic);
        switch (query.kind) {
            case Query::Kind::committed:
                return "committed";
            case Query::Kind::log_start:
                return topic + " start";
            case Query::Kind::log_end:
                return topic + " end " +
                       (query.isolation == Isolation::read_uncommitted ? "uncommitted"
                                                                       : "committed");
            case Query::Kind::for_time:
                return topic + " at time";
            case Query::Kind::describe:
                return "describe " + topic;
            case Query::Kind::purge:
                return "purge " + topic;
            case Query::Kind::topics:
                return "topics";
        }
        return "";
    }

    std::vector<Query> asked;
    bool held = false;  // no answer comes
    std::function<std::optional<Result<QueryAnswer>>(const Query&)> intercept;
    std::map<TopicRole, TopicId> topic_ids;
    std::map<TopicRole, std::int32_t> partition_counts;

private:
    OffsetAnswer answer_for(const Query& query, std::size_t i) {
        const PartitionId partition = query.partitions[i];
        OffsetAnswer result;
        result.partition = partition;
        switch (query.kind) {
            case Query::Kind::committed:
                if (const auto found = group_.find(partition); found != group_.end()) {
                    result.offset = found->second.offset;
                    result.metadata = found->second.metadata;
                }
                break;
            case Query::Kind::log_start:
                result.offset = log_.start(query.topic, partition);
                break;
            case Query::Kind::log_end:
                result.offset = query.isolation == Isolation::read_uncommitted
                                    ? log_.end(query.topic, partition)
                                    : log_.stable_end(query.topic, partition);
                break;
            case Query::Kind::for_time:
                result.offset = first_at(query.topic, partition, query.timestamp_ms);
                break;
            case Query::Kind::purge:
                log_.delete_below(query.topic, partition.value, query.before[i].value);
                break;
            case Query::Kind::describe:
            case Query::Kind::topics:
                break;
        }
        return result;
    }

    [[nodiscard]] Offset first_at(TopicRole topic, PartitionId partition,
                                  std::int64_t timestamp_ms) const {
        Offset at = log_.start(topic, partition);
        while (at < log_.end(topic, partition) &&
               log_.entry(topic, partition, at).timestamp_ms < timestamp_ms) {
            at = at.next();
        }
        return at;
    }

    MemoryLog& log_;
    GroupOffsets& group_;
    std::optional<Query> open_;
};

}  // namespace kstream::testing
