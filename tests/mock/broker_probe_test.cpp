// What a port says for itself: a server of a few lines on the loopback speaks, or does not speak,
// as the listeners that people meet.
#include "kafka/broker_probe.hpp"

#include "kafka/client_config.hpp"
#include "kafka/cluster_trouble.hpp"
#include "kafka/error_map.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace kstream::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<&X509_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<&SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<&SSL_free>>;

// One connection at the server's side, in the clear or not.
struct Peer {
    int descriptor = -1;
    SSL* ssl = nullptr;

    [[nodiscard]] std::string read(std::size_t size) const {
        std::string all;
        char byte = 0;
        while (all.size() < size) {
            const long got = ssl != nullptr ? SSL_read(ssl, &byte, 1)
                                            : static_cast<long>(::recv(descriptor, &byte, 1, 0));
            if (got <= 0) {
                break;
            }
            all += byte;
        }
        return all;
    }
    void write(std::string_view bytes) const {
        if (ssl != nullptr) {
            SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()));
        } else {
            ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        }
    }
};

using Handler = std::function<void(const Peer&)>;

// Accepts until it is destroyed, each connection in a thread of its own.
class Server {
public:
    explicit Server(Handler handler, SSL_CTX* tls = nullptr)
        : handler_(std::move(handler)), tls_(tls), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        ::signal(SIGPIPE, SIG_IGN);  // as in kstream: OpenSSL writes without MSG_NOSIGNAL
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(listener_, generic(address), sizeof address) == 0);
        REQUIRE(::listen(listener_, 16) == 0);
        socklen_t size = sizeof address;
        REQUIRE(::getsockname(listener_, generic(address), &size) == 0);
        port_ = ntohs(address.sin_port);
        accepting_ = std::jthread([this](const std::stop_token& stop) { accept_until(stop); });
    }
    ~Server() {
        accepting_.request_stop();
        accepting_.join();
        for (const int descriptor : open_) {
            ::shutdown(descriptor, SHUT_RDWR);
        }
        threads_.clear();
        for (const int descriptor : open_) {
            ::close(descriptor);
        }
        ::close(listener_);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] std::string address(std::string_view host = "127.0.0.1") const {
        return fmt::format("{}:{}", host, port_);
    }
    [[nodiscard]] int port() const { return port_; }

private:
    static sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

    void accept_until(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd entry{.fd = listener_, .events = POLLIN, .revents = 0};
            if (::poll(&entry, 1, 20) != 1) {
                continue;
            }
            const int descriptor = ::accept(listener_, nullptr, nullptr);
            if (descriptor >= 0) {
                open_.push_back(descriptor);
                threads_.emplace_back([this, descriptor] { serve(descriptor); });
            }
        }
    }

    void serve(int descriptor) const {
        if (tls_ == nullptr) {
            handler_({.descriptor = descriptor});
        } else {
            const SslPtr ssl(SSL_new(tls_));
            SSL_set_fd(ssl.get(), descriptor);
            if (SSL_accept(ssl.get()) == 1) {
                handler_({.descriptor = descriptor, .ssl = ssl.get()});
            }
        }
        ::shutdown(descriptor, SHUT_RDWR);
    }

    Handler handler_;
    SSL_CTX* tls_;
    int listener_;
    int port_ = 0;
    std::vector<int> open_;  // closed at the end: a number must not be used again before
    std::vector<std::jthread> threads_;
    std::jthread accepting_;
};

void append(std::string& out, std::int64_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
        out += static_cast<char>(value >> shift & 0xff);
    }
}

void append_text(std::string& out, std::string_view text) {
    append(out, static_cast<std::int64_t>(text.size()), 2);
    out += text;
}

int short_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]) << 8 | static_cast<unsigned char>(bytes[at + 1]);
}

struct Broker {
    std::vector<std::string> mechanisms = {};  // not empty: wants a login
    std::string advertised_host = {};          // not empty: answers Metadata with it
    int advertised_port = 0;
    // Not null: of the answer to SaslHandshake come `handshake_bytes`, then it is set, and no more
    // comes until the client leaves.
    std::atomic<bool>* handshake_cut = nullptr;
    std::size_t handshake_bytes = 0;
};

// Answers ApiVersions, SaslHandshake and Metadata as brokers do, and closes on everything else.
Handler broker(const Broker& is) {
    return [is](const Peer& peer) {
        constexpr int kMetadata = 3;
        constexpr int kSaslHandshake = 17;
        constexpr int kApiVersions = 18;
        while (true) {
            const std::string size_bytes = peer.read(4);
            if (size_bytes.size() < 4 || size_bytes[0] != 0 || size_bytes[1] != 0) {
                return;  // larger than socket.request.max.bytes: closed without a word
            }
            const std::string request =
                peer.read(static_cast<std::size_t>(short_at(size_bytes, 2)));
            if (request.size() < 8) {
                return;
            }
            const int api = short_at(request, 0);
            const int version = short_at(request, 2);
            std::string body = request.substr(4, 4);
            if (api == kApiVersions && version == 0) {
                append(body, 0, 2);
                append(body, 3, 4);
                for (const auto& [key, most] :
                     {std::pair{kMetadata, 1}, std::pair{kSaslHandshake, 1},
                      std::pair{kApiVersions, 0}}) {
                    append(body, key, 2);
                    append(body, 0, 2);
                    append(body, most, 2);
                }
            } else if (api == kApiVersions) {
                append(body, 35, 2);  // UNSUPPORTED_VERSION, in the form of version 0
                append(body, 1, 4);
                append(body, kApiVersions, 2);
                append(body, 0, 2);
                append(body, 0, 2);
            } else if (api == kSaslHandshake) {
                append(body, is.mechanisms.empty() ? 34 : 33, 2);
                append(body, static_cast<std::int64_t>(is.mechanisms.size()), 4);
                for (const std::string& mechanism : is.mechanisms) {
                    append_text(body, mechanism);
                }
            } else if (api == kMetadata && is.mechanisms.empty() && !is.advertised_host.empty()) {
                append(body, 1, 4);
                append(body, 7, 4);
                append_text(body, is.advertised_host);
                append(body, is.advertised_port, 4);
                append(body, -1, 2);  // no rack
                append(body, 7, 4);   // controller
                append(body, 0, 4);   // topics
            } else {
                return;
            }
            std::string answer;
            append(answer, static_cast<std::int64_t>(body.size()), 4);
            answer += body;
            if (api == kSaslHandshake && is.handshake_cut != nullptr) {
                peer.write(answer.substr(0, is.handshake_bytes));
                *is.handshake_cut = true;
                (void)peer.read(1);
                return;
            }
            peer.write(answer);
        }
    };
}

struct Certificate {
    std::string names = "DNS:localhost";
    int from_days = -1;
    int to_days = 30;
    bool wants_client = false;
};

// A server's side of TLS with a certificate that it has signed itself; its text is the authority.
struct Tls {
    ContextPtr context;
    std::string authority;  // a file

    Tls(Tls&&) = default;
    Tls& operator=(Tls&&) = delete;
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;
    explicit Tls(const Certificate& wanted) : context(SSL_CTX_new(TLS_server_method())) {
        const KeyPtr key(EVP_EC_gen("P-256"));
        const CertificatePtr certificate(X509_new());
        X509_set_version(certificate.get(), 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
        constexpr long kDay = 24L * 3600;
        X509_gmtime_adj(X509_getm_notBefore(certificate.get()), wanted.from_days * kDay);
        X509_gmtime_adj(X509_getm_notAfter(certificate.get()), wanted.to_days * kDay);
        X509_set_pubkey(certificate.get(), key.get());
        X509_NAME* const name = X509_get_subject_name(certificate.get());
        const std::string common = "test";
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(common.data()), -1, -1,
                                   0);
        X509_set_issuer_name(certificate.get(), name);
        X509_EXTENSION* const extension =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, wanted.names.c_str());
        X509_add_ext(certificate.get(), extension, -1);
        X509_EXTENSION_free(extension);
        X509_sign(certificate.get(), key.get(), EVP_sha256());
        SSL_CTX_use_certificate(context.get(), certificate.get());
        SSL_CTX_use_PrivateKey(context.get(), key.get());
        if (wanted.wants_client) {
            SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                               nullptr);
        }
        authority = "/tmp/kstream-test-XXXXXX";
        const int descriptor = ::mkstemp(authority.data());
        REQUIRE(descriptor >= 0);
        std::FILE* const file = ::fdopen(descriptor, "w");
        PEM_write_X509(file, certificate.get());
        std::fclose(file);
    }
    ~Tls() {
        if (!authority.empty()) {
            ::unlink(authority.c_str());
        }
    }
};

ProbeLimits limits() {
    return {.whole = seconds(20)};  // of a busy machine; what is silent has a limit of its own
}

Speech secure(const Tls& tls) {
    Speech speech;
    speech.tls = true;
    speech.ca_location = tls.authority;
    return speech;
}

TEST_CASE("a broker that speaks as the client does is fine") {
    const Server server(broker({}));
    CHECK(probe_broker(server.address(), {}, limits()).answer == Answer::fine);
    CHECK(probe_broker("plaintext://" + server.address("localhost"), {}, limits()).answer ==
          Answer::fine);
    const Tls tls({});
    const Server through_tls(broker({}), tls.context.get());
    CHECK(probe_broker(through_tls.address("localhost"), secure(tls), limits()).answer ==
          Answer::fine);
}

TEST_CASE("a client in the clear at a TLS port is told so, and whether there is a login") {
    const Tls tls({});
    const Server server(broker({}), tls.context.get());
    const ProbeResult found = probe_broker(server.address(), {}, limits());
    CHECK(found.answer == Answer::wants_tls);
    CHECK_FALSE(found.sasl);
    const Server with_login(broker({.mechanisms = {"SCRAM-SHA-512"}}), tls.context.get());
    const ProbeResult both = probe_broker(with_login.address(), {}, limits());
    CHECK(both.answer == Answer::wants_tls);
    CHECK(both.sasl);
    CHECK(both.mechanisms == std::vector<std::string>{"SCRAM-SHA-512"});
}

TEST_CASE("a client with TLS at a port in the clear is told so") {
    const Tls tls({});
    const Server server(broker({}));
    const ProbeResult found = probe_broker(server.address("localhost"), secure(tls), limits());
    CHECK(found.answer == Answer::no_tls);
    CHECK_FALSE(found.sasl);
}

TEST_CASE("a login that is missing, not wanted, or of another kind is named") {
    const Server plain(broker({}));
    const Server wants(broker({.mechanisms = {"PLAIN", "SCRAM-SHA-256"}}));
    Speech speech;
    CHECK(probe_broker(wants.address(), speech, limits()).answer == Answer::wants_login);
    speech.sasl = true;
    speech.mechanism = "GSSAPI";
    CHECK(probe_broker(plain.address(), speech, limits()).answer == Answer::no_login);
    const ProbeResult other = probe_broker(wants.address(), speech, limits());
    CHECK(other.answer == Answer::no_mechanism);
    CHECK(other.mechanisms == std::vector<std::string>{"PLAIN", "SCRAM-SHA-256"});
    speech.mechanism = "PLAIN";
    CHECK(probe_broker(wants.address(), speech, limits()).answer == Answer::fine);
}

TEST_CASE("an answer that has not come, or not whole, says nothing of a login") {
    Speech speech;
    speech.sasl = true;
    speech.mechanism = "PLAIN";
    // Nothing; the header; an error code; half of a mechanism's name.
    for (const std::size_t sent : {0U, 8U, 10U, 18U}) {
        CAPTURE(sent);
        std::atomic<bool> cut{false};
        const Server server(
            broker({.mechanisms = {"PLAIN"}, .handshake_cut = &cut, .handshake_bytes = sent}));
        // The end of the patience, at the moment in question.
        const ProbeLimits until_cut{.whole = seconds(60), .canceled = [&] { return cut.load(); }};
        CHECK(probe_broker(server.address(), speech, until_cut).answer == Answer::fine);
    }
}

TEST_CASE("a TLS handshake that does not end says nothing of what the client speaks") {
    const std::string alert("\x15\x03\x03\x00\x02\x02\x46\x15", 8);
    std::atomic<int> connections{0};
    Speech speech;
    speech.tls = true;
    SECTION("when the handshake takes too long") {
        const Server server([&](const Peer& peer) {
            if (++connections > 1) {
                peer.write(alert);
            }
            while (!peer.read(1).empty()) {
            }
        });
        CHECK(probe_broker(server.address(), speech, {.whole = seconds(3)}).answer ==
              Answer::silent);
    }
    SECTION("when the connection ends in the handshake") {
        const Server server([&](const Peer& peer) {
            (void)peer.read(1);
            if (++connections > 1) {
                peer.write(alert);
            }
        });
        CHECK(probe_broker(server.address(), speech, limits()).answer == Answer::not_asked);
    }
}

TEST_CASE("what is wrong with a certificate is named") {
    const auto trouble = [](const Certificate& certificate, std::string_view host,
                            bool known_authority) {
        const Tls tls(certificate);
        const Server server(broker({}), tls.context.get());
        Speech speech = secure(tls);
        const Tls other({});
        if (!known_authority) {
            speech.ca_location = other.authority;
        }
        const ProbeResult found = probe_broker(server.address(host), speech, limits());
        CHECK(found.answer == Answer::bad_certificate);
        return found.detail;
    };
    CHECK(trouble({}, "127.0.0.1", true) == "is for localhost, not for 127.0.0.1");
    CHECK(trouble({.names = "DNS:kafka-1,IP:127.0.0.1"}, "localhost", true) ==
          "is for kafka-1, 127.0.0.1, not for localhost");
    CHECK(
        trouble({.from_days = -9, .to_days = -2}, "localhost", true).starts_with("has expired: "));
    CHECK(trouble({.from_days = 2}, "localhost", true).starts_with("is not valid yet: "));
    CHECK(trouble({}, "localhost", false).contains("an authority that is not in ssl.ca.location"));
    const Tls tls({.names = "DNS:kafka-1"});
    const Server server(broker({}), tls.context.get());
    Speech lenient = secure(tls);
    lenient.verify_name = false;
    CHECK(probe_broker(server.address("localhost"), lenient, limits()).answer == Answer::fine);
}

TEST_CASE("a certificate of the client that is missing is named") {
    const Tls tls({.wants_client = true});
    const Server server(broker({}), tls.context.get());
    CHECK(probe_broker(server.address("localhost"), secure(tls), limits()).answer ==
          Answer::wants_certificate);
}

TEST_CASE("what is no broker is named as far as it is known") {
    const Server http([](const Peer& peer) {
        (void)peer.read(8);
        peer.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    const ProbeResult found = probe_broker(http.address(), {}, limits());
    CHECK(found.answer == Answer::foreign);
    CHECK(found.detail == "HTTP");
    const Server waits_for_a_line([](const Peer& peer) {
        for (std::string byte = peer.read(1); !byte.empty(); byte = peer.read(1)) {
            if (byte == "\n") {
                peer.write("HTTP/1.0 404 Not Found\r\n\r\n");
                return;
            }
        }
    });
    CHECK(probe_broker(waits_for_a_line.address(), {}, {.whole = seconds(4)}).detail == "HTTP");
    const Server closes([](const Peer& /*peer*/) {});
    CHECK(probe_broker(closes.address(), {}, limits()).answer == Answer::closed);
}

TEST_CASE("what cannot be reached is distinguished, and in time") {
    const auto began = std::chrono::steady_clock::now();
    CHECK(probe_broker("127.0.0.1:1", {}, limits()).answer == Answer::not_connected);
    CHECK(probe_port("127.0.0.1:1", limits()).answer == Answer::not_connected);
    CHECK(probe_broker("[::", {}, limits()).answer == Answer::not_asked);
    std::atomic<bool> over{false};
    const Server silent([&over](const Peer& /*peer*/) {
        while (!over) {
            std::this_thread::sleep_for(milliseconds(5));
        }
    });
    const ProbeLimits brief{.whole = milliseconds(300)};
    CHECK(probe_broker(silent.address(), {}, brief).answer == Answer::silent);
    CHECK(
        probe_broker(silent.address(), {}, {.whole = seconds(60), .canceled = [] { return true; }})
            .answer == Answer::silent);
    over = true;
    CHECK(probe_port(silent.address(), limits()).answer == Answer::fine);
    CHECK(std::chrono::steady_clock::now() - began < seconds(40));
}

// ---- what is made of it

HandlePtr client_of(const std::string& brokers, const Properties& user = {}) {
    auto conf = make_conf({.brokers = brokers, .client_id = "test", .user = user, .log = nullptr},
                          ClientKind::reader, {});
    REQUIRE(conf);
    auto client = make_client(std::move(*conf), RD_KAFKA_CONSUMER);
    REQUIRE(client);
    return std::move(*client);
}

Error timed_out() {
    return map_error(RD_KAFKA_RESP_ERR__TIMED_OUT, "asking for the cluster");
}

TEST_CASE("addresses that the cluster advertises and that lead nowhere are named") {
    const Server server(broker({.advertised_host = "127.0.0.1", .advertised_port = 1}));
    const HandlePtr client = client_of(server.address());
    Error error = explain_silence(*client, server.address(), timed_out(), {});
    // The first connection of the client may not be there within the time of one look.
    for (int looks = 0; looks < 20 && error.disposition == Disposition::retry; ++looks) {
        error = explain_silence(*client, server.address(), timed_out(), {});
    }
    CHECK(error.disposition == Disposition::stop);
    CHECK(error.exit_code == ExitCode::unavailable);
    CHECK(error.message == server.address() +
                               " answers, but the cluster advertises 127.0.0.1:1, and 127.0.0.1:1 "
                               "cannot be connected to (Connection refused)");
    CHECK(error.hint.contains("advertised.listeners"));
}

TEST_CASE("where the advertised address can be reached nothing is made up") {
    const Server server(broker({}));
    const HandlePtr client = client_of(server.address());
    const Error error = explain_silence(*client, server.address(), timed_out(), {});
    CHECK(error.message == timed_out().message);
    CHECK(error.disposition == Disposition::retry);
}

TEST_CASE("a port that speaks otherwise ends the start with what to set") {
    const Tls tls({});
    const Server server(broker({.mechanisms = {"SCRAM-SHA-512"}}), tls.context.get());
    const HandlePtr client = client_of(server.address());
    const Error error = explain_silence(*client, server.address(), timed_out(), {});
    CHECK(error.disposition == Disposition::stop);
    CHECK(error.exit_code == ExitCode::kafka_fatal);
    CHECK(error.message == server.address() + " speaks TLS, this client does not");
    CHECK(error.hint.starts_with("set security.protocol=sasl_ssl, sasl.mechanisms=SCRAM-SHA-512"));
}

TEST_CASE("one broker of the list that is as it should be keeps the others from ending the start") {
    const Tls tls({});
    const Server other(broker({}), tls.context.get());
    const Server good(broker({}));
    const std::string brokers = other.address() + "," + good.address();
    const HandlePtr client = client_of(brokers);
    CHECK(explain_silence(*client, brokers, timed_out(), {}).disposition == Disposition::retry);
}

TEST_CASE("what is not up yet is waited for, and named") {
    const HandlePtr client = client_of("127.0.0.1:1");
    const Error error = explain_silence(*client, "127.0.0.1:1", timed_out(), {});
    CHECK(error.disposition == Disposition::retry);
    CHECK(error.exit_code == ExitCode::unavailable);
    CHECK(error.message == "127.0.0.1:1 cannot be connected to (Connection refused)");
}

}  // namespace
}  // namespace kstream::kafka
