// Why a cluster does not answer, in words that say what to change.
#pragma once

#include "kafka/handles.hpp"
#include "kstream/error.hpp"

#include <functional>
#include <string>

namespace kstream::kafka {

// To be asked when a client has got no answer, or has been refused: `seen` is its error. Looks at
// each bootstrap broker (broker_probe.hpp) and, where those are as they should be, at the addresses
// that the cluster advertises. An error to stop for when waiting cannot help: a listener that
// speaks otherwise than the client, or advertised addresses that lead nowhere from here; else one
// to go on waiting with, which names what was found, or `seen` itself. Takes up to three seconds.
[[nodiscard]] Error explain_silence(rd_kafka_t& client, const std::string& brokers,
                                    const Error& seen, const std::function<bool()>& canceled);

}  // namespace kstream::kafka
