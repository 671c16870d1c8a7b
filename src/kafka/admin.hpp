// Administration of the cluster: what is there, what differs, make and delete. Blocking calls with
// finite times, for start-up and for the subcommands that administrate; never on the record path.
#pragma once

#include "kafka/client_config.hpp"
#include "kafka/handles.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/cluster_queries.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::kafka {

// What an authorizer can allow on a resource, as Kafka's ACLs name it.
enum class Operation : std::uint8_t {
    read,
    write,
    create,
    remove,  // Kafka's DELETE
    alter,
    describe,
    describe_configs,
    alter_configs,
    idempotent_write,
};
[[nodiscard]] std::string_view operation_name(Operation operation);  // "DescribeConfigs"

// The rights of this client's principal on one resource. `known` is false when the broker did not
// say. A cluster without an authorizer allows everything.
class Rights {
public:
    [[nodiscard]] bool known() const { return known_; }
    [[nodiscard]] bool allows(Operation operation) const { return (bits_ & bit(operation)) != 0; }
    void set_known() { known_ = true; }
    void allow(Operation operation) { bits_ |= bit(operation); }

private:
    static std::uint32_t bit(Operation operation) {
        return 1U << static_cast<std::uint32_t>(operation);
    }
    std::uint32_t bits_ = 0;
    bool known_ = false;
};

struct BrokerInfo {
    std::int32_t id = -1;
    std::string host;
    int port = 0;
};

struct ClusterInfo {
    std::string cluster_id;
    std::int32_t controller = -1;     // KRaft: a broker that stands in for the controller
    std::vector<BrokerInfo> brokers;  // those that are up
    Rights rights;
};

struct PartitionInfo {
    PartitionId id;
    std::int32_t leader = -1;  // -1: none
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> in_sync;
};

struct TopicInfo {
    std::string name;
    bool exists = false;
    std::optional<Error> error;  // why nothing is known of it; not set when it is merely absent
    TopicId id;                  // all zero: brokers before 2.8 have none
    std::vector<PartitionInfo> partitions;
    Rights rights;

    // Replicas of partition 0: all partitions of a topic are made with the same number.
    [[nodiscard]] int replication_factor() const;
    // Partitions without a leader, and partitions with replicas that are not in sync.
    [[nodiscard]] int without_leader() const;
    [[nodiscard]] int under_replicated() const;
};

using ConfigMap = std::map<std::string, std::string, std::less<>>;

struct NewTopic {
    std::string name;
    int partitions = 1;
    int replication_factor = 1;
    std::vector<std::pair<std::string, std::string>> configs;
};

// Whether the error only says that there is no such topic, as far as the asked broker knows.
[[nodiscard]] bool is_unknown_topic(const Error& error);
// What describe_topics() tells by `exists` being false, as an error of that kind.
[[nodiscard]] Error unknown_topic(std::string_view name);

// What became of one of the things that a call was about.
struct Outcome {
    std::string name;  // topic or group
    std::optional<Error> error;

    // Two errors that are often none: somebody else made it, or it has gone already.
    [[nodiscard]] bool is_there_already() const;
    [[nodiscard]] bool is_not_there() const;
};

struct TopicPartition {
    std::string topic;
    PartitionId partition;
    friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// "topic [partition]", as every message names a partition.
[[nodiscard]] std::string to_text(const TopicPartition& of);

struct GroupMember {
    std::string member_id;
    std::string client_id;
    std::string host;
    std::string instance_id;  // group.instance.id, empty when dynamic
    std::vector<TopicPartition> assignment;
};

struct GroupInfo {
    std::string name;
    bool exists = false;
    std::string state;  // "Stable", "Empty", ... as Kafka's tools print it
    std::vector<GroupMember> members;
    Rights rights;
    std::optional<Error> error;
};

struct CommittedOffset {
    TopicPartition of;
    std::optional<Offset> offset;  // none: nothing is committed
    std::string metadata;          // the string that was committed with it
};

struct OffsetQuery {
    static constexpr std::int64_t kEarliest = -2;
    static constexpr std::int64_t kLatest = -1;
    TopicPartition of;
    std::int64_t at = kLatest;  // kEarliest, kLatest or a timestamp in milliseconds
};

struct ListedOffset {
    TopicPartition of;
    std::optional<Offset> offset;  // none: no record has a timestamp that late
};

using Offsets = std::map<PartitionId, Offset>;

struct PurgeOutcome {
    TopicPartition of;
    Offset log_start;  // afterwards
    std::optional<Error> error;
};

struct AdminSettings {
    std::chrono::milliseconds timeout{15000};  // of each call
    // Asked every 100 ms while a call waits; true ends the wait with an error. May be empty.
    std::function<bool()> canceled;
};

class AdminClient;
struct AdminTurn;
class SharedTrouble;

// One client for administration. Its calls block; threads may call it at the same time, and wait
// for their own answers only.
//
// What passes by itself (a coordinator that loads, a leader that is being elected) is asked again
// for as long as one call may take. Errors of a whole call (not reachable, timeout, cluster right
// missing) are the call's; errors of one topic, group or partition stand with it, so that all can
// be reported together. Each message names what it is about, and for missing rights the operation
// and the resource.
class Admin {
public:
    [[nodiscard]] static Result<Admin> make(const ClientConfig& config,
                                            AdminSettings settings = {});

    [[nodiscard]] Result<ClusterInfo> describe_cluster();

    // Asks until the cluster answers with at least `brokers` brokers or `limit` has passed. Errors:
    // unavailable with the last reason; an error that waiting does not cure at once. Not beside
    // other calls.
    [[nodiscard]] Result<ClusterInfo> wait_for_cluster(int brokers,
                                                       std::chrono::milliseconds limit);

    // One entry for each name, in that order.
    [[nodiscard]] Result<std::vector<TopicInfo>> describe_topics(
        const std::vector<std::string>& names);

    // Of all topics that this principal may see, Kafka's own left out.
    [[nodiscard]] Result<std::vector<std::string>> topic_names();
    // The same, as one broker knows it; asked once.
    [[nodiscard]] Result<std::vector<TopicInfo>> topics_at(std::int32_t broker,
                                                           const std::vector<std::string>& names,
                                                           std::chrono::milliseconds patience);

    // All configuration values of each topic, in that order; needs DescribeConfigs on each.
    [[nodiscard]] Result<std::vector<std::expected<ConfigMap, Error>>> topic_configs(
        const std::vector<std::string>& names);

    // All configuration values of a broker; needs DescribeConfigs on the cluster.
    [[nodiscard]] Result<ConfigMap> broker_config(std::int32_t broker);

    enum class Apply : std::uint8_t { really, validate_only };
    [[nodiscard]] Result<std::vector<Outcome>> create_topics(const std::vector<NewTopic>& topics,
                                                             Apply apply);
    // Deletion goes on in the cluster after this has answered.
    [[nodiscard]] Result<std::vector<Outcome>> delete_topics(const std::vector<std::string>& names);

    // With their committed offsets. One that does not exist has GROUP_ID_NOT_FOUND as kafka_code.
    [[nodiscard]] Result<std::vector<Outcome>> delete_groups(const std::vector<std::string>& names);
    [[nodiscard]] Result<std::vector<GroupInfo>> describe_groups(
        const std::vector<std::string>& names);

    enum class Stability : std::uint8_t {
        any,             // what was committed last, pending transactions left out
        require_stable,  // a pending transactional offset is an error with disposition retry
    };
    // Of the given partitions, or of all that have one when `partitions` is empty. A group that is
    // not there has none.
    [[nodiscard]] Result<std::vector<CommittedOffset>> group_offsets(
        const std::string& group, const std::vector<TopicPartition>& partitions,
        Stability stability);

    // One entry for each query, in that order; a partition that fails fails the call.
    [[nodiscard]] Result<std::vector<ListedOffset>> list_offsets(
        const std::vector<OffsetQuery>& queries, Isolation isolation);
    // Of all partitions of a topic at once; 0 where no record is that late.
    [[nodiscard]] Result<Offsets> offsets_of(const std::string& topic, int partitions,
                                             std::int64_t at, Isolation isolation);

    // Deletes the records below each offset.
    [[nodiscard]] Result<std::vector<PurgeOutcome>> delete_records(
        const std::vector<std::pair<TopicPartition, Offset>>& before);

private:
    Admin(ClientConfig config, AdminSettings settings);

    [[nodiscard]] Result<std::shared_ptr<AdminClient>> make_client();
    [[nodiscard]] AdminTurn turn() const;
    // Another client in place of that one, unless somebody has replaced it already: one that knows
    // nothing of brokers that are gone.
    void replace(const AdminClient& spent);

    template <typename Ask, typename Trouble>
    auto ask_in_turns(Ask ask, Trouble trouble);
    Result<ClusterInfo> ask_cluster(const AdminTurn& turn);
    Result<ClusterInfo> explained(Result<ClusterInfo> cluster);
    void say_once(const Error& error);
    Result<std::vector<TopicInfo>> ask_topics(const std::vector<std::string>& names,
                                              const AdminTurn& turn,
                                              std::optional<std::int32_t> broker = {});
    Result<std::vector<GroupInfo>> ask_groups(const std::vector<std::string>& names,
                                              const AdminTurn& turn);
    Result<std::vector<Outcome>> ask_delete_groups(const std::vector<std::string>& names,
                                                   const AdminTurn& turn);
    Result<std::vector<CommittedOffset>> ask_group_offsets(
        const std::string& group, const std::vector<TopicPartition>& partitions,
        Stability stability, const AdminTurn& turn);
    Result<std::vector<ListedOffset>> ask_offsets(const std::vector<OffsetQuery>& queries,
                                                  Isolation isolation);

    ClientConfig config_;
    AdminSettings settings_;
    std::shared_ptr<SharedTrouble> trouble_;
    std::unique_ptr<std::mutex> mutex_;  // of client_, the pointer
    std::shared_ptr<AdminClient> client_;
    std::string said_;  // what has been waited for last
};

}  // namespace kstream::kafka
