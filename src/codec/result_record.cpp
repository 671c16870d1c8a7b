#include "kstream/codec/result_record.hpp"

#include <array>

namespace kstream {

namespace {

void append_json_value(std::string& out, const GroupValue& value) {
    if (value.type == GroupValueType::string) {
        append_json_string(out, value.text);
    } else {
        out.append(value.text);  // canonical number or boolean: valid JSON as it is
    }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out.push_back('"');
    for (const char c : text) {
        switch (c) {
            case '"':
                out.append("\\\"");
                break;
            case '\\':
                out.append("\\\\");
                break;
            case '\n':
                out.append("\\n");
                break;
            case '\r':
                out.append("\\r");
                break;
            case '\t':
                out.append("\\t");
                break;
            case '\b':
                out.append("\\b");
                break;
            case '\f':
                out.append("\\f");
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    out.append("\\u00");
                    out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
                    out.push_back(kHex[static_cast<unsigned char>(c) & 15U]);
                } else {
                    out.push_back(c);
                }
        }
    }
    out.push_back('"');
}

void append_result_key(std::string& out, std::span<const GroupValue> values) {
    if (values.size() == 1 && values[0].type == GroupValueType::string &&
        !values[0].text.starts_with('[')) {
        out.append(values[0].text);
        return;
    }
    out.push_back('[');
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) {
            out.push_back(',');
        }
        append_json_value(out, values[i]);
    }
    out.push_back(']');
}

void append_result_value(std::string& out, const AggregationSpec& spec,
                         std::span<const GroupValue> values, std::span<const Slot> slots) {
    char separator = '{';
    const auto append_name = [&out, &separator](std::string_view name) {
        out.push_back(separator);
        separator = ',';
        append_json_string(out, name);
        out.push_back(':');
    };
    for (std::size_t i = 0; i < values.size(); ++i) {
        append_name(spec.group_by[i]);
        append_json_value(out, values[i]);
    }
    for (std::size_t i = 0; i < slots.size(); ++i) {
        append_name(spec.aggregates[i].output_name);
        append_finished(out, spec.aggregates[i].kind, slots[i], spec.scale);
    }
    out.push_back('}');
}

}  // namespace kstream
