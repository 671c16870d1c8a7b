// Every text about the options, read off the option table and the table of exit codes.
#pragma once

#include "cli/option_table.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace kstream::cli {

[[nodiscard]] std::string help_text();               // kstream --help
[[nodiscard]] std::string help_text(Subcommand id);  // kstream aggregate --help
[[nodiscard]] std::string exit_codes_text();         // kstream help exit-codes
[[nodiscard]] std::string man_page(std::string_view version);
[[nodiscard]] std::string configuration_doc();  // docs/CONFIGURATION.md
[[nodiscard]] std::string bash_completion();

// "a, b and c".
[[nodiscard]] std::string in_words(const std::vector<std::string>& texts);

// The options whose values may stand one after the other with commas, in words; each name between
// two texts.
[[nodiscard]] std::string list_options(std::string_view before, std::string_view behind);

// `text` in lines of at most `width` columns, all but the first after `indent` blanks.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace kstream::cli
