// Administration of consumer groups: who is in them, what they have committed, delete.

#include "kafka/admin.hpp"
#include "kafka/admin_call.hpp"
#include "kafka/error_map.hpp"
#include "kstream/check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

namespace kstream::kafka {
namespace {

std::string text_of(const char* text) {
    return text == nullptr ? std::string() : std::string(text);
}

bool is_missing(const rd_kafka_error_t* error) {
    return error != nullptr && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND;
}

std::vector<TopicPartition> assignment_of(const rd_kafka_MemberDescription_t& member) {
    std::vector<TopicPartition> all;
    const auto* const assignment = rd_kafka_MemberDescription_assignment(&member);
    const auto* const partitions =
        assignment == nullptr ? nullptr : rd_kafka_MemberAssignment_partitions(assignment);
    for (int i = 0; partitions != nullptr && i < partitions->cnt; ++i) {
        all.push_back({partitions->elems[i].topic, PartitionId{partitions->elems[i].partition}});
    }
    return all;
}

GroupInfo group_info(const rd_kafka_ConsumerGroupDescription_t& description) {
    GroupInfo info;
    info.name = text_of(rd_kafka_ConsumerGroupDescription_group_id(&description));
    const rd_kafka_error_t* const error = rd_kafka_ConsumerGroupDescription_error(&description);
    if (is_missing(error)) {
        return info;
    }
    if (error != nullptr) {
        info.error = with_right(map_error(*error, "asking for group " + info.name),
                                "Describe on group " + info.name);
        return info;
    }
    // Brokers before 4.0 describe a group that does not exist as a dead one (KIP-1043).
    const auto state = rd_kafka_ConsumerGroupDescription_state(&description);
    info.exists = state != RD_KAFKA_CONSUMER_GROUP_STATE_DEAD;
    info.state = rd_kafka_consumer_group_state_name(state);
    const std::size_t members = rd_kafka_ConsumerGroupDescription_member_count(&description);
    for (std::size_t i = 0; i < members; ++i) {
        const auto* const member = rd_kafka_ConsumerGroupDescription_member(&description, i);
        info.members.push_back(GroupMember{
            text_of(rd_kafka_MemberDescription_consumer_id(member)),
            text_of(rd_kafka_MemberDescription_client_id(member)),
            text_of(rd_kafka_MemberDescription_host(member)),
            text_of(rd_kafka_MemberDescription_group_instance_id(member)), assignment_of(*member)});
    }
    std::size_t count = 0;
    const auto* const operations =
        rd_kafka_ConsumerGroupDescription_authorized_operations(&description, &count);
    info.rights = rights_of(operations, count);
    return info;
}

}  // namespace

Result<std::vector<GroupInfo>> Admin::describe_groups(const std::vector<std::string>& names) {
    return ask_in_turns([&](const AdminTurn& turn) { return ask_groups(names, turn); },
                        &first_passing_error<GroupInfo>);
}

Result<std::vector<GroupInfo>> Admin::ask_groups(const std::vector<std::string>& names,
                                                 const AdminTurn& turn) {
    std::vector<const char*> raw = c_strings(names);
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, AdminCall::EndedBy::us);
    const ErrorPtr refused(
        rd_kafka_AdminOptions_set_include_authorized_operations(call.options(), 1));
    KSTREAM_CHECK(!refused, "option valid for DescribeConsumerGroups");
    rd_kafka_DescribeConsumerGroups(turn.client->get(), raw.data(), raw.size(), call.options(),
                                    call.queue());
    const Result<EventPtr> event = call.wait("asking for groups");
    if (!event) {
        return std::unexpected(event.error());
    }
    std::vector<GroupInfo> all(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        all[i].name = names[i];
    }
    std::size_t count = 0;
    const auto** const answers = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event->get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        GroupInfo info = group_info(*answers[i]);
        const auto of = std::ranges::find(all, info.name, &GroupInfo::name);
        if (of != all.end()) {
            *of = std::move(info);
        }
    }
    return all;
}

Result<std::vector<Outcome>> Admin::delete_groups(const std::vector<std::string>& names) {
    return ask_in_turns([&](const AdminTurn& turn) { return ask_delete_groups(names, turn); },
                        &first_passing_error<Outcome>);
}

Result<std::vector<Outcome>> Admin::ask_delete_groups(const std::vector<std::string>& names,
                                                      const AdminTurn& turn) {
    std::vector<Outcome> all;
    if (names.empty()) {
        return all;
    }
    std::vector<DeleteGroupPtr> groups;
    groups.reserve(names.size());
    for (const std::string& name : names) {
        groups.emplace_back(rd_kafka_DeleteGroup_new(name.c_str()));
    }
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_DELETEGROUPS, AdminCall::EndedBy::us);
    auto raw = raw_pointers(groups);
    rd_kafka_DeleteGroups(turn.client->get(), raw.data(), raw.size(), call.options(), call.queue());
    const Result<EventPtr> event = call.wait("deleting groups");
    if (!event) {
        return std::unexpected(event.error());
    }
    std::size_t count = 0;
    const auto** const results = rd_kafka_DeleteGroups_result_groups(
        rd_kafka_event_DeleteGroups_result(event->get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        Outcome outcome{rd_kafka_group_result_name(results[i]), std::nullopt};
        if (const rd_kafka_error_t* error = rd_kafka_group_result_error(results[i])) {
            outcome.error = with_right(map_error(*error, "deleting group " + outcome.name),
                                       "Delete on group " + outcome.name);
        }
        all.push_back(std::move(outcome));
    }
    return all;
}

Result<std::vector<CommittedOffset>> Admin::group_offsets(
    const std::string& group, const std::vector<TopicPartition>& partitions, Stability stability) {
    return ask_in_turns(
        [&](const AdminTurn& turn) {
            return ask_group_offsets(group, partitions, stability, turn);
        },
        &passing_error<std::vector<CommittedOffset>>);
}

Result<std::vector<CommittedOffset>> Admin::ask_group_offsets(
    const std::string& group, const std::vector<TopicPartition>& partitions, Stability stability,
    const AdminTurn& turn) {
    PartitionListPtr asked;
    if (!partitions.empty()) {
        asked.reset(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
        for (const TopicPartition& of : partitions) {
            rd_kafka_topic_partition_list_add(asked.get(), of.topic.c_str(), of.partition.value);
        }
    }
    const ListGroupOffsetsPtr request(
        rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), asked.get()));
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, AdminCall::EndedBy::us);
    const ErrorPtr refused(rd_kafka_AdminOptions_set_require_stable_offsets(
        call.options(), stability == Stability::require_stable ? 1 : 0));
    KSTREAM_CHECK(!refused, "option valid for ListConsumerGroupOffsets");
    rd_kafka_ListConsumerGroupOffsets_t* raw = request.get();
    rd_kafka_ListConsumerGroupOffsets(turn.client->get(), &raw, 1, call.options(), call.queue());
    const Result<EventPtr> event = call.wait("asking for the offsets of group " + group);
    if (!event) {
        return std::unexpected(event.error());
    }
    std::size_t count = 0;
    const auto** const results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event->get()), &count);
    KSTREAM_CHECK(count == 1, "one group asked, one answered");
    const rd_kafka_error_t* const error = rd_kafka_group_result_error(results[0]);
    if (is_missing(error)) {
        return std::vector<CommittedOffset>{};
    }
    if (error != nullptr) {
        return std::unexpected(with_right(map_error(*error, "asking for the offsets of " + group),
                                          "Describe on group " + group));
    }
    std::vector<CommittedOffset> all;
    const auto* const answers = rd_kafka_group_result_partitions(results[0]);
    for (int i = 0; answers != nullptr && i < answers->cnt; ++i) {
        const rd_kafka_topic_partition_t& answer = answers->elems[i];
        CommittedOffset committed{{answer.topic, PartitionId{answer.partition}}, std::nullopt, {}};
        if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return std::unexpected(map_error(
                answer.err, fmt::format("offset of group {} on {}", group, to_text(committed.of))));
        }
        if (answer.offset >= 0) {
            committed.offset = Offset{answer.offset};
        }
        if (answer.metadata != nullptr) {
            committed.metadata.assign(static_cast<const char*>(answer.metadata),
                                      answer.metadata_size);
        }
        all.push_back(std::move(committed));
    }
    return all;
}

}  // namespace kstream::kafka
