// Administration of topics: what is there, make, delete, ends of logs, purge.

#include "kafka/admin.hpp"
#include "kafka/admin_call.hpp"
#include "kafka/error_map.hpp"
#include "kafka/topic_id.hpp"
#include "kstream/check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <unordered_map>

namespace kstream::kafka {
namespace {

// Only ever asked to make a message better.
constexpr std::chrono::milliseconds kNamesWait{2000};

std::vector<std::int32_t> node_ids(const rd_kafka_Node_t** nodes, std::size_t count) {
    std::vector<std::int32_t> ids;
    ids.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        ids.push_back(rd_kafka_Node_id(nodes[i]));
    }
    return ids;
}

PartitionInfo partition_info(const rd_kafka_TopicPartitionInfo_t& partition) {
    PartitionInfo info;
    info.id = PartitionId{rd_kafka_TopicPartitionInfo_partition(&partition)};
    if (const rd_kafka_Node_t* leader = rd_kafka_TopicPartitionInfo_leader(&partition)) {
        info.leader = rd_kafka_Node_id(leader);
    }
    std::size_t count = 0;
    const rd_kafka_Node_t** nodes = rd_kafka_TopicPartitionInfo_replicas(&partition, &count);
    info.replicas = node_ids(nodes, count);
    nodes = rd_kafka_TopicPartitionInfo_isr(&partition, &count);
    info.in_sync = node_ids(nodes, count);
    return info;
}

TopicInfo topic_info(const rd_kafka_TopicDescription_t& description) {
    TopicInfo info;
    info.name = rd_kafka_TopicDescription_name(&description);
    if (const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(&description)) {
        const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        if (code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            info.error = with_right(map_error(code, "asking for topic " + info.name),
                                    "Describe on topic " + info.name);
        }
        return info;
    }
    info.exists = true;
    info.id = topic_id(rd_kafka_TopicDescription_topic_id(&description));
    std::size_t count = 0;
    const rd_kafka_TopicPartitionInfo_t** const partitions =
        rd_kafka_TopicDescription_partitions(&description, &count);
    for (std::size_t i = 0; i < count; ++i) {
        info.partitions.push_back(partition_info(*partitions[i]));
    }
    std::ranges::sort(info.partitions, {}, &PartitionInfo::id);
    const auto* operations = rd_kafka_TopicDescription_authorized_operations(&description, &count);
    info.rights = rights_of(operations, count);
    return info;
}

// What the controller said of each topic, in the order of `names`.
std::vector<Outcome> outcomes(const rd_kafka_topic_result_t** results, std::size_t count,
                              const std::vector<std::string>& names, std::string_view doing,
                              std::string_view right) {
    std::vector<Outcome> all;
    all.reserve(names.size());
    for (const std::string& name : names) {
        all.push_back(Outcome{name, std::nullopt});
    }
    for (std::size_t i = 0; i < count; ++i) {
        const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        const std::string name = rd_kafka_topic_result_name(results[i]);
        const auto of = std::ranges::find(all, name, &Outcome::name);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && of != all.end()) {
            const char* const text = rd_kafka_topic_result_error_string(results[i]);
            of->error = with_right(map_error(code, fmt::format("{} topic {}", doing, name),
                                             text == nullptr ? "" : text),
                                   fmt::format("{} on topic {}", right, name));
        }
    }
    return all;
}

NewTopicPtr new_topic(const NewTopic& topic, std::string& reason) {
    std::array<char, 512> text{};
    NewTopicPtr made(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions,
                                           topic.replication_factor, text.data(), text.size()));
    if (!made) {
        reason = text.data();
        return made;
    }
    for (const auto& [name, value] : topic.configs) {
        const rd_kafka_resp_err_t code =
            rd_kafka_NewTopic_set_config(made.get(), name.c_str(), value.c_str());
        KSTREAM_CHECK(code == RD_KAFKA_RESP_ERR_NO_ERROR, "a configuration has a name");
    }
    return made;
}

}  // namespace

int TopicInfo::replication_factor() const {
    return partitions.empty() ? 0 : static_cast<int>(partitions.front().replicas.size());
}

int TopicInfo::without_leader() const {
    return static_cast<int>(std::ranges::count(partitions, -1, &PartitionInfo::leader));
}

int TopicInfo::under_replicated() const {
    return static_cast<int>(std::ranges::count_if(partitions, [](const PartitionInfo& partition) {
        return partition.in_sync.size() < partition.replicas.size();
    }));
}

Result<std::vector<TopicInfo>> Admin::describe_topics(const std::vector<std::string>& names) {
    return ask_in_turns([&](const AdminTurn& turn) { return ask_topics(names, turn); },
                        &passing_error<std::vector<TopicInfo>>);
}

Result<std::vector<TopicInfo>> Admin::topics_at(std::int32_t broker,
                                                const std::vector<std::string>& names,
                                                std::chrono::milliseconds patience) {
    AdminTurn once = turn();
    once.settings.timeout = patience;
    return ask_topics(names, once, broker);
}

Result<std::vector<TopicInfo>> Admin::ask_topics(const std::vector<std::string>& names,
                                                 const AdminTurn& turn,
                                                 std::optional<std::int32_t> broker) {
    std::vector<const char*> raw = c_strings(names);
    const TopicCollectionPtr topics(
        rd_kafka_TopicCollection_of_topic_names(raw.data(), raw.size()));
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    const ErrorPtr refused(
        rd_kafka_AdminOptions_set_include_authorized_operations(call.options(), 1));
    KSTREAM_CHECK(!refused, "option valid for DescribeTopics");
    if (broker) {
        std::array<char, 256> reason{};
        const rd_kafka_resp_err_t code =
            rd_kafka_AdminOptions_set_broker(call.options(), *broker, reason.data(), reason.size());
        KSTREAM_CHECK(code == RD_KAFKA_RESP_ERR_NO_ERROR, "option valid for DescribeTopics");
    }
    rd_kafka_DescribeTopics(turn.client->get(), topics.get(), call.options(), call.queue());
    const Result<EventPtr> event = call.wait("asking for topics");
    if (!event) {
        return std::unexpected(event.error());
    }
    std::vector<TopicInfo> all(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        all[i].name = names[i];
    }
    std::size_t count = 0;
    const rd_kafka_TopicDescription_t** const answers = rd_kafka_DescribeTopics_result_topics(
        rd_kafka_event_DescribeTopics_result(event->get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        TopicInfo info = topic_info(*answers[i]);
        const auto of = std::ranges::find(all, info.name, &TopicInfo::name);
        if (of != all.end()) {
            *of = std::move(info);
        }
    }
    return all;
}

Result<std::vector<std::string>> Admin::topic_names() {
    const AdminTurn now = turn();
    const rd_kafka_metadata_t* raw = nullptr;
    const rd_kafka_resp_err_t code = rd_kafka_metadata(now.client->get(), 1, nullptr, &raw,
                                                       static_cast<int>(kNamesWait.count()));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return std::unexpected(map_error(code, "asking for the names of topics"));
    }
    const MetadataPtr metadata(raw);
    std::vector<std::string> names;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        const std::string_view name = metadata->topics[i].topic;
        if (!name.starts_with("__")) {
            names.emplace_back(name);
        }
    }
    return names;
}

Result<std::vector<Outcome>> Admin::create_topics(const std::vector<NewTopic>& topics,
                                                  Apply apply) {
    std::vector<NewTopicPtr> made;
    std::vector<std::string> names;
    for (const NewTopic& topic : topics) {
        std::string reason;
        NewTopicPtr one = new_topic(topic, reason);
        if (!one) {
            return fail(ExitCode::usage, fmt::format("topic {}: {}", topic.name, reason));
        }
        made.push_back(std::move(one));
        names.push_back(topic.name);
    }
    if (made.empty()) {
        return std::vector<Outcome>{};
    }
    const AdminTurn turn = this->turn();
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    call.set_operation_timeout();
    if (apply == Apply::validate_only) {
        std::array<char, 256> text{};
        const rd_kafka_resp_err_t code =
            rd_kafka_AdminOptions_set_validate_only(call.options(), 1, text.data(), text.size());
        KSTREAM_CHECK(code == RD_KAFKA_RESP_ERR_NO_ERROR, "option valid for CreateTopics");
    }
    auto raw = raw_pointers(made);
    rd_kafka_CreateTopics(turn.client->get(), raw.data(), raw.size(), call.options(), call.queue());
    const Result<EventPtr> event = call.wait("making topics");
    if (!event) {
        return std::unexpected(event.error());
    }
    std::size_t count = 0;
    const auto** const results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event->get()), &count);
    return outcomes(results, count, names, "making", "Create");
}

Result<std::vector<Outcome>> Admin::delete_topics(const std::vector<std::string>& names) {
    if (names.empty()) {
        return std::vector<Outcome>{};
    }
    std::vector<DeleteTopicPtr> topics;
    topics.reserve(names.size());
    for (const std::string& name : names) {
        topics.emplace_back(rd_kafka_DeleteTopic_new(name.c_str()));
    }
    const AdminTurn turn = this->turn();
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    call.set_operation_timeout();
    auto raw = raw_pointers(topics);
    rd_kafka_DeleteTopics(turn.client->get(), raw.data(), raw.size(), call.options(), call.queue());
    const Result<EventPtr> event = call.wait("deleting topics");
    if (!event) {
        return std::unexpected(event.error());
    }
    std::size_t count = 0;
    const auto** const results = rd_kafka_DeleteTopics_result_topics(
        rd_kafka_event_DeleteTopics_result(event->get()), &count);
    return outcomes(results, count, names, "deleting", "Delete");
}

Result<std::vector<ListedOffset>> Admin::list_offsets(const std::vector<OffsetQuery>& queries,
                                                      Isolation isolation) {
    return ask_again(
        settings_, [&] { return ask_offsets(queries, isolation); },
        &passing_error<std::vector<ListedOffset>>);
}

Result<Offsets> Admin::offsets_of(const std::string& topic, int partitions, std::int64_t at,
                                  Isolation isolation) {
    std::vector<OffsetQuery> queries;
    for (int partition = 0; partition < partitions; ++partition) {
        queries.push_back({{topic, PartitionId{partition}}, at});
    }
    const auto listed = list_offsets(queries, isolation);
    if (!listed) {
        return std::unexpected(listed.error());
    }
    Offsets found;
    for (const ListedOffset& one : *listed) {
        found[one.of.partition] = one.offset.value_or(Offset{0});
    }
    return found;
}

Result<std::vector<ListedOffset>> Admin::ask_offsets(const std::vector<OffsetQuery>& queries,
                                                     Isolation isolation) {
    std::vector<ListedOffset> all;
    if (queries.empty()) {
        return all;
    }
    const PartitionListPtr asked(
        rd_kafka_topic_partition_list_new(static_cast<int>(queries.size())));
    for (const OffsetQuery& query : queries) {
        rd_kafka_topic_partition_list_add(asked.get(), query.of.topic.c_str(),
                                          query.of.partition.value)
            ->offset = query.at;
    }
    const AdminTurn turn = this->turn();
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    const ErrorPtr refused(rd_kafka_AdminOptions_set_isolation_level(
        call.options(), isolation == Isolation::read_committed
                            ? RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
                            : RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED));
    KSTREAM_CHECK(!refused, "option valid for ListOffsets");
    rd_kafka_ListOffsets(turn.client->get(), asked.get(), call.options(), call.queue());
    const Result<EventPtr> event = call.wait("asking for offsets of " + queries.front().of.topic);
    if (!event) {
        return std::unexpected(event.error());
    }
    std::map<TopicPartition, std::optional<Offset>> by_partition;
    std::size_t count = 0;
    const auto** const answers =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event->get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const rd_kafka_topic_partition_t& answer =
            *rd_kafka_ListOffsetsResultInfo_topic_partition(answers[i]);
        TopicPartition of{answer.topic, PartitionId{answer.partition}};
        if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return std::unexpected(
                with_right(map_error(answer.err, "asking for offsets of " + to_text(of)),
                           "Describe on topic " + of.topic));
        }
        by_partition[std::move(of)] =
            answer.offset < 0 ? std::nullopt : std::optional(Offset{answer.offset});
    }
    for (const OffsetQuery& query : queries) {
        const auto answer = by_partition.find(query.of);
        // Only a timestamp may have no offset. A broker whose leadership moves leaves partitions
        // out of its answer, or says -1: that is no answer, and never "at 0".
        const bool may_have_none = query.at >= 0;
        if (answer == by_partition.end() || (!answer->second && !may_have_none)) {
            return std::unexpected(Error{
                Disposition::retry, ExitCode::unavailable,
                "asking for offsets of " + to_text(query.of) + ": no broker has answered for it",
                "its leader may be moving; look at the brokers", 0});
        }
        all.push_back(ListedOffset{query.of, answer->second});
    }
    return all;
}

Result<std::vector<PurgeOutcome>> Admin::delete_records(
    const std::vector<std::pair<TopicPartition, Offset>>& before) {
    std::vector<PurgeOutcome> all;
    if (before.empty()) {
        return all;
    }
    const PartitionListPtr offsets(
        rd_kafka_topic_partition_list_new(static_cast<int>(before.size())));
    for (const auto& [of, offset] : before) {
        rd_kafka_topic_partition_list_add(offsets.get(), of.topic.c_str(), of.partition.value)
            ->offset = offset.value;
    }
    const DeleteRecordsPtr request(rd_kafka_DeleteRecords_new(offsets.get()));
    const AdminTurn turn = this->turn();
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_DELETERECORDS);
    call.set_operation_timeout();
    rd_kafka_DeleteRecords_t* raw = request.get();
    rd_kafka_DeleteRecords(turn.client->get(), &raw, 1, call.options(), call.queue());
    const Result<EventPtr> event = call.wait("purging " + before.front().first.topic);
    if (!event) {
        return std::unexpected(event.error());
    }
    const rd_kafka_topic_partition_list_t& answers =
        *rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event->get()));
    for (int i = 0; i < answers.cnt; ++i) {
        const rd_kafka_topic_partition_t& answer = answers.elems[i];
        PurgeOutcome outcome{
            {answer.topic, PartitionId{answer.partition}}, Offset{answer.offset}, std::nullopt};
        if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            outcome.error = with_right(map_error(answer.err, "purging " + to_text(outcome.of)),
                                       "Delete on topic " + outcome.of.topic);
        }
        all.push_back(std::move(outcome));
    }
    return all;
}

}  // namespace kstream::kafka
