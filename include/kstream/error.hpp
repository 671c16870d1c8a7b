// Errors are values, named after what the caller has to do. No exception crosses a module.
#pragma once

#include "kstream/exit_code.hpp"

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace kstream {

// What to do about an error. src/kafka/error_map.cpp maps each Kafka error to one of these in one
// switch; what it does not know is `stop`.
enum class Disposition : std::uint8_t {
    retry,             // the same call again, after a pause
    abort_and_rewind,  // abort the transaction, drop the step, seek to the committed offsets
    rebuild_producer,  // outcome unknown or handle unusable: new producer, then read the offsets
    stop,              // leave the process with `exit_code`
};

// One failure. `message` says what happened, to which topic, partition and offset; `hint` says what
// a person can do and may be empty. Both are ASCII, lower case, without a final full stop; neither
// ever holds record payloads or secrets.
struct Error {
    Disposition disposition = Disposition::stop;
    ExitCode exit_code = ExitCode::internal;
    std::string message;
    std::string hint;
    int kafka_code = 0;  // rd_kafka_resp_err_t as an int, 0 when no Kafka error is behind it

    static Error stop(ExitCode code, std::string message, std::string hint = {}) {
        return Error{Disposition::stop, code, std::move(message), std::move(hint), 0};
    }
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ExitCode code, std::string message, std::string hint = {}) {
    return std::unexpected(Error::stop(code, std::move(message), std::move(hint)));
}

}  // namespace kstream
