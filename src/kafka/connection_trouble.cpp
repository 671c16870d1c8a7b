#include "kafka/connection_trouble.hpp"

#include "kafka/error_map.hpp"

namespace kstream::kafka {
namespace {

// Room for the other brokers of the list: one that is set up wrongly is no reason to stop.
constexpr std::chrono::seconds kPatience{3};

bool is_telling(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL;
}

// A connection that is closed within the handshake is __SSL to librdkafka as well; a broker that
// goes down does that. OpenSSL names itself in what is a verdict (rdkafka_ssl.c).
bool is_verdict(rd_kafka_resp_err_t code, std::string_view text) {
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
           (code == RD_KAFKA_RESP_ERR__SSL && text.find("SSL routines") != std::string_view::npos);
}

}  // namespace

void ConnectionTrouble::note(rd_kafka_resp_err_t code, std::string_view text, Time now) {
    if (is_verdict(code, text) && !refused_since_) {
        refused_since_ = now;
    }
    if (is_telling(code_) || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        return;
    }
    code_ = code;
    // "... failed: Connection refused (after 0ms in state CONNECT, ...)"
    text_ = text.substr(0, text.find(" (after "));
}

void ConnectionTrouble::clear() {
    code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    text_.clear();
    answered_ = true;
}

std::optional<Error> ConnectionTrouble::reason(std::string_view what) const {
    if (code_ == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return std::nullopt;
    }
    return map_error(code_, what, text_);
}

std::optional<Error> ConnectionTrouble::hopeless(std::string_view what, Time now) const {
    if (answered_ || !refused_since_ || now - *refused_since_ < kPatience) {
        return std::nullopt;
    }
    std::optional<Error> error = reason(what);
    error->disposition = Disposition::stop;
    return error;
}

}  // namespace kstream::kafka
