#include "topics/facts.hpp"

#include "kafka/client_config.hpp"

#include <algorithm>
#include <utility>

namespace kstream::topics {

ClusterFacts ask_cluster(kafka::Admin& admin, const kafka::ClusterInfo& cluster) {
    ClusterFacts facts;
    facts.brokers = static_cast<int>(cluster.brokers.size());
    facts.transaction_timeout = kafka::kTransactionTimeout;
    if (Result<kafka::ConfigMap> config = admin.broker_config(cluster.brokers.front().id)) {
        facts.config = std::move(*config);
    }
    return facts;
}

bool has_records(kafka::Admin& admin, const kafka::TopicInfo& topic) {
    const auto ends = admin.offsets_of(topic.name, static_cast<int>(topic.partitions.size()),
                                       kafka::OffsetQuery::kLatest, Isolation::read_uncommitted);
    return ends &&
           std::ranges::any_of(*ends, [](const auto& end) { return end.second > Offset{0}; });
}

Result<void> ask_committed(kafka::Admin& admin, GroupFacts& group) {
    Result<std::vector<kafka::CommittedOffset>> committed =
        admin.group_offsets(group.name, {}, kafka::Admin::Stability::any);
    if (!committed) {
        return std::unexpected(std::move(committed.error()));
    }
    group.committed = std::move(*committed);
    return {};
}

}  // namespace kstream::topics
