// Configuration of librdkafka clients; what each default is for stands beside it.

#include "kafka/client_config.hpp"

#include "kafka/log_bridge.hpp"
#include "kstream/model/property_rules.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>
#include <string_view>
#include <tuple>

namespace kstream::kafka {
namespace {

struct Default {
    const char* name;
    const char* value;
};

constexpr Default kCommon[] = {
    {"log.thread.name", "false"},
    {"socket.keepalive.enable", "true"},  // half-open connections after a lost peer
    // The client must be back soon after a broker is: the default backs off to 10 s.
    {"reconnect.backoff.max.ms", "2000"},
    // A topic that the broker makes on the fly has the broker's partition count and policies; a
    // producer would ask for it by default.
    {"allow.auto.create.topics", "false"},
    // KIP-714 pushes to the cluster: kstream has its own metrics.
    {"enable.metrics.push", "false"},
};

constexpr Default kPlainProducer[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    // A message waits for a broker as long as it takes: produce never drops (its queue is bounded).
    {"message.timeout.ms", "0"},
    {"linger.ms", "10"},
    {"batch.size", "1000000"},
    {"queue.buffering.max.messages", "200000"},
    {"queue.buffering.max.kbytes", "65536"},
};

constexpr Default kTransactionalProducer[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    // AddOffsetsToTxn and EndTxn answered with CONCURRENT_TRANSACTIONS wait this long: the default
    // of 100 ms would be added to commits.
    {"retry.backoff.ms", "10"},
    // A step is produced in one burst while AddPartitionsToTxn is on its way; waiting for more
    // would only delay the commit.
    {"linger.ms", "0"},
    {"compression.type", "lz4"},
    // The broker's default of 1048588 plus the 64 KiB of a dead letter's headers (protocol P10);
    // the default of 1000000 refuses records that the source topic holds.
    {"message.max.bytes", "1114124"},
    {"queue.buffering.max.messages", "200000"},
    {"queue.buffering.max.kbytes", "65536"},
};

// What both ways of reading have in common.
constexpr Default kReading[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    // Also where nobody writes transactions: librdkafka asks for stable offsets (KIP-447) only
    // under read_committed.
    {"isolation.level", "read_committed"},
    // A truncated log must stop the job, not move its position (protocol P3).
    {"auto.offset.reset", "error"},
    {"check.crcs", "true"},
    // How long a partition pauses when the queue is full; the default is a second (librdkafka
    // #2879).
    {"fetch.queue.backoff.ms", "10"},
    {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "100"},
    // Caps the growth of a partition's fetch size over aborted batches (librdkafka PR 4971).
    {"fetch.max.bytes", "16777216"},
    // Prefetch, bounded by both; what is asked for already comes on top of it. kbytes counts
    // uncompressed batches, or values of single records, which have about 320 bytes of overhead
    // each. Twice as much was no faster, and slower where it left the cache before it was read.
    {"queued.min.messages", "100000"},
    {"queued.max.messages.kbytes", "16384"},
};

constexpr Default kReader[] = {
    {"group.id", kReaderGroup},
};

constexpr Default kAdmin[] = {
    // A request for a certain broker that is down is looked at again with every change of any
    // connection, and with sparse connections each look connects at once, without the back-off: the
    // refusal is the next change. One dead leader cost a core, 11,000 attempts a second
    // (rdkafka_broker.c, rd_kafka_broker_get_async and RD_KAFKA_OP_CONNECT).
    {"enable.sparse.connections", "false"},
};

constexpr Default kGroupConsumer[] = {
    // How soon partitions that were added are seen, and with them their records: the first member
    // to see them begins a rebalance. One small request for each consumer and interval; the default
    // is five minutes.
    {"topic.metadata.refresh.interval.ms", "5000"},
};

constexpr Default kClassicConsumer[] = {
    {"partition.assignment.strategy", "cooperative-sticky"},
};

bool has_value(const Properties& properties, std::string_view name, std::string_view value) {
    for (const auto& [key, text] : properties) {
        if (key == name && text == value) {
            return true;
        }
    }
    return false;
}

// The groups of defaults of one kind, in the order in which they are set.
std::vector<std::span<const Default>> defaults_of(ClientKind kind, const Properties& required) {
    std::vector<std::span<const Default>> groups{kCommon};
    switch (kind) {
        case ClientKind::plain_producer:
            groups.emplace_back(kPlainProducer);
            break;
        case ClientKind::transactional_producer:
            groups.emplace_back(kTransactionalProducer);
            break;
        case ClientKind::consumer:
            groups.emplace_back(kReading);
            groups.emplace_back(kGroupConsumer);
            // KIP-848 has the assignor on the broker; librdkafka refuses a client's choice.
            if (!has_value(required, "group.protocol", "consumer")) {
                groups.emplace_back(kClassicConsumer);
            }
            break;
        case ClientKind::reader:
            groups.emplace_back(kReading);
            groups.emplace_back(kReader);
            break;
        case ClientKind::admin:
            groups.emplace_back(kAdmin);
            break;
    }
    return groups;
}

enum class Scope { any, consumer, producer };

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// Which kind of client each property is for, from librdkafka's own table ("name | C/P | ..."). A
// property of the other kind would be ignored with a warning per client. Hidden properties are not
// in the table and count as `any`, which is no worse than such a warning.
std::map<std::string, Scope, std::less<>> read_scopes() {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* const stream = open_memstream(&text, &size);
    if (stream == nullptr) {
        return {};
    }
    rd_kafka_conf_properties_show(stream);
    std::fclose(stream);
    std::map<std::string, Scope, std::less<>> scopes;
    constexpr std::size_t kNone = std::string_view::npos;
    std::string_view rest(text, size);
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const std::size_t first = line.find('|');
        const std::size_t second = first == kNone ? kNone : line.find('|', first + 1);
        if (second == kNone) {
            continue;
        }
        const std::string_view column = trimmed(line.substr(first + 1, second - first - 1));
        const Scope scope = column == "C"   ? Scope::consumer
                            : column == "P" ? Scope::producer
                                            : Scope::any;
        scopes.emplace(trimmed(line.substr(0, first)), scope);
    }
    std::free(text);
    return scopes;
}

bool applies_to(std::string_view property, ClientKind kind) {
    static const std::map<std::string, Scope, std::less<>> scopes = read_scopes();
    const auto found = scopes.find(property);
    if (found == scopes.end() || found->second == Scope::any) {
        return true;
    }
    switch (kind) {
        case ClientKind::plain_producer:
        case ClientKind::transactional_producer:
            return found->second == Scope::producer;
        case ClientKind::consumer:
        case ClientKind::reader:
            return found->second == Scope::consumer;
        case ClientKind::admin:
            return false;
    }
    return false;
}

// Empty when librdkafka took the property, else why not. librdkafka repeats refused values, but it
// checks none of those that are secrets: they are all plain strings.
std::string set_property(rd_kafka_conf_t& conf, const char* name, const char* value) {
    std::array<char, 512> reason{};
    if (rd_kafka_conf_set(&conf, name, value, reason.data(), reason.size()) == RD_KAFKA_CONF_OK) {
        return {};
    }
    return reason.data();
}

Result<void> apply_user(rd_kafka_conf_t& conf, ClientKind kind, const Properties& user) {
    const ConfPtr other_kind(rd_kafka_conf_new());
    for (const auto& [name, value] : user) {
        if (const std::string_view reason = refusal_reason(name); !reason.empty()) {
            return fail(ExitCode::usage,
                        fmt::format("client property {} cannot be set: {}", name, reason));
        }
        rd_kafka_conf_t& target = applies_to(name, kind) ? conf : *other_kind;
        if (const std::string reason = set_property(target, name.c_str(), value.c_str());
            !reason.empty()) {
            return fail(ExitCode::usage, fmt::format("client property {}: {}", name, reason),
                        "names and values are those of librdkafka's CONFIGURATION.md");
        }
    }
    return {};
}

// A default or required property that librdkafka refuses is a bug or a library that is too old.
Result<void> apply_own(rd_kafka_conf_t& conf, const char* name, const char* value) {
    if (const std::string reason = set_property(conf, name, value); !reason.empty()) {
        return fail(ExitCode::usage,
                    fmt::format("librdkafka {} refuses {}: {}", library_version(), name, reason));
    }
    return {};
}

}  // namespace

Result<ConfPtr> make_conf(const ClientConfig& config, ClientKind kind, const Properties& required) {
    ConfPtr conf(rd_kafka_conf_new());
    for (const std::span<const Default> group : defaults_of(kind, required)) {
        for (const Default& property : group) {
            if (auto done = apply_own(*conf, property.name, property.value); !done) {
                return std::unexpected(std::move(done.error()));
            }
        }
    }
    if (auto done = apply_user(*conf, kind, config.user); !done) {
        return std::unexpected(std::move(done.error()));
    }
    Properties last{{"bootstrap.servers", config.brokers}};
    if (kind == ClientKind::transactional_producer) {
        last.emplace_back("transaction.timeout.ms", std::to_string(kTransactionTimeout.count()));
    }
    if (!config.client_id.empty()) {
        last.emplace_back("client.id", config.client_id);
    }
    last.insert(last.end(), required.begin(), required.end());
    for (const auto& [name, value] : last) {
        if (auto done = apply_own(*conf, name.c_str(), value.c_str()); !done) {
            return std::unexpected(std::move(done.error()));
        }
    }
    if (config.log != nullptr) {
        attach_log(*conf, *config.log);
    }
    return conf;
}

Result<HandlePtr> make_client(ConfPtr conf, rd_kafka_type_t type) {
    std::array<char, 512> reason{};
    HandlePtr client(rd_kafka_new(type, conf.get(), reason.data(), reason.size()));
    if (!client) {
        return fail(ExitCode::usage, fmt::format("making a Kafka client: {}", reason.data()));
    }
    std::ignore = conf.release();  // belongs to the client now
    return client;
}

std::string library_version() {
    return rd_kafka_version_str();
}

bool library_is_recent() {
    constexpr int kMinimum = 0x020e02ff;  // kMinimumLibrary as librdkafka numbers releases
    return rd_kafka_version() >= kMinimum;
}

bool library_has_consumer_protocol() {
    constexpr int kFirst = 0x020f00ff;
    return rd_kafka_version() >= kFirst;
}

std::string library_features() {
    const ConfPtr conf(rd_kafka_conf_new());
    std::size_t size = 0;
    if (rd_kafka_conf_get(conf.get(), "builtin.features", nullptr, &size) != RD_KAFKA_CONF_OK) {
        return {};
    }
    std::string features(size, '\0');
    rd_kafka_conf_get(conf.get(), "builtin.features", features.data(), &size);
    features.resize(size == 0 ? 0 : size - 1);  // size counts the terminator
    return features;
}

}  // namespace kstream::kafka
