// The configuration file: sections of `key = value` lines. What the keys mean is not known here.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::cli {

struct FileEntry {
    std::string section;  // empty above the first section
    std::string key;
    std::string value;
    int line = 0;
};

struct ConfigFile {
    std::vector<FileEntry> entries;     // in the order of the file
    std::vector<std::string> problems;  // "line 3: ..."
    // Others than its owner may read it, or its owner is neither this user nor root: not a place
    // for secrets.
    bool open_to_others = false;
};

// The grammar. One statement a line: `[section]` or `key = value`, blank lines and lines that begin
// with '#' or ';' are passed over. A value is everything after '=' without the blanks around it,
// or a text in double quotes (escapes \" \\ \n \t) or single quotes (no escapes), after which a
// comment may stand. A '#' after a blank in a bare value is an error: a comment there and a
// password that holds one look the same.
[[nodiscard]] ConfigFile parse_config_text(std::string_view text);

// The error says in words why the file cannot be read. At most 1 MiB, regular files only.
[[nodiscard]] std::expected<ConfigFile, std::string> read_config_file(const std::string& path);

}  // namespace kstream::cli
