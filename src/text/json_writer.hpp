// JSON as text, piece by piece. Whatever is put in, what comes out is well formed: texts are
// escaped and mended to UTF-8, numbers that JSON does not have become null.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::text {

// Appends `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD; what acts
// on a terminal is escaped, so that JSON can be read where it is printed.
//
// Not for stored records: kstream/codec/result_record.hpp has the escapes that those are held to.
void append_json_text(std::string& out, std::string_view text);
// The same without the quotes.
void append_json_inside(std::string& out, std::string_view text);

class JsonWriter {
public:
    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }

    // The name of the next value; precondition: in an object.
    JsonWriter& key(std::string_view name);

    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
    JsonWriter& value(double number);  // infinities and NaN: null
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    JsonWriter& value(T number) {
        return raw(std::to_string(number));
    }
    template <typename T>
    JsonWriter& value(const std::optional<T>& maybe) {
        return maybe ? value(*maybe) : null();
    }
    JsonWriter& null() { return raw("null"); }
    // A value that is JSON already.
    JsonWriter& raw(std::string_view json);
    // A number with this many digits after the point.
    JsonWriter& fixed(std::string_view name, double number, int digits);

    // An array with `write(item)` for each of its values.
    template <typename Range, typename Write>
    JsonWriter& array(std::string_view name, const Range& range, Write write) {
        key(name).begin_array();
        for (const auto& item : range) {
            write(item);
        }
        return end_array();
    }

    template <typename Range>
    JsonWriter& array(std::string_view name, const Range& values) {
        return array(name, values, [this](const auto& one) { value(one); });
    }

    template <typename T>
    JsonWriter& field(std::string_view name, const T& content) {
        return key(name).value(content);
    }

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();

    std::string text_;
    std::vector<bool> first_;  // of each open bracket: nothing stands in it yet
    bool named_ = false;       // a name stands, its value comes next
};

}  // namespace kstream::text
