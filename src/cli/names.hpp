// Names of fields and lists of them as options take them: the same on the command line, in the
// environment and in the configuration file.
//
// A comma divides, blanks around it do not count. A name is plain, or each character of it that
// could mean something else (a comma, a blank, an equals sign, a quote) stands after a backslash:
// --group-by 'first\ name,a\,b' are two names. So any name can be written, and nothing that looks
// like a list, a number or a call is taken for one by mistake: a job that groups by a field "a,b"
// finds no such field in any record.
#pragma once

#include "cli/values.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace kstream::cli {

// The entries of a list of names, with their backslashes.
[[nodiscard]] std::vector<std::string> split_names(std::string_view text);

// The entries of a list of KEY=VALUE; what has no equals sign belongs to the value before it
// (source.cleanup.policy=compact,delete).
[[nodiscard]] std::vector<std::string> split_settings(std::string_view text);

// Where `c` stands without a backslash before it; npos when it does not.
[[nodiscard]] std::size_t find_bare(std::string_view text, char c);

// The name that is meant, or what to write instead.
[[nodiscard]] Read<std::string> read_name(std::string_view text);

// The other way: what read_name() takes.
[[nodiscard]] std::string print_name(std::string_view name);

// Whether a name looks like the way to a field inside of another one, which is not read.
[[nodiscard]] bool looks_nested(std::string_view name);

}  // namespace kstream::cli
