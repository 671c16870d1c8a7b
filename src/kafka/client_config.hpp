// Configuration of librdkafka clients: kstream's own defaults, the user's properties (-X,
// configuration file), and the properties that exactly-once needs and nobody may change.
#pragma once

#include "kafka/handles.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/log.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace kstream::kafka {

// transaction.timeout.ms of every transactional producer: bounds how long the open transaction of a
// dead worker blocks the takeover of its partitions.
inline constexpr std::chrono::milliseconds kTransactionTimeout{10000};

using Properties = std::vector<std::pair<std::string, std::string>>;

// What every client of this process shares.
struct ClientConfig {
    std::string brokers;    // bootstrap.servers
    std::string client_id;  // client.id, also in the broker's logs
    Properties user;        // -X key=value in the order given
    Log* log = nullptr;     // librdkafka's log lines go here; must outlive the clients
};

// Of clients that need a group's name and are members of none.
inline constexpr const char* kReaderGroup = "kstream-reader";

// What a client is for. The caller adds by `required` what only it knows:
//   plain_producer          produce. Idempotent, acks=all, waits for a broker without a time limit.
//   transactional_producer  one per loop. Needs transactional.id.
//   consumer                a member of a group, read_committed; the client itself never stores or
//                           commits offsets. Needs group.id, session.timeout.ms.
//   reader                  reads by rd_kafka_assign() (restore, reset), read_committed, never
//                           joins a group. librdkafka wants a group.id all the same and asks for
//                           its coordinator: default "kstream-reader", better one that starts with
//                           the application id, where rights are.
//   admin                   administration only. Needs group.id, as a reader does: see admin.cpp.
// All values: defaults_of() in client_config.cpp.
enum class ClientKind { plain_producer, transactional_producer, consumer, reader, admin };

// A configuration for one client: kstream's defaults for `kind`, then the user's properties, then
// `required` (which always win). A user's property that librdkafka knows for the other kind of
// client only (linger.ms on a consumer) is checked and left out, so that one -X list serves all.
// Errors: usage, naming the property, when kstream refuses the property (model/property_rules.hpp)
// or librdkafka its name or value.
// Log lines of the client go to config.log, rate limited per facility, and never hold payloads. The
// opaque pointer stays free for the caller's callbacks. Any thread.
[[nodiscard]] Result<ConfPtr> make_conf(const ClientConfig& config, ClientKind kind,
                                        const Properties& required);

// The client itself; `conf` is used up either way. Errors: usage, when librdkafka refuses the
// combination of properties or cannot read a file that one names (certificates, keys).
[[nodiscard]] Result<HandlePtr> make_client(ConfPtr conf, rd_kafka_type_t type);

// librdkafka's version and builtin.features at run time, for --version and the start checks.
[[nodiscard]] std::string library_version();
[[nodiscard]] std::string library_features();
// Whether the library that was loaded is at least kMinimumLibrary: older ones lack fixes for
// duplicate fetches, lost assignments and stuck coordinators.
inline constexpr const char* kMinimumLibrary = "2.15.1";
[[nodiscard]] bool library_is_recent();

}  // namespace kstream::kafka
