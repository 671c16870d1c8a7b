// The table of Kafka errors. It stands in for a switch of a hundred cases: one row per code,
// grouped by what to do, and a code in two rows does not compile.
//
// Sources: INTRODUCTION.md "Transactional Producer"; rdkafka_txnmgr.c for which request fails with
// what; Kafka's Errors.java for what the codes mean.

#include "kafka/error_map.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace kstream::kafka {
namespace {

struct Row {
    rd_kafka_resp_err_t code;
    Disposition disposition;
    ExitCode exit_code;  // when the caller gives up, or has to
    const char* hint;
};

constexpr auto kRetry = Disposition::retry;
constexpr auto kAbort = Disposition::abort_and_rewind;
constexpr auto kRebuild = Disposition::rebuild_producer;
constexpr auto kStop = Disposition::stop;

constexpr const char* kReach = "check --brokers, the network and that the brokers are up";
constexpr const char* kReplicas = "too few replicas in sync: are all brokers up";
constexpr const char* kTwin =
    "another process uses the same --instance-id, or this one was silent past the transaction "
    "timeout";
constexpr const char* kStaticTwin = "another process uses the same --group-instance-id";
constexpr const char* kMissing = "create the topics with 'kstream create-topics'";
constexpr const char* kLostData =
    "the log no longer holds the position: look at the topic's retention and for unclean leader "
    "elections before a restart";
constexpr const char* kCorrupt = "the data does not match its checksum: look at the broker's disks";
constexpr const char* kTopicRight =
    "the principal needs on this topic: Read to consume, Write to produce, Describe and "
    "DescribeConfigs to check, Create to create, Delete to reset";
constexpr const char* kGroupRight =
    "the principal needs Read (and Delete to reset) on groups prefixed with the application id";
constexpr const char* kTransactionRight =
    "the principal needs Write and Describe on transactional ids prefixed with the application id";
constexpr const char* kClusterRight =
    "the principal needs on the cluster: Describe and DescribeConfigs to check, Create to make "
    "topics, IdempotentWrite to produce to brokers before 3.0";
constexpr const char* kLogin =
    "check security.protocol, sasl.* and ssl.* and the broker's listener";
constexpr const char* kTooOld = "the brokers are too old: Apache Kafka 2.5 or newer is needed";
constexpr const char* kTooLarge = "raise the topic's max.message.bytes";
constexpr const char* kBug = "please report it";
constexpr const char* kCreate = "check names, counts and --topic-config against the cluster";
constexpr const char* kForeignGroup =
    "another program is in the group: the application id must belong to kstream alone";

constexpr Row kRows[] = {
    // Transient: the cluster is moving or cannot be reached. The same call again.
    {RD_KAFKA_RESP_ERR__TRANSPORT, kRetry, ExitCode::unavailable, kReach},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, kRetry, ExitCode::unavailable, kReach},
    {RD_KAFKA_RESP_ERR__RESOLVE, kRetry, ExitCode::unavailable, kReach},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, kRetry, ExitCode::unavailable, kReach},
    {RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, kRetry, ExitCode::unavailable, kReach},
    {RD_KAFKA_RESP_ERR__WAIT_COORD, kRetry, ExitCode::unavailable, kReach},
    // Also what a broker that dies within the handshake looks like, so no reason to stop.
    {RD_KAFKA_RESP_ERR__SSL, kRetry, ExitCode::kafka_fatal, kLogin},
    {RD_KAFKA_RESP_ERR__WAIT_CACHE, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR__RETRY, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR__QUEUE_FULL, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR__ISR_INSUFF, kRetry, ExitCode::unavailable, kReplicas},
    {RD_KAFKA_RESP_ERR__DESTROY_BROKER, kRetry, ExitCode::unavailable, ""},
    // A broker that knows of none: all are fenced, as while a cluster is starting.
    {RD_KAFKA_RESP_ERR__PARTIAL, kRetry, ExitCode::unavailable, kReach},
    // An administrative request that found no leader to ask (rdkafka_admin.c).
    {RD_KAFKA_RESP_ERR__NOENT, kRetry, ExitCode::unavailable, kMissing},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, kRetry, ExitCode::unavailable, kReach},
    {RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, kRetry, ExitCode::unavailable, kReach},
    {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_NOT_CONTROLLER, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, kRetry, ExitCode::unavailable, kReplicas},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, kRetry, ExitCode::unavailable, kReplicas},
    {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_STALE_BROKER_EPOCH, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, kRetry, ExitCode::unavailable, ""},
    {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, kRetry, ExitCode::try_again, ""},
    // Another's transaction holds the offset: never the same as "no offset" (protocol P3, P8).
    {RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, kRetry, ExitCode::try_again,
     "the open transaction of another process holds the offset"},

    // This member is no longer, or not yet, in the generation that it speaks for: the step belongs
    // to whoever owns the partitions now (KIP-447).
    {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, kAbort, ExitCode::incomplete, ""},
    {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, kAbort, ExitCode::incomplete, ""},
    {RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH, kAbort, ExitCode::incomplete, ""},
    {RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH, kAbort, ExitCode::incomplete, ""},
    {RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, kAbort, ExitCode::incomplete, ""},
    {RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, kAbort, ExitCode::incomplete, ""},
    // A message of the step did not arrive: the step is not whole.
    {RD_KAFKA_RESP_ERR__INCONSISTENT, kAbort, ExitCode::incomplete, ""},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, kAbort, ExitCode::incomplete, kReach},
    {RD_KAFKA_RESP_ERR__PURGE_QUEUE, kAbort, ExitCode::incomplete, ""},
    {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, kAbort, ExitCode::incomplete, ""},

    // The producer's id or epoch is spent. A new one under the same transactional.id fences the old
    // (protocol P6); the broker's own transaction timeout looks just like a fencing (librdkafka
    // #3297), so this is not yet a reason to stop.
    {RD_KAFKA_RESP_ERR__FENCED, kRebuild, ExitCode::kafka_fatal, kTwin},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, kRebuild, ExitCode::kafka_fatal, kTwin},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, kRebuild, ExitCode::kafka_fatal, kTwin},
    {RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED, kRebuild, ExitCode::kafka_fatal, ""},
    // After transactional.id.expiration.ms (7 days) without a transaction. Kafka's own client stops
    // here (KAFKA-18019); the generation that goes with the offsets makes a rebuild safe.
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, kRebuild, ExitCode::kafka_fatal, ""},
    {RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, kRebuild, ExitCode::kafka_fatal, ""},
    {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, kRebuild, ExitCode::kafka_fatal, ""},
    {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, kRebuild, ExitCode::kafka_fatal, ""},
    {RD_KAFKA_RESP_ERR__FATAL, kRebuild, ExitCode::kafka_fatal, ""},
    // An abort while a commit that timed out is still going on: the flag says retriable, but only
    // the commit could be called again, and its outcome is what is uncertain.
    {RD_KAFKA_RESP_ERR__CONFLICT, kRebuild, ExitCode::kafka_fatal, ""},
    {RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS, kRebuild, ExitCode::kafka_fatal, ""},

    // Rights and logins: waiting does not help, and hammering a broker with a wrong password locks
    // accounts.
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, kStop, ExitCode::kafka_fatal, kTopicRight},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, kStop, ExitCode::kafka_fatal, kGroupRight},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, kStop, ExitCode::kafka_fatal, kClusterRight},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, kStop, ExitCode::kafka_fatal,
     kTransactionRight},
    {RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED, kStop, ExitCode::kafka_fatal, kLogin},
    {RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_EXPIRED, kStop, ExitCode::kafka_fatal, kLogin},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, kStop, ExitCode::kafka_fatal, kLogin},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, kStop, ExitCode::kafka_fatal, kLogin},
    {RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, kStop, ExitCode::kafka_fatal, kLogin},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, kStop, ExitCode::kafka_fatal, kLogin},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, kStop, ExitCode::kafka_fatal,
     "a policy of the cluster does not allow it"},

    // Another process took this one's place.
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, kStop, ExitCode::kafka_fatal, kStaticTwin},
    {RD_KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID, kStop, ExitCode::kafka_fatal, kStaticTwin},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, kStop, ExitCode::identity, kForeignGroup},
    {RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED, kStop, ExitCode::kafka_fatal,
     "the broker's group.max.size is reached"},
    {RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP, kStop, ExitCode::try_again,
     "stop all members of the group first"},
    {RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC, kStop, ExitCode::try_again,
     "stop all members of the group first"},

    // Not there. Metadata that is merely late is waited for by librdkafka itself
    // (topic.metadata.propagation.max.ms).
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, kStop, ExitCode::unavailable, kMissing},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, kStop, ExitCode::unavailable, kMissing},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, kStop, ExitCode::unavailable, kMissing},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID, kStop, ExitCode::identity,
     "the topic was deleted or re-created while in use"},
    {RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND, kStop, ExitCode::unavailable, ""},

    // The log contradicts what was committed: going on would lose or invent records.
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, kStop, ExitCode::integrity, kLostData},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, kStop, ExitCode::integrity, kLostData},
    {RD_KAFKA_RESP_ERR__LOG_TRUNCATION, kStop, ExitCode::integrity, kLostData},
    {RD_KAFKA_RESP_ERR__BAD_MSG, kStop, ExitCode::integrity, kCorrupt},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, kStop, ExitCode::integrity, kCorrupt},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, kStop, ExitCode::integrity, kCorrupt},

    // The cluster cannot, or will not, do it as asked.
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, kStop, ExitCode::kafka_fatal, kTooOld},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, kStop, ExitCode::kafka_fatal, kTooOld},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, kStop, ExitCode::kafka_fatal, kTooOld},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_ASSIGNOR, kStop, ExitCode::kafka_fatal, ""},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, kStop, ExitCode::kafka_fatal,
     "choose another compression.type"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, kStop, ExitCode::kafka_fatal, kTooLarge},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, kStop, ExitCode::kafka_fatal, kTooLarge},
    // Also what librdkafka makes of any reason when the broker refuses several records of a batch.
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, kStop, ExitCode::kafka_fatal,
     "is this machine's clock right? the topic's message.timestamp.after.max.ms and "
     "message.timestamp.before.max.ms say how far from the brokers' time a record may be; or the "
     "topic is compacted, and takes no record without a key"},
    {RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD, kStop, ExitCode::kafka_fatal, ""},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, kStop, ExitCode::kafka_fatal,
     "is this machine's clock right? the topic's message.timestamp.after.max.ms and "
     "message.timestamp.before.max.ms say how far from the brokers' time a record may be"},
    {RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, kStop, ExitCode::kafka_fatal,
     "the broker's offset.metadata.max.bytes is below 512"},
    {RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE, kStop, ExitCode::kafka_fatal, ""},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, kStop, ExitCode::usage,
     "the broker's transaction.max.timeout.ms is below kstream's transaction.timeout.ms"},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, kStop, ExitCode::usage,
     "choose --session-timeout between the broker's group.min.session.timeout.ms and "
     "group.max.session.timeout.ms"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, kStop, ExitCode::usage, ""},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, kStop, ExitCode::usage, kCreate},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, kStop, ExitCode::usage, kCreate},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, kStop, ExitCode::usage, kCreate},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, kStop, ExitCode::usage, kCreate},
    {RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, kStop, ExitCode::kafka_fatal,
     "another program creates topics of the same names"},
    {RD_KAFKA_RESP_ERR_TOPIC_DELETION_DISABLED, kStop, ExitCode::kafka_fatal,
     "the brokers have delete.topic.enable=false"},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, kStop, ExitCode::internal, kBug},
    {RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, kStop, ExitCode::internal,
     "the process is out of threads, memory or file descriptors"},
};

consteval bool codes_are_unique() {
    for (const Row& row : kRows) {
        if (std::ranges::count(kRows, row.code, &Row::code) != 1) {
            return false;
        }
    }
    return true;
}
static_assert(codes_are_unique(), "an error code has two rows");

const Row* find_row(rd_kafka_resp_err_t code) {
    const auto* const found = std::ranges::find(kRows, code, &Row::code);
    return found == std::end(kRows) ? nullptr : found;
}

// What the flags of a transactional error ask for; nothing when it has none.
std::optional<Disposition> flagged(const rd_kafka_error_t& error) {
    if (rd_kafka_error_is_fatal(&error) != 0) {
        return kRebuild;
    }
    if (rd_kafka_error_txn_requires_abort(&error) != 0) {
        return kAbort;
    }
    if (rd_kafka_error_is_retriable(&error) != 0) {
        return kRetry;
    }
    return std::nullopt;
}

// librdkafka's texts are sentences of their own ("Broker: Not enough in-sync replicas"): as the end
// of a line they lose the prefix, the capital and the full stop.
std::string as_clause(std::string_view text) {
    for (const std::string_view prefix : {"Broker: ", "Local: "}) {
        if (text.starts_with(prefix)) {
            text.remove_prefix(prefix.size());
        }
    }
    if (text.ends_with('.')) {
        text.remove_suffix(1);
    }
    std::string clause(text);
    const bool acronym = clause.size() > 1 && std::isupper(static_cast<unsigned char>(clause[1]));
    if (!clause.empty() && !acronym) {
        clause[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(clause[0])));
    }
    return clause;
}

Error make_error(rd_kafka_resp_err_t code, std::string_view what, std::string_view detail) {
    const Row* const row = find_row(code);
    Error error;
    error.disposition = row == nullptr ? kStop : row->disposition;
    error.exit_code = row == nullptr ? ExitCode::kafka_fatal : row->exit_code;
    error.message = fmt::format("{}: {} ({})", what,
                                as_clause(detail.empty() ? rd_kafka_err2str(code) : detail),
                                rd_kafka_err2name(code));
    error.hint = row == nullptr ? "" : row->hint;
    error.kafka_code = static_cast<int>(code);
    return error;
}

}  // namespace

Error map_error(rd_kafka_resp_err_t code, std::string_view what, std::string_view detail) {
    return make_error(code, what, detail);
}

Error map_error(const rd_kafka_error_t& error, std::string_view what) {
    const rd_kafka_resp_err_t code = rd_kafka_error_code(&error);
    Error mapped = make_error(code, what, rd_kafka_error_string(&error));
    const std::optional<Disposition> flag = flagged(error);
    if (!flag) {
        return mapped;
    }
    // The dispositions are declared in the order of their gravity.
    static_assert(kRetry < kAbort && kAbort < kRebuild && kRebuild < kStop);
    if (find_row(code) == nullptr) {
        mapped.disposition = *flag;
        mapped.exit_code = *flag == kRetry   ? ExitCode::unavailable
                           : *flag == kAbort ? ExitCode::incomplete
                                             : ExitCode::kafka_fatal;
    } else {
        mapped.disposition = std::max(mapped.disposition, *flag);
    }
    return mapped;
}

bool is_missing_topic(const Error& error) {
    return error.kafka_code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           error.kafka_code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID ||
           error.kafka_code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           error.kafka_code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

bool is_of_another_record(const Error& error) {
    return error.kafka_code == RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD;
}

bool is_refused_connection(const Error& error) {
    return error.kafka_code == RD_KAFKA_RESP_ERR__SSL ||
           error.kafka_code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
}

bool is_refused_setting(const Error& error) {
    return error.kafka_code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION ||
           error.kafka_code == RD_KAFKA_RESP_ERR_INVALID_CONFIG;
}

Error with_right(Error error, std::string_view right) {
    const auto code = static_cast<rd_kafka_resp_err_t>(error.kafka_code);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED) {
        error.hint = fmt::format("the principal needs {}", right);
    }
    return error;
}

}  // namespace kstream::kafka
