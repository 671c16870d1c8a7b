// The whole way from arguments, environment and configuration file to a checked configuration.
#pragma once

#include "cli/config.hpp"
#include "cli/sources.hpp"
#include "kstream/job/parse.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace kstream::cli {

// Something to print on stdout instead of a run. Texts that need other parts of the program are
// only named.
struct Show {
    enum class What : std::uint8_t {
        text,          // `text` is all of it
        version,       // kstream --version
        metrics_help,  // kstream help metrics
        metrics_doc,   // docs/METRICS.md
    };
    What what = What::text;
    std::string text;
};

// Why there is nothing to run: every problem, each with where its value comes from.
struct Problems {
    std::vector<std::string> lines;
};

using Parsed = std::variant<Command, Show, Problems>;

// `arguments` are those after the name of the program; `zones` are for statements.
[[nodiscard]] Parsed parse(std::span<const std::string> arguments, const Environment& environment,
                           const job::ZoneFingerprints& zones);

// What `main` has got, as values.
[[nodiscard]] std::vector<std::string> arguments_of(int argc, const char* const* argv);
[[nodiscard]] Environment environment_of(const char* const* entries);

}  // namespace kstream::cli
