// Lines are built outside the lock and written under it.
#include "telemetry/log.hpp"

#include "text/json_writer.hpp"
#include "text/utf8.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <unistd.h>

namespace kstream::telemetry {
namespace {

constexpr std::size_t kMaxValueBytes = 256;
constexpr std::string_view kCut = "...";

// Appends `text` as it stands inside a pair of double quotes, for a person.
void append_text_inside(std::string& line, std::string_view text) {
    while (!text.empty()) {
        const std::size_t special = text.find_first_of("\"\\\n");
        text::append_shown(line, text.substr(0, special));
        if (special == std::string_view::npos) {
            return;
        }
        line += '\\';
        line += text[special] == '\n' ? 'n' : text[special];
        text.remove_prefix(special + 1);
    }
}

void append_inside(std::string& line, std::string_view text, LogFormat format) {
    if (format == LogFormat::json) {
        text::append_json_inside(line, text);
    } else {
        append_text_inside(line, text);
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

void append_quoted(std::string& line, std::string_view value, LogFormat format) {
    const std::string_view kept = cut(value);
    line += "\"";
    append_inside(line, kept, format);
    line += kept.size() < value.size() ? kCut : "";
    line += "\"";
}

void append_time(std::string& line, std::int64_t wall_ms) {
    const auto milliseconds = std::chrono::milliseconds(wall_ms);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
    fmt::format_to(std::back_inserter(line), "{:%FT%T}.{:03}Z",
                   fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                   (milliseconds - seconds).count());
}

void append_text_line(std::string& line, std::int64_t wall_ms, LogLevel level,
                      std::string_view event, std::initializer_list<LogField> fields) {
    append_time(line, wall_ms);
    line += " ";
    line += log_level_name(level);
    line += " ";
    append_text_inside(line, cut(event));
    for (const LogField& field : fields) {
        if (field.value.empty()) {
            continue;
        }
        line += " ";
        line += field.key;
        line += "=";
        if (stands_bare(field.value) && field.value.size() <= kMaxValueBytes) {
            line += field.value;
        } else {
            append_quoted(line, field.value, LogFormat::text);
        }
    }
    line += "\n";
}

void append_json_line(std::string& line, std::int64_t wall_ms, LogLevel level,
                      std::string_view event, std::initializer_list<LogField> fields) {
    line += R"({"time":")";
    append_time(line, wall_ms);
    line += R"(","level":")";
    line += log_level_name(level);
    line += R"(","event":)";
    append_quoted(line, event, LogFormat::json);
    for (const LogField& field : fields) {
        if (field.value.empty()) {
            continue;
        }
        line += ",";
        append_quoted(line, field.key, LogFormat::json);
        line += ":";
        append_quoted(line, field.value, LogFormat::json);
    }
    line += "}\n";
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
    std::string line;
    if (options_.format == LogFormat::json) {
        append_json_line(line, clock_.wall_ms(), level, event, fields);
    } else {
        append_text_line(line, clock_.wall_ms(), level, event, fields);
    }
    const std::lock_guard lock(mutex_);
    write_all(options_.file_descriptor, line);
}

}  // namespace kstream::telemetry
