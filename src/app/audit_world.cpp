#include "app/audit_world.hpp"

#include "kafka/error_map.hpp"
#include "kafka/topic_reader.hpp"
#include "process/whole_file.hpp"
#include "topics/stored_job.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace kstream::app {

Result<std::optional<audit::Surroundings::Topic>> AuditWorld::describe(TopicRole topic) {
    Result<std::vector<kafka::TopicInfo>> found = admin_.describe_topics({name(topic)});
    if (!found) {
        return std::unexpected(std::move(found.error()));
    }
    const kafka::TopicInfo& info = found->front();
    if (info.error) {
        return std::unexpected(kafka::with_right(*info.error, "Read on topic " + info.name));
    }
    if (!info.exists) {
        return std::nullopt;
    }
    return Topic{.id = info.id, .partitions = static_cast<std::int32_t>(info.partitions.size())};
}

std::string AuditWorld::suggestion(TopicRole topic) {
    const auto existing = admin_.topic_names();
    return existing ? topics::did_you_mean_topics(name(topic), *existing) : std::string{};
}

// Asked for only where something differs: DescribeConfigs is no right that an audit needs.
std::optional<bool> AuditWorld::compacted(TopicRole topic) {
    const auto configs = admin_.topic_configs({name(topic)});
    if (!configs || !configs->front()) {
        return std::nullopt;
    }
    const auto policy = configs->front()->find("cleanup.policy");
    return policy == configs->front()->end() ? std::nullopt
                                             : std::optional{policy->second.contains("compact")};
}

Result<audit::Positions> AuditWorld::starts(TopicRole topic, std::int32_t partitions) {
    return admin_.offsets_of(name(topic), partitions, kafka::OffsetQuery::kEarliest,
                             Isolation::read_committed);
}

Result<audit::Positions> AuditWorld::ends(TopicRole topic, std::int32_t partitions,
                                          Isolation isolation) {
    return admin_.offsets_of(name(topic), partitions, kafka::OffsetQuery::kLatest, isolation);
}

std::unique_ptr<LogReader> AuditWorld::reader(std::string_view name) {
    return std::make_unique<kafka::TopicReader>(
        kafka::ClientConfig{config_.common.brokers, config_.application_id,
                            config_.common.client_properties, &context_.log},
        topics::topic_names(names_), fmt::format("audit-{}", name));
}

Result<std::unique_ptr<ByteSource>> AuditWorld::open_base() {
    auto file = std::make_unique<process::FileSource>(config_.base);
    if (!file->is_open()) {
        return fail(ExitCode::cannot_tell, fmt::format("--base {}: cannot be read", config_.base),
                    "name a file that --save-base has written");
    }
    return file;
}

Result<std::unique_ptr<ByteSink>> AuditWorld::save_base() {
    return process::write_whole_file(config_.save_base, "--save-base " + config_.save_base);
}

}  // namespace kstream::app
