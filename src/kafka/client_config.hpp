// Configuration of librdkafka clients: the user's properties (-X, configuration file), kstream's own
// defaults, and the properties that exactly-once needs and nobody may change.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kafka/handles.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/log.hpp"

namespace kstream::kafka {

using Properties = std::vector<std::pair<std::string, std::string>>;

// What every client of this process shares.
struct ClientConfig {
    std::string brokers;     // bootstrap.servers
    std::string client_id;   // client.id, also in the broker's logs
    Properties user;         // -X key=value in the order given, already checked
    Log* log = nullptr;      // librdkafka's log lines go here; must outlive the clients
};

enum class ClientKind { plain_producer, transactional_producer, consumer, reader, admin };

// A configuration for one client: kstream's defaults for `kind`, then the user's properties, then
// `required` (which always win; a user's property of the same name was refused before).
// Errors: usage, naming the property, when librdkafka refuses a name or a value.
// Log lines of the client go to config.log with their facility, and never hold payloads.
[[nodiscard]] Result<ConfPtr> make_conf(const ClientConfig& config, ClientKind kind,
                                        const Properties& required);

// librdkafka's version and builtin.features, for --version and the start checks.
[[nodiscard]] std::string library_version();
[[nodiscard]] std::string library_features();

}  // namespace kstream::kafka
