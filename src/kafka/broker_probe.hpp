// A look of our own at an address that librdkafka gets nowhere with. It only knows that a
// connection was closed or that no answer came; what speaks at the other end tells the person what
// to change.
//
// The requests are those that a broker answers to anybody: ApiVersions, and a SaslHandshake for a
// mechanism that does not exist, which is answered with the ones that do. No login is tried, so
// none can be locked, and nothing is read of the cluster.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::kafka {

// How the client wants to speak: its security.protocol and what goes with it, from the properties.
struct Speech {
    bool tls = false;
    bool sasl = false;
    std::string mechanism;    // sasl.mechanisms
    std::string ca_location;  // ssl.ca.location; empty: the system's
    bool verify = true;       // enable.ssl.certificate.verification
    bool verify_name = true;  // ssl.endpoint.identification.algorithm
};

struct ProbeLimits {
    std::chrono::milliseconds whole{2000};
    std::function<bool()> canceled = {};
};

// What was found. Each is a cause that somebody can look for, but for `fine`.
enum class Answer : std::uint8_t {
    not_asked,          // nothing to say: no text that could be an address, or TLS that failed here
    not_resolved,       // the name is not known here
    not_connected,      // refused, no route: `detail`
    silent,             // no connection, or no word within the time
    closed,             // closed without a word
    foreign,            // not Kafka: `detail` says what, as far as it is known
    wants_tls,          // speaks TLS, the client does not
    no_tls,             // speaks Kafka in the clear, the client wants TLS
    bad_certificate,    // `detail`
    wants_certificate,  // of the client
    wants_login,        // SASL with one of `mechanisms`, the client has none
    no_login,           // takes no login, the client has one
    no_mechanism,       // other SASL mechanisms than the client's: `mechanisms`
    fine,               // speaks as the client does
};

// Without the initializers GCC warns where one is left out.
struct ProbeResult {
    Answer answer = Answer::not_asked;
    std::string detail = {};
    std::vector<std::string> mechanisms = {};
    bool tls = false;   // speaks TLS
    bool sasl = false;  // wants a login; where that is not known, as the client
};

// Of "host:port", "[::1]:9092", "host" (port 9092), with or without a protocol before it. Takes no
// longer than the limit. Any thread.
[[nodiscard]] ProbeResult probe_broker(std::string_view address, const Speech& speech,
                                       const ProbeLimits& limits);

// Only whether it can be connected to: not_resolved, not_connected, silent, fine.
[[nodiscard]] ProbeResult probe_port(std::string_view address, const ProbeLimits& limits);

}  // namespace kstream::kafka
