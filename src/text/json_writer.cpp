#include "text/json_writer.hpp"

#include "text/utf8.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <iterator>

namespace kstream::text {

void append_json_inside(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const CodePoint c = first_code_point(text);
        switch (c.value) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            case kNotUtf8:
                out += "\\ufffd";
                break;
            default:
                if (is_active(c.value)) {
                    fmt::format_to(std::back_inserter(out), "\\u{:04x}",
                                   static_cast<std::uint32_t>(c.value));
                } else {
                    out += text.substr(0, c.bytes);
                }
        }
        text.remove_prefix(c.bytes);
    }
}

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    append_json_inside(out, text);
    out += '"';
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    append_json_text(text_, name);
    text_ += ':';
    named_ = true;
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
    separate();
    append_json_text(text_, text);
    return *this;
}

JsonWriter& JsonWriter::value(double number) {
    return std::isfinite(number) ? raw(fmt::format("{}", number)) : null();
}

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    text_ += json;
    return *this;
}

JsonWriter& JsonWriter::fixed(std::string_view name, double number, int digits) {
    return key(name).raw(fmt::format("{:.{}f}", number, digits));
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    text_ += bracket;
    first_.push_back(true);
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    text_ += bracket;
    first_.pop_back();
    return *this;
}

void JsonWriter::separate() {
    if (named_) {
        named_ = false;
    } else if (!first_.empty()) {
        if (!first_.back()) {
            text_ += ',';
        }
        first_.back() = false;
    }
}

}  // namespace kstream::text
