// What the tests of the command line share: parsing in one call, and configuration files.
#pragma once

#include "cli/parse.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <variant>
#include <vector>

namespace kstream::cli {

// A file that is gone with the object.
class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view text, mode_t mode = 0600) {
        std::string path = "/tmp/kstream-test-XXXXXX";
        const int descriptor = ::mkstemp(path.data());
        REQUIRE(descriptor >= 0);
        REQUIRE(::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        REQUIRE(::fchmod(descriptor, mode) == 0);
        ::close(descriptor);
        path_ = path;
    }
    ~TemporaryFile() { ::unlink(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

inline Parsed parse_words(std::vector<std::string> words, const Environment& environment = {}) {
    return parse(words, environment, [](std::string_view zone) {
        return zone == "UTC" ? std::optional<std::uint64_t>{1} : std::nullopt;
    });
}

// The configuration, when there is nothing to complain about.
template <typename Config>
Config config_from(const std::vector<std::string>& words, const Environment& environment = {}) {
    const Parsed parsed = parse_words(words, environment);
    if (const auto* const problems = std::get_if<Problems>(&parsed)) {
        for (const std::string& line : problems->lines) {
            UNSCOPED_INFO(line);
        }
    }
    REQUIRE(std::holds_alternative<Command>(parsed));
    REQUIRE(std::holds_alternative<Config>(std::get<Command>(parsed)));
    return std::get<Config>(std::get<Command>(parsed));
}

inline std::vector<std::string> problems_from(const std::vector<std::string>& words,
                                              const Environment& environment = {}) {
    const Parsed parsed = parse_words(words, environment);
    REQUIRE(std::holds_alternative<Problems>(parsed));
    return std::get<Problems>(parsed).lines;
}

inline std::string text_from(const std::vector<std::string>& words,
                             const Environment& environment = {}) {
    const Parsed parsed = parse_words(words, environment);
    REQUIRE(std::holds_alternative<Show>(parsed));
    REQUIRE(std::get<Show>(parsed).what == Show::What::text);
    return std::get<Show>(parsed).text;
}

}  // namespace kstream::cli
