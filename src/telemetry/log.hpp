// The Log port on a file descriptor: one line per event, as text or JSON, made safe to read on a
// terminal and to feed into a log store.
#pragma once

#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"

#include <mutex>
#include <string>
#include <string_view>

namespace kstream::telemetry {

enum class LogFormat : std::uint8_t { text, json };

struct LogOptions {
    LogLevel level = LogLevel::info;  // this and everything more urgent is written
    LogFormat format = LogFormat::text;
    int file_descriptor = 2;
};

// text: 2026-11-24T03:10:11.123Z info partition assigned partition=3 offset=15 reason="a b"
// json: {"time":"2026-11-24T03:10:11.123Z","level":"info","event":"partition assigned",...}
// A field without a value is left out, a long one is cut at 256 bytes. Control characters, DEL,
// bidirectional overrides, line separators and bytes that are not UTF-8 are escaped: nobody can
// forge a line or move the cursor.
// Safe from any thread; a line goes out in one write(2), never mixed with another.
class LineLog final : public Log {
public:
    // `clock` must outlive the log.
    LineLog(const Clock& clock, LogOptions options) : clock_(clock), options_(options) {}

    void write(LogLevel level, std::string_view event,
               std::initializer_list<LogField> fields = {}) override;

private:
    const Clock& clock_;
    const LogOptions options_;
    std::mutex mutex_;  // a write may be partial: the rest of the line must follow at once
};

[[nodiscard]] std::string_view log_level_name(LogLevel level);

}  // namespace kstream::telemetry
