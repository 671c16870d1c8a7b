#include "kafka/cluster_trouble.hpp"

#include "kafka/broker_probe.hpp"
#include "kafka/error_map.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace kstream::kafka {
namespace {

using std::string_view;
using std::chrono::milliseconds;

// Of a long list the first ones: a person needs one that tells, not all.
constexpr std::size_t kMaxAddresses = 8;
constexpr milliseconds kForMetadata{1000};
constexpr milliseconds kForAdvertised{1000};

constexpr string_view kWhere =
    "-X, the section [client] of a --config file, or KSTREAM_X_SECURITY_PROTOCOL";

std::string property(rd_kafka_t& client, const char* name) {
    std::array<char, 512> text{};
    std::size_t size = text.size();
    return rd_kafka_conf_get(rd_kafka_conf(&client), name, text.data(), &size) == RD_KAFKA_CONF_OK
               ? std::string(text.data())
               : std::string();
}

Speech speech_of(rd_kafka_t& client) {
    const std::string protocol = property(client, "security.protocol");
    Speech speech;
    speech.tls = protocol == "ssl" || protocol == "sasl_ssl";
    speech.sasl = protocol.starts_with("sasl_");
    speech.mechanism = property(client, "sasl.mechanisms");
    speech.ca_location = property(client, "ssl.ca.location");
    // "probe" is librdkafka's word for the system's; an authority that is no file is not seen here.
    if (speech.ca_location == "probe") {
        speech.ca_location.clear();
    }
    speech.verify = property(client, "enable.ssl.certificate.verification") != "false" &&
                    property(client, "ssl.ca.pem").empty();
    speech.verify_name = property(client, "ssl.endpoint.identification.algorithm") != "none";
    return speech;
}

std::vector<std::string> addresses_of(string_view brokers) {
    std::vector<std::string> addresses;
    while (!brokers.empty() && addresses.size() < kMaxAddresses) {
        const string_view one = brokers.substr(0, brokers.find(','));
        addresses.emplace_back(one);
        brokers.remove_prefix(std::min(brokers.size(), one.size() + 1));
    }
    return addresses;
}

template <typename Probe>
std::vector<ProbeResult> probe_all(const std::vector<std::string>& addresses, Probe probe) {
    std::vector<ProbeResult> results(addresses.size());
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        threads.emplace_back([&, i] { results[i] = probe(addresses[i]); });
    }
    threads.clear();  // joins
    return results;
}

// "localhost:28092 speaks TLS, this client does not"
std::string description_of(const std::string& address, const ProbeResult& found,
                           const Speech& speech) {
    switch (found.answer) {
        case Answer::not_asked:
        case Answer::fine:
            return {};
        case Answer::not_resolved:
            return fmt::format("the name of {} cannot be resolved ({})", address, found.detail);
        case Answer::not_connected:
            return fmt::format("{} cannot be connected to ({})", address, found.detail);
        case Answer::silent:
            return fmt::format("{} does not answer", address);
        case Answer::closed:
            return fmt::format("{} closes the connection without a word", address);
        case Answer::foreign:
            return found.detail.empty()
                       ? fmt::format("{} does not speak Kafka's protocol", address)
                       : fmt::format("{} speaks {}, not Kafka's protocol", address, found.detail);
        case Answer::wants_tls:
            return fmt::format("{} speaks TLS, this client does not", address);
        case Answer::no_tls:
            return fmt::format("{} does not speak TLS, this client does", address);
        case Answer::bad_certificate:
            return fmt::format("the certificate of {} {}", address, found.detail);
        case Answer::wants_certificate:
            return fmt::format("{} wants a certificate of the client", address);
        case Answer::wants_login:
            return fmt::format("{} wants a login (SASL {}), this client has none", address,
                               fmt::join(found.mechanisms, ", "));
        case Answer::no_login:
            return fmt::format("{} takes no login, this client has one (SASL)", address);
        case Answer::no_mechanism:
            return fmt::format("{} takes logins by SASL {}, not by {}", address,
                               fmt::join(found.mechanisms, ", "), speech.mechanism);
    }
    return {};
}

string_view protocol_name(bool tls, bool sasl) {
    return sasl ? (tls ? "sasl_ssl" : "sasl_plaintext") : (tls ? "ssl" : "plaintext");
}

std::string hint_of(const ProbeResult& found) {
    const auto login = [&] {
        return fmt::format("sasl.mechanisms={}, sasl.username and sasl.password",
                           found.mechanisms.empty() ? "..." : found.mechanisms.front());
    };
    switch (found.answer) {
        case Answer::wants_tls:
        case Answer::no_tls:
        case Answer::no_login:
            return fmt::format("set security.protocol={}{} ({})",
                               protocol_name(found.tls, found.sasl),
                               found.sasl ? ", " + login() : "", kWhere);
        case Answer::wants_login:
            return fmt::format("set security.protocol={}, {} ({}; the password not by -X)",
                               protocol_name(found.tls, true), login(), kWhere);
        case Answer::no_mechanism:
            return fmt::format("set sasl.mechanisms={}", found.mechanisms.front());
        case Answer::bad_certificate:
            return "set ssl.ca.location to the authority of the brokers, and give --brokers the "
                   "names in their certificates; or renew the certificate";
        case Answer::wants_certificate:
            return "set ssl.certificate.location and ssl.key.location";
        case Answer::foreign:
            return "give --brokers the port of a Kafka listener";
        default:
            return "check --brokers, the network and that the brokers are up";
    }
}

// Whether going on to wait is of no use. What is not up yet may come.
bool is_verdict(Answer answer) {
    switch (answer) {
        case Answer::foreign:
        case Answer::wants_tls:
        case Answer::no_tls:
        case Answer::bad_certificate:
        case Answer::wants_certificate:
        case Answer::wants_login:
        case Answer::no_login:
        case Answer::no_mechanism:
            return true;
        default:
            return false;
    }
}

// What librdkafka and this look disagree about is librdkafka's to say: it has certificates and
// authorities in forms that are not looked at here.
bool is_believed(const ProbeResult& found, rd_kafka_t& client, const Error& seen) {
    switch (found.answer) {
        case Answer::bad_certificate:
            return seen.message.find("SSL") != std::string::npos;
        case Answer::wants_certificate:
            return property(client, "ssl.certificate.location").empty() &&
                   property(client, "ssl.certificate.pem").empty() &&
                   property(client, "ssl.keystore.location").empty();
        default:
            return true;
    }
}

// The cluster's own addresses, when none of them can be reached from here.
std::optional<Error> advertised_trouble(rd_kafka_t& client, const std::string& brokers,
                                        const std::function<bool()>& canceled) {
    const rd_kafka_metadata_t* answer = nullptr;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(&client, 0, nullptr, &answer, static_cast<int>(kForMetadata.count()));
    const MetadataPtr metadata(answer);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return std::nullopt;
    }
    std::vector<std::string> addresses;
    for (int i = 0; i < metadata->broker_cnt && addresses.size() < kMaxAddresses; ++i) {
        const string_view host = metadata->brokers[i].host;
        addresses.push_back(fmt::format("{}{}{}:{}", host.contains(':') ? "[" : "", host,
                                        host.contains(':') ? "]" : "", metadata->brokers[i].port));
    }
    const auto results = probe_all(addresses, [&](const std::string& address) {
        return probe_port(address, {.whole = kForAdvertised, .canceled = canceled});
    });
    if (results.empty() || std::ranges::any_of(results, [](const ProbeResult& result) {
            return result.answer == Answer::fine || result.answer == Answer::not_asked;
        })) {
        return std::nullopt;
    }
    return Error::stop(
        ExitCode::unavailable,
        fmt::format("{} answers, but the cluster advertises {}, and {}", brokers,
                    fmt::join(addresses, ", "), description_of(addresses[0], results[0], {})),
        "set advertised.listeners of the brokers to addresses that lead to them from here, or run "
        "kstream where theirs do (in Docker: in the network of the brokers)");
}

}  // namespace

Error explain_silence(rd_kafka_t& client, const std::string& brokers, const Error& seen,
                      const std::function<bool()>& canceled) {
    const Speech speech = speech_of(client);
    const std::vector<std::string> addresses = addresses_of(brokers);
    const auto results = probe_all(addresses, [&](const std::string& address) {
        return probe_broker(address, speech, {.canceled = canceled});
    });
    if (canceled && canceled()) {
        return seen;
    }
    if (std::ranges::find(results, Answer::fine, &ProbeResult::answer) != results.end()) {
        // A refused login is a verdict already, and only librdkafka knows the broker's words.
        if (seen.disposition == Disposition::stop) {
            Error error = seen;
            if (is_refused_connection(seen)) {
                error.hint =
                    "the listener is the right one: check sasl.username and sasl.password, and "
                    "that the cluster has this user";
            }
            return error;
        }
        return advertised_trouble(client, brokers, canceled).value_or(seen);
    }
    std::string passing;
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (is_verdict(results[i].answer)) {
            return is_believed(results[i], client, seen)
                       ? Error::stop(ExitCode::kafka_fatal,
                                     description_of(addresses[i], results[i], speech),
                                     hint_of(results[i]))
                       : seen;
        }
        if (const std::string text = description_of(addresses[i], results[i], speech);
            !text.empty()) {
            passing += (passing.empty() ? "" : "; ") + text;
        }
    }
    if (passing.empty() || seen.disposition == Disposition::stop) {
        return seen;
    }
    Error error = seen;
    error.message = passing;
    error.hint = hint_of({});
    return error;
}

}  // namespace kstream::kafka
