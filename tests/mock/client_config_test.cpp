// Configuration of clients: the defaults that exactly-once rests on, whose word counts, and where
// librdkafka's log lines go.
#include "kafka/client_config.hpp"

#include "kafka/handles.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace kstream::kafka {
namespace {

// Nothing listens there: clients come up all the same and keep trying.
constexpr const char* kNowhere = "127.0.0.1:1";

ClientConfig config_with(Properties user, Log* log = nullptr) {
    return {.brokers = kNowhere, .client_id = "test", .user = std::move(user), .log = log};
}

std::string value_of(const ConfPtr& conf, const char* name) {
    std::size_t size = 0;
    REQUIRE(rd_kafka_conf_get(conf.get(), name, nullptr, &size) == RD_KAFKA_CONF_OK);
    std::string value(size, '\0');
    REQUIRE(rd_kafka_conf_get(conf.get(), name, value.data(), &size) == RD_KAFKA_CONF_OK);
    value.resize(size - 1);
    return value;
}

ConfPtr made(ClientKind kind, Properties user = {}, const Properties& required = {}) {
    Result<ConfPtr> conf = make_conf(config_with(std::move(user)), kind, required);
    REQUIRE(conf.has_value());
    return std::move(*conf);
}

struct Line {
    LogLevel level;
    std::string facility;
};

class Recorder final : public Log {
public:
    void write(LogLevel level, std::string_view /*event*/,
               std::initializer_list<LogField> fields) override {
        const std::scoped_lock lock(mutex_);
        for (const LogField& field : fields) {
            if (field.key == "facility") {
                lines_.push_back({level, field.value});
            }
        }
    }

    [[nodiscard]] std::ptrdiff_t count(std::string_view facility) {
        const std::scoped_lock lock(mutex_);
        return std::ranges::count(lines_, facility, &Line::facility);
    }

private:
    std::mutex mutex_;
    std::vector<Line> lines_;
};

TEST_CASE("consumers have what exactly-once rests on") {
    for (const ClientKind kind : {ClientKind::consumer, ClientKind::reader}) {
        const ConfPtr conf = made(kind);
        CHECK(value_of(conf, "isolation.level") == "read_committed");
        CHECK(value_of(conf, "enable.auto.commit") == "false");
        CHECK(value_of(conf, "enable.auto.offset.store") == "false");
        CHECK(value_of(conf, "auto.offset.reset") == "error");
        CHECK(value_of(conf, "check.crcs") == "true");
        CHECK(value_of(conf, "bootstrap.servers") == kNowhere);
        CHECK(value_of(conf, "allow.auto.create.topics") == "false");
    }
    CHECK(value_of(made(ClientKind::consumer), "partition.assignment.strategy") ==
          "cooperative-sticky");
}

TEST_CASE("producers are idempotent and wait for all replicas") {
    for (const ClientKind kind : {ClientKind::plain_producer, ClientKind::transactional_producer}) {
        const ConfPtr conf = made(kind);
        CHECK(value_of(conf, "enable.idempotence") == "true");
        CHECK(value_of(conf, "acks") == "-1");
        CHECK(value_of(conf, "allow.auto.create.topics") == "false");
    }
    CHECK(value_of(made(ClientKind::plain_producer), "message.timeout.ms") == "0");
    CHECK(value_of(made(ClientKind::transactional_producer), "transaction.timeout.ms") == "10000");
}

TEST_CASE("librdkafka accepts each kind's defaults as a whole") {
    struct Kind {
        ClientKind kind;
        rd_kafka_type_t type;
        Properties required;
    };
    for (const Kind& one :
         {Kind{ClientKind::plain_producer, RD_KAFKA_PRODUCER, {}},
          Kind{ClientKind::transactional_producer, RD_KAFKA_PRODUCER, {{"transactional.id", "t"}}},
          Kind{ClientKind::consumer, RD_KAFKA_CONSUMER, {{"group.id", "g"}}},
          Kind{ClientKind::consumer,
               RD_KAFKA_CONSUMER,
               {{"group.id", "g"}, {"group.protocol", "consumer"}}},
          Kind{ClientKind::reader, RD_KAFKA_CONSUMER, {}},
          Kind{ClientKind::admin, RD_KAFKA_PRODUCER, {}}}) {
        Recorder log;
        Result<ConfPtr> conf = make_conf(config_with({}, &log), one.kind, one.required);
        REQUIRE(conf.has_value());
        const Result<HandlePtr> client = make_client(std::move(*conf), one.type);
        CHECK(client.has_value());
        CHECK(log.count("CONFWARN") == 0);
    }
}

TEST_CASE("a refused property is named with the reason") {
    for (const char* name : {"enable.auto.commit", "acks", "test.mock.num.brokers"}) {
        const Result<ConfPtr> conf =
            make_conf(config_with({{name, "1"}}), ClientKind::consumer, {});
        REQUIRE_FALSE(conf.has_value());
        CHECK(conf.error().exit_code == ExitCode::usage);
        CHECK(conf.error().message.find(name) != std::string::npos);
        CHECK(conf.error().message.size() > std::string_view(name).size() + 20);
    }
}

TEST_CASE("unknown names and bad values are usage errors for every kind of client") {
    for (const ClientKind kind :
         {ClientKind::consumer, ClientKind::plain_producer, ClientKind::transactional_producer,
          ClientKind::reader, ClientKind::admin}) {
        for (const auto& property :
             {std::pair{"no.such.property", "1"}, std::pair{"linger.ms", "soon"},
              std::pair{"fetch.wait.max.ms", "soon"}}) {
            const Result<ConfPtr> conf =
                make_conf(config_with({{property.first, property.second}}), kind, {});
            REQUIRE_FALSE(conf.has_value());
            CHECK(conf.error().exit_code == ExitCode::usage);
            CHECK(conf.error().message.find(property.first) != std::string::npos);
        }
    }
}

TEST_CASE("properties of the other kind of client are left out without a warning") {
    const Properties user{{"linger.ms", "77"}, {"fetch.wait.max.ms", "88"}, {"client.rack", "r1"}};
    Recorder log;
    Result<ConfPtr> consumer =
        make_conf(config_with(user, &log), ClientKind::consumer, {{"group.id", "g"}});
    REQUIRE(consumer.has_value());
    CHECK(value_of(*consumer, "fetch.wait.max.ms") == "88");
    CHECK(value_of(*consumer, "client.rack") == "r1");
    CHECK(value_of(*consumer, "linger.ms") != "77");
    REQUIRE(make_client(std::move(*consumer), RD_KAFKA_CONSUMER).has_value());

    Result<ConfPtr> producer = make_conf(config_with(user, &log), ClientKind::plain_producer, {});
    REQUIRE(producer.has_value());
    CHECK(value_of(*producer, "linger.ms") == "77");
    CHECK(value_of(*producer, "fetch.wait.max.ms") != "88");
    REQUIRE(make_client(std::move(*producer), RD_KAFKA_PRODUCER).has_value());
    CHECK(log.count("CONFWARN") == 0);
}

TEST_CASE("the user's word counts more than a default, the caller's more than the user's") {
    const ConfPtr conf =
        made(ClientKind::consumer, {{"fetch.wait.max.ms", "7"}, {"fetch.min.bytes", "7"}},
             {{"fetch.min.bytes", "9"}});
    CHECK(value_of(conf, "fetch.wait.max.ms") == "7");
    CHECK(value_of(conf, "fetch.min.bytes") == "9");
}

struct Made {
    ClientKind kind;
    Properties user;
    Properties required;
};

// As the library judges them: all properties together.
void check_accepted(const Made& made) {
    INFO(static_cast<int>(made.kind));
    for (const auto& [name, value] : made.user) {
        UNSCOPED_INFO(name << " = " << value);
    }
    Result<ConfPtr> conf = make_conf(config_with(made.user), made.kind, made.required);
    if (!conf) {
        FAIL_CHECK(conf.error().message);
        return;
    }
    const bool produces =
        made.kind == ClientKind::plain_producer || made.kind == ClientKind::transactional_producer;
    const Result<HandlePtr> client =
        make_client(std::move(*conf), produces ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER);
    if (!client) {
        FAIL_CHECK(client.error().message);
    }
}

TEST_CASE("a session of any length that --session-timeout takes is one that librdkafka takes") {
    for (const char* const timeout : {"1000", "8000", "299999", "300001", "360000", "1800000"}) {
        check_accepted(
            {ClientKind::consumer, {}, {{"group.id", "g"}, {"session.timeout.ms", timeout}}});
    }
    // The loop that hangs is let go after the member that is gone, and never because of a user.
    const ConfPtr conf = made(ClientKind::consumer, {}, {{"session.timeout.ms", "360000"}});
    CHECK(value_of(conf, "max.poll.interval.ms") == "360000");
    CHECK(value_of(made(ClientKind::consumer), "max.poll.interval.ms") == "300000");
}

TEST_CASE("what a user sets takes along what has to be more or less than it") {
    const Properties group{{"group.id", "g"}};
    const Properties transaction{{"transactional.id", "t"}};
    for (const auto& [name, value] : Properties{{"reconnect.backoff.ms", "5000"},
                                                {"message.max.bytes", "50000000"},
                                                {"message.max.bytes", "200000000"},
                                                {"fetch.max.bytes", "300000000"},
                                                {"socket.timeout.ms", "30000"},
                                                {"socket.timeout.ms", "300000"},
                                                {"message.timeout.ms", "120000"},
                                                {"message.timeout.ms", "0"}}) {
        const Properties user{{name, value}};
        check_accepted({ClientKind::plain_producer, user, {}});
        check_accepted({ClientKind::transactional_producer, user, transaction});
        check_accepted({ClientKind::consumer, user, group});
        check_accepted({ClientKind::reader, user, {}});
        check_accepted({ClientKind::admin, user, group});
    }
    CHECK(value_of(made(ClientKind::consumer, {{"message.max.bytes", "50000000"}}),
                   "fetch.max.bytes") == "50000000");
    // A message that does not fit into the queue would wait for room for ever.
    CHECK(value_of(
              made(ClientKind::transactional_producer, {}, {{"message.max.bytes", "1000000000"}}),
              "queue.buffering.max.kbytes") == "976563");
    // What nobody has set stays.
    CHECK(value_of(made(ClientKind::consumer), "fetch.max.bytes") == "16777216");
    CHECK(value_of(made(ClientKind::plain_producer), "socket.timeout.ms") == "60000");
}

TEST_CASE("a topic's largest message is one that librdkafka takes") {
    for (const char* const bytes : {"1114124", "1000000000", "2147483647"}) {
        check_accepted({ClientKind::transactional_producer,
                        {},
                        {{"transactional.id", "t"}, {"message.max.bytes", bytes}}});
    }
}

TEST_CASE("a file of certificates that cannot be read is named, with the property") {
    for (const char* const property : {"ssl.ca.location", "ssl.certificate.location"}) {
        Result<ConfPtr> conf =
            make_conf(config_with({{"security.protocol", "ssl"}, {property, "/nowhere/file.pem"}}),
                      ClientKind::reader, {});
        REQUIRE(conf);
        const Result<HandlePtr> client = make_client(std::move(*conf), RD_KAFKA_CONSUMER);
        REQUIRE_FALSE(client);
        CHECK(client.error().exit_code == ExitCode::usage);
        CHECK(client.error().message ==
              std::string("client property ") + property +
                  ": /nowhere/file.pem cannot be read: No such file or directory");
    }
}

TEST_CASE("each codec of --compression is one that librdkafka has") {
    for (const char* const codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
        check_accepted({ClientKind::plain_producer, {}, {{"compression.codec", codec}}});
    }
}

TEST_CASE("log lines reach the log, repeated ones only a few times, and the opaque stays free") {
    Recorder log;
    int own = 0;
    std::vector<HandlePtr> clients;
    for (int i = 0; i < 12; ++i) {
        Result<ConfPtr> conf = make_conf(config_with({}, &log), ClientKind::plain_producer, {});
        REQUIRE(conf.has_value());
        rd_kafka_conf_set_opaque(conf->get(), &own);
        Result<HandlePtr> client = make_client(std::move(*conf), RD_KAFKA_PRODUCER);
        REQUIRE(client.has_value());
        CHECK(rd_kafka_opaque(client->get()) == &own);
        clients.push_back(std::move(*client));
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (log.count("FAIL") < 5 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // for the other seven
    CHECK(log.count("FAIL") == 5);
}

TEST_CASE("version and features are those of the library that is linked") {
    CHECK(library_version() == rd_kafka_version_str());
    CHECK(library_is_recent());
    CHECK(library_features().find("lz4") != std::string::npos);
    CHECK(library_features().find("ssl") != std::string::npos);
}

}  // namespace
}  // namespace kstream::kafka
