#include "text/kafka_name.hpp"

#include <fmt/format.h>

namespace kstream::text {

std::string kafka_name_problem(std::string_view name, std::size_t max_bytes) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    if (!name.empty() && name.size() <= max_bytes && name != "." && name != ".." &&
        std::ranges::all_of(name, allowed)) {
        return {};
    }
    return fmt::format("is not a name of 1 to {} of a-z A-Z 0-9 . _ -{}", max_bytes,
                       name == "." || name == ".." ? ", which may not be . or .." : "");
}

}  // namespace kstream::text
