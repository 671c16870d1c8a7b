// Configuration of librdkafka clients; what each default is for stands beside it.

#include "kafka/client_config.hpp"

#include "kafka/log_bridge.hpp"
#include "kstream/model/property_rules.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string_view>
#include <tuple>
#include <unistd.h>

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
    // One request at a time for each broker. With more, the first records of a new producer can be
    // refused and the request after them taken, and librdkafka then reports both as delivered
    // (delivery.hpp): its own limit for a partition counts messages where it should count requests.
    // A broker answers one request of a connection at a time, so nothing is lost by it.
    {"max.in.flight.requests.per.connection", "1"},
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

// A loop that has not polled for this long hangs: its partitions have to go to somebody else,
// although the library's own thread goes on with the heartbeats. What the loops do between two
// polls takes milliseconds, restores and takeovers poll all the while. librdkafka refuses less than
// the session timeout, and it would make no sense: a member that is gone is let go sooner than one
// that hangs.
constexpr std::int64_t kLongestPauseMs = 300'000;

constexpr std::int64_t kMaxMessageBytes = 1'000'000'000;  // of librdkafka's message.max.bytes
// What a fetch has around its records, as librdkafka wants it.
constexpr std::int64_t kFetchOverhead = 512;

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

std::int64_t number_in(const rd_kafka_conf_t& conf, const char* name) {
    std::array<char, 64> text{};
    std::size_t size = text.size();
    if (rd_kafka_conf_get(&conf, name, text.data(), &size) != RD_KAFKA_CONF_OK) {
        return 0;
    }
    return std::strtoll(text.data(), nullptr, 10);
}

// What must not be less, or not more, than something else that was set. librdkafka moves such
// properties by itself as long as nobody has set them, and refuses the client when kstream's own
// value stands beside a user's: -X socket.timeout.ms=30000 was exit code 2, and so was
// --session-timeout 6m.
Result<void> move_together(rd_kafka_conf_t& conf, ClientKind kind) {
    const auto at_least = [&conf](const char* name, std::int64_t least) {
        return number_in(conf, name) >= least
                   ? Result<void>{}
                   : apply_own(conf, name, std::to_string(least).c_str());
    };
    const auto at_most = [&conf](const char* name, std::int64_t most) {
        return number_in(conf, name) <= most ? Result<void>{}
                                             : apply_own(conf, name, std::to_string(most).c_str());
    };
    Result<void> done =
        at_least("reconnect.backoff.max.ms", number_in(conf, "reconnect.backoff.ms"));
    const bool reads = kind == ClientKind::consumer || kind == ClientKind::reader;
    if (done && kind == ClientKind::consumer) {
        done = at_least("max.poll.interval.ms",
                        std::max(kLongestPauseMs, number_in(conf, "session.timeout.ms")));
    }
    if (done && reads) {
        done = at_least("fetch.max.bytes", number_in(conf, "message.max.bytes"));
    }
    if (done && reads) {
        done = at_least("receive.message.max.bytes",
                        number_in(conf, "fetch.max.bytes") + kFetchOverhead);
    }
    if (done && !reads && kind != ClientKind::admin) {
        // Of a message that is larger than the queue librdkafka says for ever that it is full.
        done =
            at_least("queue.buffering.max.kbytes", number_in(conf, "message.max.bytes") / 1024 + 1);
    }
    if (done && kind == ClientKind::transactional_producer) {
        const std::int64_t transaction = number_in(conf, "transaction.timeout.ms");
        done = at_most("socket.timeout.ms", transaction);
        // Only where it was set: 0, no limit, stands for what the library makes of it.
        if (done && number_in(conf, "message.timeout.ms") > transaction) {
            done = apply_own(conf, "message.timeout.ms", std::to_string(transaction).c_str());
        }
    }
    return done;
}

// Of OpenSSL's words for a file that does not exist, "system lib" is all that comes here.
std::string unreadable_file(const rd_kafka_conf_t& conf) {
    for (const char* const property :
         {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.crl.location",
          "ssl.keystore.location"}) {
        std::array<char, 4096> path{};
        std::size_t size = path.size();
        if (rd_kafka_conf_get(&conf, property, path.data(), &size) == RD_KAFKA_CONF_OK &&
            path[0] != '\0' && std::string_view(path.data()) != "probe" &&
            ::access(path.data(), R_OK) != 0) {
            return fmt::format("{}: {} cannot be read: {}", property, path.data(),
                               std::strerror(errno));
        }
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
    for (auto& [name, value] : last) {
        // A topic may allow up to 2 GiB.
        if (name == "message.max.bytes" &&
            std::strtoll(value.c_str(), nullptr, 10) > kMaxMessageBytes) {
            value = std::to_string(kMaxMessageBytes);
        }
        if (auto done = apply_own(*conf, name.c_str(), value.c_str()); !done) {
            return std::unexpected(std::move(done.error()));
        }
    }
    if (auto done = move_together(*conf, kind); !done) {
        return std::unexpected(std::move(done.error()));
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
        if (const std::string unreadable = unreadable_file(*conf); !unreadable.empty()) {
            return fail(ExitCode::usage, fmt::format("client property {}", unreadable),
                        "name a file that exists and that this user may read");
        }
        return fail(ExitCode::usage, fmt::format("making a Kafka client: {}", reason.data()));
    }
    std::ignore = conf.release();  // belongs to the client now
    return client;
}

std::string library_version() {
    return rd_kafka_version_str();
}

bool library_is_recent() {
    constexpr int kMinimum = 0x020f01ff;  // kMinimumLibrary as librdkafka numbers releases
    return rd_kafka_version() >= kMinimum;
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
