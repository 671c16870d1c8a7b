#include "kafka/broker_probe.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <future>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace kstream::kafka {
namespace {

using Time = std::chrono::steady_clock::time_point;
using std::string_view;
using std::chrono::milliseconds;

constexpr milliseconds kSlice{100};
constexpr std::int16_t kSaslHandshake = 17;
constexpr std::int16_t kApiVersions = 18;
constexpr std::int16_t kUnsupportedMechanism = 33;  // UNSUPPORTED_SASL_MECHANISM
constexpr std::int32_t kCorrelation = 0x6b737472;
constexpr std::size_t kMaxAnswer = 1U << 20;

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<&SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<&SSL_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<&X509_free>>;
using AddressesPtr = std::unique_ptr<addrinfo, Freed<&freeaddrinfo>>;

class Socket {
public:
    explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
    ~Socket() {
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
    }
    Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] int get() const { return descriptor_; }

private:
    int descriptor_;
};

struct HostPort {
    std::string host;
    std::string port = "9092";  // librdkafka's default
};

std::optional<HostPort> parse_address(string_view text) {
    if (const std::size_t scheme = text.find("://"); scheme != string_view::npos) {
        text.remove_prefix(scheme + 3);
    }
    HostPort found;
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == string_view::npos) {
            return std::nullopt;
        }
        found.host = text.substr(1, bracket - 1);
        text.remove_prefix(bracket + 1);
    } else {
        found.host = text.substr(0, text.find(':'));
        text.remove_prefix(found.host.size());
    }
    if (text.size() > 1 && text.front() == ':') {
        found.port = text.substr(1);
    }
    return found.host.empty() ? std::nullopt : std::optional(found);
}

// The clock of one probe.
class Patience {
public:
    explicit Patience(const ProbeLimits& limits)
        : limits_(limits), end_(std::chrono::steady_clock::now() + limits.whole) {}

    [[nodiscard]] bool over() const {
        return std::chrono::steady_clock::now() >= end_ || (limits_.canceled && limits_.canceled());
    }

    // Whether the descriptor is ready in time.
    [[nodiscard]] bool wait(int descriptor, short events) const {
        while (!over()) {
            const auto left =
                std::chrono::ceil<milliseconds>(end_ - std::chrono::steady_clock::now());
            pollfd entry{.fd = descriptor, .events = events, .revents = 0};
            if (::poll(&entry, 1,
                       static_cast<int>(std::clamp(left, milliseconds(0), kSlice).count())) > 0) {
                return true;
            }
        }
        return false;
    }

    // A share of what is left, for a first try that may stay without an answer.
    [[nodiscard]] ProbeLimits half() const {
        const auto left = std::chrono::floor<milliseconds>(end_ - std::chrono::steady_clock::now());
        return {std::max(milliseconds(0), left / 2), limits_.canceled};
    }
    [[nodiscard]] ProbeLimits rest() const {
        const auto left = std::chrono::floor<milliseconds>(end_ - std::chrono::steady_clock::now());
        return {std::max(milliseconds(0), left), limits_.canceled};
    }

private:
    const ProbeLimits& limits_;
    Time end_;
};

// getaddrinfo() has no limit of its own (5 s for each server that is gone): it is left behind.
struct Resolved {
    int code = EAI_AGAIN;
    AddressesPtr addresses;
};
std::optional<Resolved> resolve(const HostPort& to, const Patience& patience) {
    auto promise = std::make_shared<std::promise<Resolved>>();
    std::future<Resolved> future = promise->get_future();
    std::thread([promise, to] {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        const int code = ::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found);
        promise->set_value({code, AddressesPtr(code == 0 ? found : nullptr)});
    }).detach();
    while (future.wait_for(kSlice) != std::future_status::ready) {
        if (patience.over()) {
            return std::nullopt;
        }
    }
    return future.get();
}

// Connected, or why not.
struct Connected {
    Socket socket;
    ProbeResult failure;
};

Connected connect_to(const HostPort& to, const Patience& patience) {
    const std::optional<Resolved> resolved = resolve(to, patience);
    if (!resolved) {
        return {Socket(),
                {.answer = Answer::not_resolved, .detail = "the resolver does not answer"}};
    }
    if (resolved->code != 0) {
        return {Socket(),
                {.answer = Answer::not_resolved, .detail = ::gai_strerror(resolved->code)}};
    }
    ProbeResult failure{.answer = Answer::silent};
    for (const addrinfo* one = resolved->addresses.get(); one != nullptr; one = one->ai_next) {
        Socket socket(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        int reason = 0;
        if (socket.get() < 0) {
            reason = errno;
        } else if (::connect(socket.get(), one->ai_addr, one->ai_addrlen) != 0) {
            reason = errno;
            if (reason == EINPROGRESS) {
                if (!patience.wait(socket.get(), POLLOUT)) {
                    return {Socket(), {.answer = Answer::silent}};
                }
                socklen_t size = sizeof reason;
                ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &reason, &size);
            }
        }
        if (reason == 0) {
            return {std::move(socket), {.answer = Answer::fine}};
        }
        failure = {.answer = Answer::not_connected, .detail = std::strerror(reason)};
    }
    return {Socket(), failure};
}

// One connection, in the clear or through TLS.
class Channel {
public:
    Channel(Socket socket, const Patience& patience)
        : socket_(std::move(socket)), patience_(patience) {}

    enum class Tls : std::uint8_t {
        done,
        alert,  // refused, in the words of TLS
        not_spoken,
        unanswered,
    };

    // The handshake. Certificates are looked at afterwards, so that there is something to name.
    Tls begin_tls(SSL_CTX& context, const std::string& host) {
        ssl_.reset(SSL_new(&context));
        SSL_set_fd(ssl_.get(), socket_.get());
        std::string name = host;
        if (name.find_first_not_of("0123456789.:") != std::string::npos) {  // addresses have none
            // The macro SSL_set_tlsext_host_name() casts as C does.
            SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     name.data());
        }
        ERR_clear_error();
        const int result = until_done([this] { return SSL_connect(ssl_.get()); });
        if (result == 1) {
            return Tls::done;
        }
        if (!closed_) {
            return Tls::unanswered;
        }
        const unsigned long code = ERR_peek_last_error();
        const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
        // Reasons from 1000 on are the alerts of the other side.
        return reason >= SSL_AD_REASON_OFFSET ? Tls::alert : Tls::not_spoken;
    }

    // Whether the last word of the other side was that a certificate is missing.
    [[nodiscard]] bool wants_certificate() const { return wants_certificate_; }

    [[nodiscard]] SSL* ssl() { return ssl_.get(); }

    bool send(string_view bytes) {
        while (!bytes.empty()) {
            const long done = write_some(bytes);
            if (done <= 0) {
                return false;
            }
            bytes.remove_prefix(static_cast<std::size_t>(done));
        }
        return true;
    }

    // What comes, up to `size` bytes: fewer when the other side closes or nothing more comes.
    std::string receive(std::size_t size) {
        std::string all;
        std::array<char, 4096> buffer{};
        while (all.size() < size) {
            const long got = read_some(buffer.data(), std::min(buffer.size(), size - all.size()));
            if (got <= 0) {
                break;
            }
            all.append(buffer.data(), static_cast<std::size_t>(got));
        }
        return all;
    }

    [[nodiscard]] bool closed() const { return closed_; }

private:
    template <typename Call>
    int until_done(Call call) {
        while (true) {
            const int result = call();
            if (result > 0) {
                return result;
            }
            const int error = SSL_get_error(ssl_.get(), result);
            const bool reads = error == SSL_ERROR_WANT_READ;
            if (!reads && error != SSL_ERROR_WANT_WRITE) {
                closed_ = true;
                const int reason = ERR_GET_REASON(ERR_peek_last_error());
                wants_certificate_ = reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
                                     reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE;
                return result;
            }
            if (!patience_.wait(socket_.get(), reads ? POLLIN : POLLOUT)) {
                return 0;
            }
        }
    }

    long write_some(string_view bytes) {
        if (ssl_) {
            return until_done([&] {
                return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
            });
        }
        if (!patience_.wait(socket_.get(), POLLOUT)) {
            return 0;
        }
        return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }

    long read_some(char* into, std::size_t size) {
        if (ssl_) {
            return until_done([&] { return SSL_read(ssl_.get(), into, static_cast<int>(size)); });
        }
        if (!patience_.wait(socket_.get(), POLLIN)) {
            return 0;
        }
        const long got = ::recv(socket_.get(), into, size, 0);
        closed_ = got <= 0;
        return got;
    }

    Socket socket_;
    const Patience& patience_;
    SslPtr ssl_;
    bool closed_ = false;
    bool wants_certificate_ = false;
};

void append_int(std::string& out, std::int64_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
        out += static_cast<char>(value >> shift & 0xff);
    }
}

void append_text(std::string& out, string_view text) {
    append_int(out, static_cast<std::int64_t>(text.size()), 2);
    out += text;
}

// Request header version 1 and the body.
std::string request(std::int16_t api, std::int16_t version, string_view body) {
    std::string message;
    append_int(message, api, 2);
    append_int(message, version, 2);
    append_int(message, kCorrelation, 4);
    append_text(message, "kstream-probe");
    message += body;
    std::string out;
    append_int(out, static_cast<std::int64_t>(message.size()), 4);
    return out + message;
}

std::int64_t take_int(string_view& bytes, std::size_t size) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
        value = value << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0);
    }
    bytes.remove_prefix(std::min(size, bytes.size()));
    return value;
}

// Whether what came can be an answer, as far as it came.
bool may_be_answer(string_view first) {
    if (first.size() < 8) {
        return first.empty() || first.front() == '\0';  // of a size below kMaxAnswer
    }
    const std::int64_t size = take_int(first, 4);
    return size >= 4 && size <= std::int64_t{kMaxAnswer} && take_int(first, 4) == kCorrelation;
}

// The whole body of an answer; nothing when none comes. `first` gets what came.
std::optional<std::string> ask(Channel& channel, const std::string& message, std::string& first) {
    if (!channel.send(message)) {
        return std::nullopt;
    }
    first = channel.receive(8);
    if (first.size() < 8 || !may_be_answer(first)) {
        return std::nullopt;
    }
    string_view header = first;
    const auto size = static_cast<std::size_t>(take_int(header, 4)) - 4;
    std::string body = channel.receive(size);
    return body.size() == size ? std::optional(std::move(body)) : std::nullopt;
}

// What something that is no broker says first.
ProbeResult name_foreign(string_view first, const Channel& channel) {
    if (first.starts_with("HTTP")) {
        return {.answer = Answer::foreign, .detail = "HTTP"};
    }
    if (first.starts_with("SSH-")) {
        return {.answer = Answer::foreign, .detail = "SSH"};
    }
    if (!may_be_answer(first)) {
        return {.answer = Answer::foreign};
    }
    return {.answer = channel.closed() ? Answer::closed : Answer::silent};
}

bool is_tls_record(string_view first) {
    return first.size() >= 2 && (first[0] == 0x15 || first[0] == 0x16) && first[1] == 0x03;
}

// What a broker says within a connection that is as it should be. `answer` is `fine` for whatever
// login it wants, which `sasl` and `mechanisms` tell. A broker that does not get to the second
// answer in time has said nothing of a login.
ProbeResult ask_broker(Channel& channel, const Speech& speech) {
    std::string first;
    if (!ask(channel, request(kApiVersions, 0, {}), first)) {
        return is_tls_record(first) ? ProbeResult{.answer = Answer::wants_tls}
                                    : name_foreign(first, channel);
    }
    ProbeResult result{.answer = Answer::fine, .sasl = speech.sasl};
    std::string body;
    append_text(body, "KSTREAM-PROBE");
    if (const auto answer = ask(channel, request(kSaslHandshake, 1, body), first)) {
        string_view bytes = *answer;
        result.sasl = take_int(bytes, 2) == kUnsupportedMechanism;
        for (std::int64_t left = take_int(bytes, 4); result.sasl && left > 0 && !bytes.empty();
             --left) {
            const auto size = static_cast<std::size_t>(take_int(bytes, 2));
            result.mechanisms.emplace_back(bytes.substr(0, size));
            bytes.remove_prefix(std::min(size, bytes.size()));
        }
    }
    return result;
}

ContextPtr make_context(const Speech& speech) {
    ContextPtr context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    const char* const location = speech.ca_location.c_str();
    struct stat info{};
    if (speech.ca_location.empty()) {
        SSL_CTX_set_default_verify_paths(context.get());
    } else if (::stat(location, &info) == 0 && S_ISDIR(info.st_mode)) {
        SSL_CTX_load_verify_dir(context.get(), location);
    } else {
        SSL_CTX_load_verify_file(context.get(), location);
    }
    return context;
}

// The names that a certificate is for.
std::string names_of(const X509& certificate) {
    std::string names;
    auto* const found = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(found); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(found, i);
        std::string text;
        if (name->type == GEN_DNS) {
            text.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                        static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
        } else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
            const unsigned char* const byte = ASN1_STRING_get0_data(name->d.iPAddress);
            text = fmt::format("{}.{}.{}.{}", byte[0], byte[1], byte[2], byte[3]);
        }
        std::erase_if(text, [](char c) { return c < 0x21 || c == 0x7f; });
        if (!text.empty()) {
            names += (names.empty() ? "" : ", ") + text;
        }
    }
    GENERAL_NAMES_free(found);
    return names.empty() ? "no name at all" : names;
}

std::string day_of(const ASN1_TIME* time) {
    std::tm parts{};
    return time != nullptr && ASN1_TIME_to_tm(time, &parts) == 1
               ? fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                             parts.tm_mday)
               : std::string("?");
}

// Beside this machine's clock, which may be what is wrong.
std::string validity_of(const X509& certificate) {
    const std::time_t now = std::time(nullptr);
    std::tm today{};
    ::gmtime_r(&now, &today);
    return fmt::format("it is good from {} to {}, and today is {:04}-{:02}-{:02} here",
                       day_of(X509_get0_notBefore(&certificate)),
                       day_of(X509_get0_notAfter(&certificate)), today.tm_year + 1900,
                       today.tm_mon + 1, today.tm_mday);
}

// What is wrong with the other side's certificate; empty when nothing is.
std::string certificate_trouble(SSL& ssl, const std::string& host, const Speech& speech) {
    const CertificatePtr certificate(SSL_get1_peer_certificate(&ssl));
    if (!certificate || !speech.verify) {
        return {};
    }
    if (const long verdict = SSL_get_verify_result(&ssl); verdict != X509_V_OK) {
        switch (verdict) {
            case X509_V_ERR_CERT_HAS_EXPIRED:
                return "has expired: " + validity_of(*certificate);
            case X509_V_ERR_CERT_NOT_YET_VALID:
                return "is not valid yet: " + validity_of(*certificate);
            case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
            case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
                return fmt::format(
                    "is signed by an authority that is not in {}",
                    speech.ca_location.empty()
                        ? std::string("the system's list (ssl.ca.location is not set)")
                        : "ssl.ca.location " + speech.ca_location);
            default:
                return fmt::format("is not trusted: {}", X509_verify_cert_error_string(verdict));
        }
    }
    const bool matches =
        X509_check_host(certificate.get(), host.c_str(), host.size(), 0, nullptr) == 1 ||
        X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1;
    return speech.verify_name && !matches
               ? fmt::format("is for {}, not for {}", names_of(*certificate), host)
               : std::string();
}

// As far as TLS and what is said through it.
ProbeResult probe_tls(const HostPort& to, const Speech& speech, const ProbeLimits& limits) {
    const Patience patience(limits);
    Connected connected = connect_to(to, patience);
    if (connected.socket.get() < 0) {
        return connected.failure;
    }
    const ContextPtr context = make_context(speech);
    Channel channel(std::move(connected.socket), patience);
    switch (channel.begin_tls(*context, to.host)) {
        case Channel::Tls::not_spoken:
            return {.answer = Answer::no_tls};
        case Channel::Tls::unanswered:
            return {.answer = Answer::silent};
        case Channel::Tls::alert:
            return {
                .answer = channel.wants_certificate() ? Answer::wants_certificate : Answer::closed,
                .tls = true};
        case Channel::Tls::done:
            break;
    }
    if (std::string trouble = certificate_trouble(*channel.ssl(), to.host, speech);
        !trouble.empty()) {
        return {.answer = Answer::bad_certificate, .detail = std::move(trouble), .tls = true};
    }
    ProbeResult result = ask_broker(channel, speech);
    // TLS 1.3 says so only now.
    if (result.answer == Answer::closed && channel.wants_certificate()) {
        result.answer = Answer::wants_certificate;
    }
    result.tls = true;
    return result;
}

ProbeResult probe_clear(const HostPort& to, const Speech& speech, const ProbeLimits& limits) {
    const Patience patience(limits);
    Connected connected = connect_to(to, patience);
    if (connected.socket.get() < 0) {
        return connected.failure;
    }
    Channel channel(std::move(connected.socket), patience);
    return ask_broker(channel, speech);
}

// A server of HTTP waits for the end of a line, which no request of Kafka's need have.
ProbeResult probe_http(const HostPort& to, const ProbeLimits& limits) {
    const Patience patience(limits);
    Connected connected = connect_to(to, patience);
    if (connected.socket.get() < 0) {
        return connected.failure;
    }
    Channel channel(std::move(connected.socket), patience);
    if (channel.send("GET / HTTP/1.0\r\n\r\n") && channel.receive(4) == "HTTP") {
        return {.answer = Answer::foreign, .detail = "HTTP"};
    }
    return {.answer = Answer::silent};
}

// The client's login beside what the listener wants.
ProbeResult compare_login(ProbeResult found, const Speech& speech) {
    if (found.answer != Answer::fine) {
        return found;
    }
    if (found.sasl && !speech.sasl) {
        found.answer = Answer::wants_login;
    } else if (!found.sasl && speech.sasl) {
        found.answer = Answer::no_login;
    } else if (found.sasl && !found.mechanisms.empty() &&
               std::ranges::find(found.mechanisms, speech.mechanism) == found.mechanisms.end()) {
        found.answer = Answer::no_mechanism;
    }
    return found;
}

}  // namespace

ProbeResult probe_broker(string_view address, const Speech& speech, const ProbeLimits& limits) {
    const std::optional<HostPort> to = parse_address(address);
    if (!to) {
        return {};
    }
    const Patience patience(limits);
    if (speech.tls) {
        ProbeResult found = probe_tls(*to, speech, patience.half());
        if (found.tls || (found.answer != Answer::no_tls && found.answer != Answer::silent)) {
            return compare_login(std::move(found), speech);
        }
        ProbeResult clear = probe_clear(*to, speech, patience.rest());
        if (clear.answer == Answer::fine) {
            clear.answer = Answer::no_tls;
        } else if (clear.answer ==
                   Answer::wants_tls) {  // as the client does, but did not get to it
            clear.answer = found.answer == Answer::silent ? Answer::silent : Answer::not_asked;
        }
        return clear;
    }
    ProbeResult found = probe_clear(*to, speech, patience.half());
    // A broker closes what it does not understand without a word.
    if (found.answer != Answer::closed && found.answer != Answer::wants_tls &&
        found.answer != Answer::silent) {
        return compare_login(std::move(found), speech);
    }
    Speech anyone = speech;
    anyone.verify = false;
    ProbeResult secure = probe_tls(*to, anyone, patience.half());
    if (secure.tls || found.answer == Answer::wants_tls) {
        secure.answer = Answer::wants_tls;
        return secure;
    }
    return found.answer == Answer::silent ? probe_http(*to, patience.rest()) : found;
}

ProbeResult probe_port(string_view address, const ProbeLimits& limits) {
    const std::optional<HostPort> to = parse_address(address);
    if (!to) {
        return {};
    }
    const Patience patience(limits);
    return connect_to(*to, patience).failure;
}

}  // namespace kstream::kafka
