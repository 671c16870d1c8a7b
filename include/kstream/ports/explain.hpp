// The last word about an error: the log line that a person reads, and the exit code.
#pragma once

#include "kstream/error.hpp"
#include "kstream/ports/log.hpp"

#include <string_view>

namespace kstream {

// Logs `event` with the error's message and hint; returns its exit code.
[[nodiscard]] inline ExitCode explain(Log& log, std::string_view event, const Error& error) {
    if (error.hint.empty()) {
        log.write(LogLevel::error, event, {{"error", error.message}});
    } else {
        log.write(LogLevel::error, event, {{"error", error.message}, {"hint", error.hint}});
    }
    return error.exit_code;
}

}  // namespace kstream
