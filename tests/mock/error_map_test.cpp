// What becomes of each Kafka error: the table over every code that librdkafka knows, and the errors
// of the transactional API as they really come out of it, over its mock cluster.
//
// The expectations are written down here a second time on purpose: a row that is changed by mistake
// must meet somebody who says otherwise.
#include "kafka/error_map.hpp"

#include "kafka/client_config.hpp"
#include "kafka/handles.hpp"

#include <catch2/catch_test_macros.hpp>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace kstream::kafka {
namespace {

struct Expectation {
    Disposition disposition;
    ExitCode exit_code;
    std::vector<rd_kafka_resp_err_t> codes;
};

const std::vector<Expectation>& expectations() {
    using enum Disposition;
    static const std::vector<Expectation> all{
        {retry,
         ExitCode::unavailable,
         {RD_KAFKA_RESP_ERR__TRANSPORT,
          RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
          RD_KAFKA_RESP_ERR__RESOLVE,
          RD_KAFKA_RESP_ERR__TIMED_OUT,
          RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
          RD_KAFKA_RESP_ERR__WAIT_COORD,
          RD_KAFKA_RESP_ERR__WAIT_CACHE,
          RD_KAFKA_RESP_ERR__RETRY,
          RD_KAFKA_RESP_ERR__QUEUE_FULL,
          RD_KAFKA_RESP_ERR__ISR_INSUFF,
          RD_KAFKA_RESP_ERR__DESTROY_BROKER,
          RD_KAFKA_RESP_ERR__PARTIAL,
          RD_KAFKA_RESP_ERR__NOENT,
          RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
          RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
          RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
          RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
          RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
          RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
          RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
          RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
          RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
          RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_STALE_BROKER_EPOCH,
          RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
          RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS}},
        {retry, ExitCode::kafka_fatal, {RD_KAFKA_RESP_ERR__SSL}},
        {retry,
         ExitCode::try_again,
         {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT}},
        {abort_and_rewind,
         ExitCode::incomplete,
         {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
          RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH, RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH,
          RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED,
          RD_KAFKA_RESP_ERR__INCONSISTENT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
          RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT}},
        {rebuild_producer,
         ExitCode::kafka_fatal,
         {RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
          RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
          RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED,
          RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
          RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
          RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__CONFLICT,
          RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS}},
        {stop,
         ExitCode::kafka_fatal,
         {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
          RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
          RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
          RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
          RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED,
          RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_EXPIRED,
          RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
          RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM,
          RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE,
          RD_KAFKA_RESP_ERR__AUTHENTICATION,
          RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
          RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
          RD_KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID,
          RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED,
          RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
          RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
          RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
          RD_KAFKA_RESP_ERR_UNSUPPORTED_ASSIGNOR,
          RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
          RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
          RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
          RD_KAFKA_RESP_ERR_INVALID_RECORD,
          RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD,
          RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
          RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE,
          RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE,
          RD_KAFKA_RESP_ERR_TOPIC_DELETION_DISABLED}},
        {stop,
         ExitCode::identity,
         {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID}},
        {stop,
         ExitCode::try_again,
         {RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP, RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC}},
        {stop,
         ExitCode::unavailable,
         {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
          RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND}},
        {stop,
         ExitCode::integrity,
         {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
          RD_KAFKA_RESP_ERR__LOG_TRUNCATION, RD_KAFKA_RESP_ERR__BAD_MSG,
          RD_KAFKA_RESP_ERR__BAD_COMPRESSION, RD_KAFKA_RESP_ERR_INVALID_MSG}},
        {stop,
         ExitCode::usage,
         {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT,
          RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
          RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
          RD_KAFKA_RESP_ERR_INVALID_CONFIG}},
        {stop,
         ExitCode::internal,
         {RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE}},
    };
    return all;
}

// The expectation that lists the code, nullptr when none does.
const Expectation* expected(rd_kafka_resp_err_t code) {
    for (const Expectation& one : expectations()) {
        if (std::ranges::find(one.codes, code) != one.codes.end()) {
            return &one;
        }
    }
    return nullptr;
}

TEST_CASE("every code that librdkafka knows has the disposition that is expected of it") {
    const rd_kafka_err_desc* descriptions = nullptr;
    std::size_t count = 0;
    rd_kafka_get_err_descs(&descriptions, &count);
    std::size_t listed = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const rd_kafka_resp_err_t code = descriptions[i].code;
        if (descriptions[i].name == nullptr || code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            continue;
        }
        CAPTURE(descriptions[i].name);
        const Error error = map_error(code, "doing");
        const Expectation* const one = expected(code);
        // What nobody has thought about stops the process.
        CHECK(error.disposition == (one == nullptr ? Disposition::stop : one->disposition));
        CHECK(error.exit_code == (one == nullptr ? ExitCode::kafka_fatal : one->exit_code));
        CHECK(error.kafka_code == static_cast<int>(code));
        listed += one == nullptr ? 0 : 1;
    }
    std::size_t wanted = 0;
    for (const Expectation& one : expectations()) {
        wanted += one.codes.size();
    }
    CHECK(listed == wanted);  // each was really met, none twice
}

TEST_CASE("a message says what was done, what happened and its name, in that order") {
    CHECK(map_error(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, "writing t [3]").message ==
          "writing t [3]: not enough in-sync replicas (NOT_ENOUGH_REPLICAS)");
    CHECK(map_error(RD_KAFKA_RESP_ERR__TIMED_OUT, "waiting", "Timed out in 5 s.").message ==
          "waiting: timed out in 5 s (_TIMED_OUT)");
    CHECK(map_error(RD_KAFKA_RESP_ERR__SSL, "connecting", "SSL handshake failed").message ==
          "connecting: SSL handshake failed (_SSL)");
}

TEST_CASE("a missing right is named with its resource") {
    const auto hint = [](rd_kafka_resp_err_t code) { return map_error(code, "x").hint; };
    CHECK(hint(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).find("topic") != std::string::npos);
    CHECK(hint(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED).find("Read") != std::string::npos);
    CHECK(hint(RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED).find("Write") !=
          std::string::npos);
    CHECK(hint(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED).find("cluster") !=
          std::string::npos);
}

// --- over the mock cluster

using MockPtr = std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>>;

// Kafka's request numbers.
enum class Api : std::int16_t {
    produce = 0,
    init_producer_id = 22,
    add_partitions = 24,
    add_offsets = 25,
    end_transaction = 26,
    transaction_offsets = 28,
};

constexpr int kTimeoutMs = 5000;
constexpr const char* kTopic = "mock-topic";

class Cluster {
public:
    Cluster() {
        const Result<ConfPtr> conf = make_conf({}, ClientKind::admin, {});
        REQUIRE(conf.has_value());
        host_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_dup(conf->get()), nullptr, 0));
        REQUIRE(host_);
        mock_.reset(rd_kafka_mock_cluster_new(host_.get(), 3));
        REQUIRE(mock_);
        REQUIRE(rd_kafka_mock_topic_create(mock_.get(), kTopic, 2, 3) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }

    // The next `times` answers to requests of this kind carry the error.
    void inject(Api api, rd_kafka_resp_err_t code, std::size_t times = 1) {
        const std::vector<rd_kafka_resp_err_t> codes(times, code);
        rd_kafka_mock_push_request_errors_array(mock_.get(), static_cast<std::int16_t>(api),
                                                codes.size(), codes.data());
    }

    [[nodiscard]] std::string brokers() const {
        return rd_kafka_mock_cluster_bootstraps(mock_.get());
    }

private:
    HandlePtr host_;
    MockPtr mock_;
};

// One transactional producer and the calls of one step, each as a Result.
class StepProducer {
public:
    explicit StepProducer(const Cluster& cluster) {
        ClientConfig config;
        config.brokers = cluster.brokers();
        Result<ConfPtr> conf = make_conf(config, ClientKind::transactional_producer,
                                         {{"transactional.id", "mock-map-0"}});
        REQUIRE(conf.has_value());
        rd_kafka_conf_set_opaque(conf->get(), this);
        rd_kafka_conf_set_dr_msg_cb(
            conf->get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
                static_cast<StepProducer*>(self)->delivery_error_ = message->err;
            });
        Result<HandlePtr> client = make_client(std::move(*conf), RD_KAFKA_PRODUCER);
        REQUIRE(client.has_value());
        client_ = std::move(*client);
    }

    Result<void> init() {
        return result(rd_kafka_init_transactions(client_.get(), kTimeoutMs), "init");
    }
    Result<void> begin() { return result(rd_kafka_begin_transaction(client_.get()), "begin"); }

    void produce() {
        const TopicPtr topic(rd_kafka_topic_new(client_.get(), kTopic, nullptr));
        std::string value = "v";
        REQUIRE(rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY, value.data(), value.size(),
                                 nullptr, 0, nullptr) == 0);
    }

    Result<void> send_offsets() {
        const PartitionListPtr offsets(rd_kafka_topic_partition_list_new(1));
        rd_kafka_topic_partition_list_add(offsets.get(), kTopic, 1)->offset = 12;
        const GroupMetadataPtr group(
            rd_kafka_consumer_group_metadata_new_with_genid("mock-map", 5, "member-1", nullptr));
        return result(rd_kafka_send_offsets_to_transaction(client_.get(), offsets.get(),
                                                           group.get(), kTimeoutMs),
                      "send offsets");
    }

    Result<void> commit(int timeout_ms = kTimeoutMs) {
        return result(rd_kafka_commit_transaction(client_.get(), timeout_ms), "commit");
    }
    Result<void> abort() {
        return result(rd_kafka_abort_transaction(client_.get(), kTimeoutMs), "abort");
    }

    [[nodiscard]] rd_kafka_resp_err_t delivery_error() const { return delivery_error_; }

private:
    static Result<void> result(rd_kafka_error_t* raw, std::string_view what) {
        const ErrorPtr error(raw);
        return error ? Result<void>(std::unexpected(map_error(*error, what))) : Result<void>{};
    }

    rd_kafka_resp_err_t delivery_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    HandlePtr client_;
};

struct Outcome {
    rd_kafka_resp_err_t injected;
    Disposition disposition;
    ExitCode exit_code;
};

void check(const Result<void>& result, const Outcome& outcome) {
    CAPTURE(rd_kafka_err2name(outcome.injected));
    REQUIRE_FALSE(result.has_value());
    CAPTURE(result.error().message);
    CHECK(result.error().disposition == outcome.disposition);
    CHECK(result.error().exit_code == outcome.exit_code);
}

TEST_CASE("a step without errors commits, and so does the one after an abort") {
    Cluster cluster;
    StepProducer producer(cluster);
    REQUIRE(producer.init().has_value());
    REQUIRE(producer.begin().has_value());
    producer.produce();
    REQUIRE(producer.send_offsets().has_value());
    REQUIRE(producer.commit().has_value());

    cluster.inject(Api::transaction_offsets, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    REQUIRE(producer.begin().has_value());
    producer.produce();
    const Result<void> sent = producer.send_offsets();
    check(sent, {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, Disposition::abort_and_rewind,
                 ExitCode::incomplete});
    REQUIRE(producer.abort().has_value());

    REQUIRE(producer.begin().has_value());
    producer.produce();
    CHECK(producer.commit().has_value());
}

TEST_CASE("init_transactions: rights and limits stop, a missing coordinator is asked for again") {
    for (const Outcome& outcome : {
             Outcome{RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Disposition::stop,
                     ExitCode::kafka_fatal},
             Outcome{RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, Disposition::stop,
                     ExitCode::usage},
         }) {
        Cluster cluster;
        StepProducer producer(cluster);
        cluster.inject(Api::init_producer_id, outcome.injected);
        check(producer.init(), outcome);
    }
    Cluster cluster;
    StepProducer producer(cluster);
    cluster.inject(Api::init_producer_id, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 2);
    CHECK(producer.init().has_value());  // librdkafka itself asks again
}

TEST_CASE("registering partitions: rights stop, a spent epoch rebuilds") {
    for (const Outcome& outcome : {
             Outcome{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, Disposition::stop,
                     ExitCode::kafka_fatal},
             Outcome{RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, Disposition::rebuild_producer,
                     ExitCode::kafka_fatal},
             Outcome{RD_KAFKA_RESP_ERR_PRODUCER_FENCED, Disposition::rebuild_producer,
                     ExitCode::kafka_fatal},
             Outcome{RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, Disposition::rebuild_producer,
                     ExitCode::kafka_fatal},
             Outcome{RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, Disposition::rebuild_producer,
                     ExitCode::kafka_fatal},
         }) {
        Cluster cluster;
        StepProducer producer(cluster);
        REQUIRE(producer.init().has_value());
        cluster.inject(Api::add_partitions, outcome.injected);
        REQUIRE(producer.begin().has_value());
        producer.produce();
        check(producer.commit(), outcome);
    }
}

TEST_CASE("a record that can never be delivered stops, though the flag only asks for an abort") {
    Cluster cluster;
    StepProducer producer(cluster);
    REQUIRE(producer.init().has_value());
    cluster.inject(Api::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    REQUIRE(producer.begin().has_value());
    producer.produce();
    check(producer.commit(),
          {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, Disposition::stop, ExitCode::kafka_fatal});
    CHECK(producer.delivery_error() == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    CHECK(producer.abort().has_value());
}

TEST_CASE("a record that is refused for a spent epoch rebuilds") {
    Cluster cluster;
    StepProducer producer(cluster);
    REQUIRE(producer.init().has_value());
    cluster.inject(Api::produce, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    REQUIRE(producer.begin().has_value());
    producer.produce();
    check(producer.commit(), {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                              Disposition::rebuild_producer, ExitCode::kafka_fatal});
}

TEST_CASE("too few replicas in sync are waited for") {
    Cluster cluster;
    StepProducer producer(cluster);
    REQUIRE(producer.init().has_value());
    cluster.inject(Api::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 3);
    REQUIRE(producer.begin().has_value());
    producer.produce();
    CHECK(producer.commit().has_value());
}

TEST_CASE("sending offsets: a stale member aborts, a fenced one stops") {
    for (const auto& [api, outcome] : {
             std::pair{Api::transaction_offsets,
                       Outcome{RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, Disposition::abort_and_rewind,
                               ExitCode::incomplete}},
             std::pair{Api::transaction_offsets,
                       Outcome{RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, Disposition::abort_and_rewind,
                               ExitCode::incomplete}},
             std::pair{Api::transaction_offsets, Outcome{RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
                                                         Disposition::stop, ExitCode::kafka_fatal}},
             std::pair{Api::transaction_offsets,
                       Outcome{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, Disposition::stop,
                               ExitCode::kafka_fatal}},
             std::pair{Api::transaction_offsets,
                       Outcome{RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                               Disposition::rebuild_producer, ExitCode::kafka_fatal}},
             std::pair{Api::add_offsets, Outcome{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                                 Disposition::stop, ExitCode::kafka_fatal}},
             std::pair{Api::add_offsets,
                       Outcome{RD_KAFKA_RESP_ERR_PRODUCER_FENCED, Disposition::rebuild_producer,
                               ExitCode::kafka_fatal}},
             std::pair{Api::add_offsets,
                       Outcome{RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, Disposition::rebuild_producer,
                               ExitCode::kafka_fatal}},
         }) {
        Cluster cluster;
        StepProducer producer(cluster);
        REQUIRE(producer.init().has_value());
        cluster.inject(api, outcome.injected);
        REQUIRE(producer.begin().has_value());
        producer.produce();
        check(producer.send_offsets(), outcome);
    }
}

TEST_CASE("ending a transaction: a spent id or epoch rebuilds, also when aborting") {
    for (const rd_kafka_resp_err_t code :
         {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
          RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING,
          RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID}) {
        Cluster cluster;
        StepProducer producer(cluster);
        REQUIRE(producer.init().has_value());
        cluster.inject(Api::end_transaction, code);
        REQUIRE(producer.begin().has_value());
        producer.produce();
        check(producer.commit(), {code, Disposition::rebuild_producer, ExitCode::kafka_fatal});
    }
    Cluster cluster;
    StepProducer producer(cluster);
    REQUIRE(producer.init().has_value());
    REQUIRE(producer.begin().has_value());
    producer.produce();
    REQUIRE(producer.send_offsets().has_value());
    cluster.inject(Api::end_transaction, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    check(producer.abort(), {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                             Disposition::rebuild_producer, ExitCode::kafka_fatal});
}

TEST_CASE("a commit that ran out of time can be called again, an abort in its place cannot") {
    Cluster cluster;
    StepProducer producer(cluster);
    REQUIRE(producer.init().has_value());
    REQUIRE(producer.begin().has_value());
    producer.produce();
    REQUIRE(producer.send_offsets().has_value());
    cluster.inject(Api::end_transaction, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 200);
    check(producer.commit(300),
          {RD_KAFKA_RESP_ERR__TIMED_OUT, Disposition::retry, ExitCode::unavailable});
    check(producer.abort(),
          {RD_KAFKA_RESP_ERR__CONFLICT, Disposition::rebuild_producer, ExitCode::kafka_fatal});
}

}  // namespace
}  // namespace kstream::kafka
