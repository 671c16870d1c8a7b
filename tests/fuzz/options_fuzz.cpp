// Arguments and environment, one to a line: KSTREAM_NAME=value is a variable, all else an argument.
// Whatever they are, there is a configuration, a text or a list of problems, and what
// --print-config shows is a configuration file. --config is left out: what the file says is
// config_file_fuzz.cpp's, and a fuzzer should not open files.
#include "cli/config_file.hpp"
#include "cli/parse.hpp"
#include "fuzz/fuzz_target.hpp"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

KSTREAM_FUZZ_TARGET(options) {
    using namespace kstream::cli;
    std::vector<std::string> arguments;
    Environment environment;
    while (!input.empty()) {
        const std::string_view line = input.substr(0, input.find('\n'));
        input.remove_prefix(std::min(input.size(), line.size() + 1));
        const std::size_t equals = line.find('=');
        if (line.starts_with("KSTREAM_") && equals != std::string_view::npos) {
            environment.emplace_back(line.substr(0, equals), line.substr(equals + 1));
        } else {
            arguments.emplace_back(line);
        }
        if (line.find("conf") != std::string_view::npos && !line.starts_with("--print-config")) {
            return;
        }
        if (line.starts_with("KSTREAM_CONFIG")) {
            return;
        }
    }
    const Parsed parsed = parse(arguments, environment, {});
    if (const auto* const problems = std::get_if<Problems>(&parsed)) {
        KSTREAM_CHECK(!problems->lines.empty(), "a refusal says why");
        for (const std::string& line : problems->lines) {
            KSTREAM_CHECK(!line.empty(), "in words");
            for (const char c : line) {
                KSTREAM_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f,
                              "that are safe to print");
            }
        }
        return;
    }
    const auto* const show = std::get_if<Show>(&parsed);
    if (show != nullptr && show->text.starts_with("# kstream ")) {
        KSTREAM_CHECK(parse_config_text(show->text).problems.empty(),
                      "what --print-config shows is a configuration file");
    }
}
