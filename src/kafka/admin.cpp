// Administration: the client, the plumbing of a call, and the questions about the cluster itself.
// Topics and offsets: admin_topics.cpp. Groups: admin_groups.cpp.

#include "kafka/admin.hpp"

#include "kafka/admin_call.hpp"
#include "kafka/cluster_trouble.hpp"
#include "kafka/detached.hpp"
#include "kafka/error_map.hpp"
#include "kstream/check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

namespace kstream::kafka {
namespace {

constexpr int kPollSliceMs = 100;
constexpr std::chrono::milliseconds kBetweenAttempts{200};
// One attempt to reach a cluster that is coming up. The first one is short: what stands in the way
// has to be named within five seconds.
constexpr std::chrono::milliseconds kFirstAttempt{2000};
constexpr std::chrono::milliseconds kAttempt{3000};
// Longer than any client is kept whose call we have ended ourselves.
constexpr std::chrono::milliseconds kNotByLibrary{std::chrono::minutes{10}};

struct OperationName {
    Operation operation;
    rd_kafka_AclOperation_t code;
    std::string_view name;
};

constexpr std::array<OperationName, 9> kOperations{{
    {Operation::read, RD_KAFKA_ACL_OPERATION_READ, "Read"},
    {Operation::write, RD_KAFKA_ACL_OPERATION_WRITE, "Write"},
    {Operation::create, RD_KAFKA_ACL_OPERATION_CREATE, "Create"},
    {Operation::remove, RD_KAFKA_ACL_OPERATION_DELETE, "Delete"},
    {Operation::alter, RD_KAFKA_ACL_OPERATION_ALTER, "Alter"},
    {Operation::describe, RD_KAFKA_ACL_OPERATION_DESCRIBE, "Describe"},
    {Operation::describe_configs, RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS, "DescribeConfigs"},
    {Operation::alter_configs, RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS, "AlterConfigs"},
    {Operation::idempotent_write, RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE, "IdempotentWrite"},
}};

ConfigMap config_map(const rd_kafka_ConfigResource_t& resource) {
    ConfigMap values;
    std::size_t count = 0;
    const rd_kafka_ConfigEntry_t** const entries =
        rd_kafka_ConfigResource_configs(&resource, &count);
    for (std::size_t i = 0; i < count; ++i) {
        const char* const value = rd_kafka_ConfigEntry_value(entries[i]);  // NULL: sensitive
        values.emplace(rd_kafka_ConfigEntry_name(entries[i]), value == nullptr ? "" : value);
    }
    return values;
}

// A call that got no answer says nothing about why.
bool is_silence(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE ||
           code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

void on_trouble(rd_kafka_t* /*client*/, int code, const char* text, void* opaque) {
    static_cast<SharedTrouble*>(opaque)->note(static_cast<rd_kafka_resp_err_t>(code), text);
}

}  // namespace

std::string_view operation_name(Operation operation) {
    return std::ranges::find(kOperations, operation, &OperationName::operation)->name;
}

bool Outcome::is_there_already() const {
    return error && error->kafka_code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
}

bool is_unknown_topic(const Error& error) {
    return error.kafka_code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           error.kafka_code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           error.kafka_code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

Error unknown_topic(std::string_view name) {
    return map_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, fmt::format("topic {}", name), "");
}

bool Outcome::is_not_there() const {
    return error &&
           (is_unknown_topic(*error) || error->kafka_code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND);
}

// --- plumbing

AdminCall::AdminCall(const AdminTurn& turn, rd_kafka_admin_op_t operation, EndedBy ended_by)
    : client_(*turn.client),
      settings_(turn.settings),
      options_(rd_kafka_AdminOptions_new(client_.get(), operation)),
      queue_(rd_kafka_queue_new(client_.get())) {
    std::chrono::milliseconds timeout = settings_.timeout;
    if (ended_by == EndedBy::us) {
        end_ = std::chrono::steady_clock::now() + timeout;
        timeout = kNotByLibrary;
    }
    std::array<char, 256> reason{};
    const rd_kafka_resp_err_t code = rd_kafka_AdminOptions_set_request_timeout(
        options_.get(), static_cast<int>(timeout.count()), reason.data(), reason.size());
    KSTREAM_CHECK(code == RD_KAFKA_RESP_ERR_NO_ERROR, "request timeout in librdkafka's range");
}

void AdminCall::set_operation_timeout() {
    std::array<char, 256> reason{};
    const auto most = static_cast<int>(settings_.timeout.count());
    const rd_kafka_resp_err_t code = rd_kafka_AdminOptions_set_operation_timeout(
        options_.get(), std::max(1, most - 1000), reason.data(), reason.size());
    KSTREAM_CHECK(code == RD_KAFKA_RESP_ERR_NO_ERROR, "operation timeout in librdkafka's range");
}

Result<EventPtr> AdminCall::wait(std::string_view what) {
    EventPtr event;
    while (!event) {  // librdkafka answers within the request timeout, if only with an error
        if (end_ && std::chrono::steady_clock::now() >= *end_) {
            const std::optional<Error> reason = client_.trouble().reason(what);
            return std::unexpected(
                reason.value_or(map_error(RD_KAFKA_RESP_ERR__TIMED_OUT, what, "")));
        }
        rd_kafka_poll(client_.get(), 0);  // on_trouble()
        if (settings_.canceled && settings_.canceled()) {
            return fail(ExitCode::unavailable, fmt::format("{}: stopped while waiting", what));
        }
        if (std::optional<Error> refused = client_.trouble().hopeless(what)) {
            return std::unexpected(std::move(*refused));
        }
        event.reset(rd_kafka_queue_poll(queue_.get(), kPollSliceMs));
    }
    if (const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
        code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_poll(client_.get(), 0);
        if (std::optional<Error> reason = client_.trouble().reason(what);
            reason && is_silence(code)) {
            return std::unexpected(std::move(*reason));
        }
        const char* const text = rd_kafka_event_error_string(event.get());
        return std::unexpected(map_error(code, what, text == nullptr ? "" : text));
    }
    client_.trouble().clear();  // not before: librdkafka reports the same trouble only once in 30 s
    return event;
}

bool is_passing(const Error& error) {
    return error.disposition == Disposition::retry && error.exit_code == ExitCode::unavailable;
}

Rights rights_of(const rd_kafka_AclOperation_t* operations, std::size_t count) {
    Rights rights;
    if (operations == nullptr) {
        return rights;
    }
    rights.set_known();
    for (std::size_t i = 0; i < count; ++i) {
        const auto found = std::ranges::find(kOperations, operations[i], &OperationName::code);
        if (found != kOperations.end()) {
            rights.allow(found->operation);
        }
    }
    return rights;
}

std::string to_text(const TopicPartition& of) {
    return fmt::format("{} [{}]", of.topic, of.partition.value);
}

// --- the client

Admin::Admin(ClientConfig config, AdminSettings settings)
    : config_(std::move(config)),
      settings_(std::move(settings)),
      trouble_(std::make_shared<SharedTrouble>()),
      mutex_(std::make_unique<std::mutex>()) {}

AdminClient::~AdminClient() {
    if (spent_) {
        leave_behind(std::move(handle_), nullptr);
    }
}

Result<Admin> Admin::make(const ClientConfig& config, AdminSettings settings) {
    Admin admin(config, std::move(settings));
    Result<std::shared_ptr<AdminClient>> client = admin.make_client();
    if (!client) {
        return std::unexpected(std::move(client.error()));
    }
    admin.client_ = std::move(*client);
    return admin;
}

// A consumer, though it never reads: on a handle without a group librdkafka (2.14.2) follows a null
// pointer when a broker answers ListConsumerGroupOffsets with NOT_COORDINATOR (rdkafka_request.c,
// rd_kafka_handle_OffsetFetch).
Result<std::shared_ptr<AdminClient>> Admin::make_client() {
    Result<ConfPtr> conf = make_conf(config_, ClientKind::admin, {{"group.id", kReaderGroup}});
    if (!conf) {
        return std::unexpected(std::move(conf.error()));
    }
    rd_kafka_conf_set_opaque(conf->get(), trouble_.get());
    rd_kafka_conf_set_error_cb(conf->get(), &on_trouble);
    Result<HandlePtr> handle = kafka::make_client(std::move(*conf), RD_KAFKA_CONSUMER);
    if (!handle) {
        return std::unexpected(std::move(handle.error()));
    }
    return std::make_shared<AdminClient>(trouble_, std::move(*handle));
}

AdminTurn Admin::turn() const {
    const std::lock_guard lock{*mutex_};
    return {client_, settings_};
}

// librdkafka (2.14.2, rdkafka_coord.c) remembers the coordinator of a group for fifteen minutes,
// also when that broker is gone, and looks again only when the connection changes its state; on a
// new cluster it may go on waiting for one that did not exist yet. And it asks about topics and the
// cluster by way of the "controller", under KRaft any broker that a metadata answer has named: when
// that one is lost it is asked until the next such answer, which may be five minutes away.
// Takeovers after the loss of a broker waited until they gave up. Nor does such a client always
// come to its end: a question that waits for a coordinator can hold on to the broker for ever (2 to
// 3 of 100 times in tests/mock/admin_test.cpp), so nobody here waits for that.
void Admin::replace(const AdminClient& spent) {
    std::shared_ptr<AdminClient> old;  // let go of without the lock
    const std::lock_guard lock{*mutex_};
    if (client_.get() != &spent) {
        return;
    }
    if (Result<std::shared_ptr<AdminClient>> fresh = make_client()) {
        old = std::exchange(client_, std::move(*fresh));
        old->spend();
    }
}

// --- the cluster

Result<ClusterInfo> Admin::describe_cluster() {
    return ask_in_turns([this](const AdminTurn& turn) { return ask_cluster(turn); },
                        &passing_error<ClusterInfo>);
}

Result<ClusterInfo> Admin::ask_cluster(const AdminTurn& turn) {
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER);
    const ErrorPtr refused(
        rd_kafka_AdminOptions_set_include_authorized_operations(call.options(), 1));
    KSTREAM_CHECK(!refused, "option valid for DescribeCluster");
    rd_kafka_DescribeCluster(turn.client->get(), call.options(), call.queue());
    const Result<EventPtr> event = call.wait("asking for the cluster");
    if (!event) {
        return std::unexpected(event.error());
    }
    const auto* const answer = rd_kafka_event_DescribeCluster_result(event->get());
    ClusterInfo cluster;
    if (const char* const id = rd_kafka_DescribeCluster_result_cluster_id(answer)) {
        cluster.cluster_id = id;
    }
    if (const auto* const controller = rd_kafka_DescribeCluster_result_controller(answer)) {
        cluster.controller = rd_kafka_Node_id(controller);
    }
    std::size_t count = 0;
    const rd_kafka_Node_t** const nodes = rd_kafka_DescribeCluster_result_nodes(answer, &count);
    for (std::size_t i = 0; i < count; ++i) {
        cluster.brokers.push_back(BrokerInfo{rd_kafka_Node_id(nodes[i]),
                                             rd_kafka_Node_host(nodes[i]),
                                             rd_kafka_Node_port(nodes[i])});
    }
    const auto* const operations =
        rd_kafka_DescribeCluster_result_authorized_operations(answer, &count);
    cluster.rights = rights_of(operations, count);
    return cluster;
}

// A cluster that does not answer leaves a person with "timed out".
Result<ClusterInfo> Admin::explained(Result<ClusterInfo> cluster) {
    if (cluster || (settings_.canceled && settings_.canceled())) {
        return cluster;
    }
    return std::unexpected(explain_silence(*turn().client->get(), config_.brokers, cluster.error(),
                                           settings_.canceled));
}

void Admin::say_once(const Error& error) {
    if (config_.log != nullptr && error.message != said_) {
        config_.log->write(LogLevel::warn, "waiting for the cluster",
                           {{"reason", error.message}, {"hint", error.hint}});
        said_ = error.message;
    }
}

Result<ClusterInfo> Admin::wait_for_cluster(int brokers, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    const std::chrono::milliseconds whole = settings_.timeout;
    settings_.timeout = std::min(whole, kFirstAttempt);
    Result<ClusterInfo> cluster = explained(describe_cluster());
    settings_.timeout = std::min(whole, kAttempt);
    const auto wait_on = [&] {
        const bool canceled = settings_.canceled && settings_.canceled();
        const bool worth_it = cluster ? static_cast<int>(cluster->brokers.size()) < brokers
                                      : cluster.error().disposition == Disposition::retry;
        return worth_it && !canceled && std::chrono::steady_clock::now() < deadline;
    };
    while (wait_on()) {
        if (!cluster) {
            say_once(cluster.error());
        }
        std::this_thread::sleep_for(kBetweenAttempts);
        cluster = explained(describe_cluster());
    }
    settings_.timeout = whole;
    if (cluster && static_cast<int>(cluster->brokers.size()) < brokers) {
        return fail(
            ExitCode::unavailable,
            fmt::format("{} of at least {} brokers are up", cluster->brokers.size(), brokers),
            "start the other brokers, or ask for a lower replication factor");
    }
    return cluster;
}

// --- configuration

Result<std::vector<std::expected<ConfigMap, Error>>> Admin::topic_configs(
    const std::vector<std::string>& names) {
    std::vector<std::expected<ConfigMap, Error>> all;
    if (names.empty()) {
        return all;
    }
    std::vector<ConfigResourcePtr> resources;
    resources.reserve(names.size());
    for (const std::string& name : names) {
        resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    }
    const AdminTurn turn = this->turn();
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    auto raw = raw_pointers(resources);
    rd_kafka_DescribeConfigs(turn.client->get(), raw.data(), raw.size(), call.options(),
                             call.queue());
    const Result<EventPtr> event = call.wait("reading the configuration of topics");
    if (!event) {
        return std::unexpected(event.error());
    }
    std::map<std::string, std::expected<ConfigMap, Error>, std::less<>> by_name;
    std::size_t count = 0;
    const rd_kafka_ConfigResource_t** const answers = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event->get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = rd_kafka_ConfigResource_name(answers[i]);
        const rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(answers[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            by_name.emplace(name, config_map(*answers[i]));
        } else {
            by_name.emplace(name, std::unexpected(with_right(
                                      map_error(code, "reading the configuration of " + name),
                                      "DescribeConfigs on topic " + name)));
        }
    }
    for (const std::string& name : names) {
        const auto found = by_name.find(name);
        all.push_back(
            found != by_name.end()
                ? found->second
                : std::unexpected(map_error(RD_KAFKA_RESP_ERR_UNKNOWN,
                                            "reading the configuration of " + name, "no answer")));
    }
    return all;
}

Result<ConfigMap> Admin::broker_config(std::int32_t broker) {
    const std::string what = fmt::format("reading the configuration of broker {}", broker);
    const ConfigResourcePtr resource(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, std::to_string(broker).c_str()));
    const AdminTurn turn = this->turn();
    AdminCall call(turn, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t* raw = resource.get();
    rd_kafka_DescribeConfigs(turn.client->get(), &raw, 1, call.options(), call.queue());
    const Result<EventPtr> event = call.wait(what);
    if (!event) {
        return std::unexpected(event.error());
    }
    std::size_t count = 0;
    const rd_kafka_ConfigResource_t** const answers = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event->get()), &count);
    KSTREAM_CHECK(count == 1, "one resource asked, one answered");
    if (const rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(answers[0]);
        code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return std::unexpected(with_right(map_error(code, what), "DescribeConfigs on the cluster"));
    }
    return config_map(*answers[0]);
}

}  // namespace kstream::kafka
