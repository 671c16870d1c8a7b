// The last word about an error: the log line that a person reads, and the exit code.
#pragma once

#include "kstream/error.hpp"
#include "kstream/ports/log.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream {

// Logs the error's message, with its exit code and its hint; returns the exit code. `what` is what
// has not been done because of it, where the message alone does not say that.
inline ExitCode explain(Log& log, const Error& error, std::string_view what = {}) {
    log.write(LogLevel::error,
              what.empty() ? error.message : std::string(what) + ": " + error.message,
              {{"exit", std::int64_t{to_int(error.exit_code)}}, {"hint", error.hint}});
    return error.exit_code;
}

}  // namespace kstream
