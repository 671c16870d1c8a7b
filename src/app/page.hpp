// A report for people: titles, and lines below them.
#pragma once

#include "text/utf8.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::app {

struct Page {
    void title(std::string_view words) { fmt::format_to(end(), "\n{}:\n", words); }
    template <typename... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        text += "  ";
        fmt::format_to(end(), format, std::forward<Args>(args)...);
        text += '\n';
    }

    std::string text;

private:
    std::back_insert_iterator<std::string> end() { return std::back_inserter(text); }
};

// What comes from outside, as a person may see it.
[[nodiscard]] inline std::string shown(std::string_view text) {
    std::string out;
    text::append_shown(out, text);
    return out;
}

}  // namespace kstream::app
