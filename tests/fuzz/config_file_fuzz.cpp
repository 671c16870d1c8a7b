// The configuration file: every entry of a good one, written again in quotes, is read again.
#include "cli/config_file.hpp"
#include "fuzz/fuzz_target.hpp"

#include <string>

namespace {

using namespace kstream::cli;

std::string written(const ConfigFile& file) {
    std::string text;
    std::string section;
    for (const FileEntry& entry : file.entries) {
        if (entry.section != section) {
            section = entry.section;
            text += "[" + section + "]\n";
        }
        text += entry.key + " = \"";
        for (const char c : entry.value) {
            if (c == '\n') {
                text += "\\n";
                continue;
            }
            text += c == '"' || c == '\\' ? "\\" : "";
            text += c;
        }
        text += "\"\n";
    }
    return text;
}

}  // namespace

KSTREAM_FUZZ_TARGET(config_file) {
    const ConfigFile file = parse_config_text(input);
    int line = 0;
    for (const FileEntry& entry : file.entries) {
        KSTREAM_CHECK(!entry.key.empty() && entry.line > line,
                      "each entry is of a line of its own");
        line = entry.line;
    }
    for (const std::string& problem : file.problems) {
        KSTREAM_CHECK(problem.starts_with("line "), "each problem says where it is");
        for (const char c : problem) {
            KSTREAM_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f,
                          "and is safe to print");
        }
    }
    if (!file.problems.empty()) {
        return;  // refused as a whole; an entry may stand in a section that has no good name
    }
    const ConfigFile again = parse_config_text(written(file));
    KSTREAM_CHECK(again.problems.empty() && again.entries.size() == file.entries.size(),
                  "what was read is read again");
    for (std::size_t i = 0; i < file.entries.size(); ++i) {
        KSTREAM_CHECK(again.entries[i].value == file.entries[i].value &&
                          again.entries[i].key == file.entries[i].key &&
                          again.entries[i].section == file.entries[i].section,
                      "and says the same");
    }
}
