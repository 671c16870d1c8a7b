#include "process/zone_file.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace kstream::process {

std::optional<std::string> read_zone_file(std::string_view name) {
    // The name comes out of a statement: it leaves the folder nowhere.
    const bool is_name = !name.empty() && name.front() != '/' && !name.contains("..") &&
                         std::ranges::all_of(name, [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                    (c >= '0' && c <= '9') || c == '/' || c == '_' || c == '-' ||
                                    c == '+';
                         });
    if (!is_name) {
        return std::nullopt;
    }
    std::ifstream file{"/usr/share/zoneinfo/" + std::string{name}, std::ios::binary};
    std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    if (!file.is_open() || bytes.empty()) {
        return std::nullopt;
    }
    return bytes;
}

}  // namespace kstream::process
