// Our own reader of some eighty lines and not CLI11's: that one (2.1 to 2.4) cuts quoted values at
// '#', passes over short lines, splits bare values at commas and does not say on which line a
// problem is. A password must arrive whole or not at all.
#include "cli/config_file.hpp"

#include "cli/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace kstream::cli {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::size_t kMaxFileBytes = 1U << 20;

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_name(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}

using Text = std::expected<std::string, std::string>;

// `text` begins with a quote.
Text read_quoted(std::string_view text) {
    const char quote = text[0];
    std::string value;
    std::size_t at = 1;
    while (at < text.size() && text[at] != quote) {
        char c = text[at++];
        if (c == '\\' && quote == '"') {
            const char escape = at < text.size() ? text[at++] : '\0';
            if (escape != '"' && escape != '\\' && escape != 'n' && escape != 't') {
                return std::unexpected(
                    R"(unknown escape in a double-quoted value (known: \" \\ \n \t))");
            }
            c = escape == 'n' ? '\n' : escape == 't' ? '\t' : escape;
        }
        value += c;
    }
    if (at == text.size()) {
        return std::unexpected("the closing quote is missing");
    }
    const std::string_view rest = trimmed(text.substr(at + 1));
    if (!rest.empty() && rest[0] != '#') {
        return std::unexpected("there is text after the closing quote");
    }
    return value;
}

Text read_value(std::string_view text) {
    if (text.starts_with('"') || text.starts_with('\'')) {
        return read_quoted(text);
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '#' && (i == 0 || kBlanks.contains(text[i - 1]))) {
            return std::unexpected(
                "a '#' in a value without quotes: quote the value, or move the comment to a line "
                "of its own");
        }
    }
    return std::string(text);
}

// Keeps reading lines into `file`; `section` is the one that is open.
void parse_line(std::string_view line, int number, std::string& section, ConfigFile& file) {
    const auto problem = [&](std::string_view what) {
        file.problems.push_back(fmt::format("line {}: {}", number, what));
    };
    const std::string_view text = trimmed(line);
    if (text.empty() || text[0] == '#' || text[0] == ';') {
        return;
    }
    if (text[0] == '[') {
        const std::string_view name =
            text.ends_with(']') ? trimmed(text.substr(1, text.size() - 2)) : std::string_view();
        if (!is_name(name)) {
            problem("a section is [name]");
        }
        section = name;
        return;
    }
    const std::size_t equals = text.find('=');
    const std::string_view key = trimmed(text.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(key)) {
        // The line itself may be half a secret: it is not repeated.
        problem("not of the form key = value");
        return;
    }
    auto value = read_value(trimmed(text.substr(equals + 1)));
    if (!value) {
        problem(fmt::format("{}: {}", key, value.error()));
        return;
    }
    file.entries.push_back({section, std::string(key), std::move(*value), number});
}

std::string errno_text(std::string_view what) {
    return fmt::format("{}: {}", what, std::strerror(errno));
}

}  // namespace

ConfigFile parse_config_text(std::string_view text) {
    ConfigFile file;
    std::string section;
    for (int number = 1; !text.empty(); ++number) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        parse_line(line, number, section, file);
    }
    return file;
}

std::expected<ConfigFile, std::string> read_config_file(const std::string& path) {
    // O_NONBLOCK: a named pipe must not hold us up before fstat has distinguished it from a file.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return std::unexpected(errno_text("cannot be opened"));
    }
    struct stat info{};
    std::string text;
    std::string problem;
    if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        problem = "is not a regular file";
    } else if (static_cast<std::size_t>(info.st_size) > kMaxFileBytes) {
        problem = "is larger than 1 MiB";
    } else {
        text.resize(static_cast<std::size_t>(info.st_size));
        const ssize_t got = ::read(descriptor, text.data(), text.size());
        if (got < 0) {
            problem = errno_text("cannot be read");
        } else {
            text.resize(static_cast<std::size_t>(got));
        }
    }
    ::close(descriptor);
    if (!problem.empty()) {
        return std::unexpected(problem);
    }
    ConfigFile file = parse_config_text(text);
    const bool owned = info.st_uid == ::geteuid() || info.st_uid == 0;
    file.open_to_others = !owned || (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    return file;
}

}  // namespace kstream::cli
