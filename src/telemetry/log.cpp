// Lines are built outside the lock and written under it.
#include "telemetry/log.hpp"

#include "text/utf8.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <unistd.h>

namespace kstream::telemetry {
namespace {

constexpr std::size_t kMaxValueBytes = 256;
constexpr std::string_view kCut = "...";

using Line = fmt::memory_buffer;

void append(Line& line, std::string_view text) {
    line.append(text);
}

// Appends `text` as it stands inside a pair of double quotes, in both formats.
void append_escaped(Line& line, std::string_view text, LogFormat format) {
    while (!text.empty()) {
        const text::CodePoint c = text::first_code_point(text);
        const std::string_view raw = text.substr(0, c.bytes);
        text.remove_prefix(c.bytes);
        if (c.value == text::kNotUtf8) {
            if (format == LogFormat::json) {
                append(line, "\\ufffd");
            } else {
                fmt::format_to(std::back_inserter(line), "\\x{:02x}",
                               static_cast<unsigned char>(raw[0]));
            }
        } else if (c.value == '"' || c.value == '\\') {
            append(line, "\\");
            append(line, raw);
        } else if (c.value == '\n') {
            append(line, "\\n");
        } else if (text::is_active(c.value)) {  // all of these are below U+10000
            fmt::format_to(std::back_inserter(line), "\\u{:04x}",
                           static_cast<std::uint32_t>(c.value));
        } else {
            append(line, raw);
        }
    }
}

bool stands_bare(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\'; });
}

// The first bytes of a long value, never half a character.
std::string_view cut(std::string_view value) {
    if (value.size() <= kMaxValueBytes) {
        return value;
    }
    std::size_t end = kMaxValueBytes - kCut.size();
    while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0U) == 0x80) {
        --end;
    }
    return value.substr(0, end);
}

void append_quoted(Line& line, std::string_view value, LogFormat format) {
    const std::string_view kept = cut(value);
    append(line, "\"");
    append_escaped(line, kept, format);
    append(line, kept.size() < value.size() ? kCut : "");
    append(line, "\"");
}

void append_time(Line& line, std::int64_t wall_ms) {
    const auto milliseconds = std::chrono::milliseconds(wall_ms);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
    fmt::format_to(std::back_inserter(line), "{:%FT%T}.{:03}Z",
                   fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                   (milliseconds - seconds).count());
}

void append_text_line(Line& line, std::int64_t wall_ms, LogLevel level, std::string_view event,
                      std::initializer_list<LogField> fields) {
    append_time(line, wall_ms);
    append(line, " ");
    append(line, log_level_name(level));
    append(line, " ");
    append_escaped(line, cut(event), LogFormat::text);
    for (const LogField& field : fields) {
        if (field.value.empty()) {
            continue;
        }
        append(line, " ");
        append(line, field.key);
        append(line, "=");
        if (stands_bare(field.value) && field.value.size() <= kMaxValueBytes) {
            append(line, field.value);
        } else {
            append_quoted(line, field.value, LogFormat::text);
        }
    }
    append(line, "\n");
}

void append_json_line(Line& line, std::int64_t wall_ms, LogLevel level, std::string_view event,
                      std::initializer_list<LogField> fields) {
    append(line, R"({"time":")");
    append_time(line, wall_ms);
    append(line, R"(","level":")");
    append(line, log_level_name(level));
    append(line, R"(","event":)");
    append_quoted(line, event, LogFormat::json);
    for (const LogField& field : fields) {
        if (field.value.empty()) {
            continue;
        }
        append(line, ",");
        append_quoted(line, field.key, LogFormat::json);
        append(line, ":");
        append_quoted(line, field.value, LogFormat::json);
    }
    append(line, "}\n");
}

// A log that cannot be written must not stop the work: what fails is dropped.
void write_all(int file_descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(file_descriptor, text.data(), text.size());
        if (written > 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            return;
        }
    }
}

}  // namespace

std::string_view log_level_name(LogLevel level) {
    switch (level) {
        case LogLevel::error:
            return "error";
        case LogLevel::warn:
            return "warn";
        case LogLevel::info:
            return "info";
        case LogLevel::debug:
            return "debug";
    }
    return "unknown";
}

void LineLog::write(LogLevel level, std::string_view event,
                    std::initializer_list<LogField> fields) {
    if (level > options_.level) {
        return;
    }
    Line line;
    if (options_.format == LogFormat::json) {
        append_json_line(line, clock_.wall_ms(), level, event, fields);
    } else {
        append_text_line(line, clock_.wall_ms(), level, event, fields);
    }
    const std::lock_guard lock(mutex_);
    write_all(options_.file_descriptor, std::string_view(line.data(), line.size()));
}

}  // namespace kstream::telemetry
