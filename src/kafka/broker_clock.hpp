// What time the brokers have, for the one error that is mostly a clock of ours that is wrong: no
// request of Kafka's tells it, but the brokers write records of their own.
#pragma once

#include "kafka/client_config.hpp"
#include "kstream/error.hpp"

namespace kstream::kafka {

// The error itself, unless a broker has refused the time of a record, or may have: then with a hint
// that has this machine's time and that of the newest record in the brokers' own logs, as far as
// one may look there. Takes a few seconds at most.
[[nodiscard]] Error with_clocks(Error error, const ClientConfig& config);

}  // namespace kstream::kafka
