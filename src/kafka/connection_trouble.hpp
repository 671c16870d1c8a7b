// What a client itself has to say about its connections. librdkafka tells it to the error callback
// only: a call just gets no answer, and is repeated for ever behind a refused certificate.
#pragma once

#include "kafka/handles.hpp"
#include "kstream/error.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::kafka {

// Fed by an error callback, asked by whoever waits: both in the thread that polls the client.
class ConnectionTrouble {
public:
    using Time = std::chrono::steady_clock::time_point;

    // An error of the callback. Keeps the most telling one: a failed login also ends in "all
    // brokers down".
    void note(rd_kafka_resp_err_t code, std::string_view text,
              Time now = std::chrono::steady_clock::now());

    // The cluster has answered.
    void clear();

    // The reason behind silence, as the error of `what`; nothing when nothing is known.
    [[nodiscard]] std::optional<Error> reason(std::string_view what) const;

    // The same, as an error to stop for: for three seconds a broker's certificate or this client's
    // login has been refused, and no broker has ever answered. Later the same may pass: a broker
    // may have come back wrong, and be put right.
    [[nodiscard]] std::optional<Error> hopeless(std::string_view what,
                                                Time now = std::chrono::steady_clock::now()) const;

private:
    rd_kafka_resp_err_t code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string text_;
    bool answered_ = false;
    std::optional<Time> refused_since_;
};

}  // namespace kstream::kafka
