#include "kstream/codec/result_record.hpp"

#include "kstream/codec/state_key.hpp"
#include "kstream/core/time_text.hpp"
#include "text/json_tokens.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace kstream {

namespace {

void append_json_value(std::string& out, const GroupValue& value) {
    if (value.type == GroupValueType::string) {
        append_json_string(out, value.text);
    } else {
        out.append(value.text);  // canonical number or boolean: valid JSON as it is
    }
}

// Without the closing bracket.
void append_array(std::string& out, const GroupKey& group) {
    out.push_back('[');
    for (std::size_t i = 0; i < group.values.size(); ++i) {
        if (i > 0) {
            out.push_back(',');
        }
        append_json_value(out, group.values[i]);
    }
}

// Splits "[...]" at its commas, loosely: whoever calls writes the values again and compares.
bool read_values(std::string_view text, std::vector<std::pair<GroupValueType, std::string>>& out) {
    if (text.size() < 2 || !text.ends_with(']')) {
        return false;
    }
    text = text.substr(1, text.size() - 2);
    while (!text.empty()) {
        std::size_t size = 0;
        if (text.front() == '"') {
            size = 1;
            while (size < text.size() && text[size] != '"') {
                size += text[size] == '\\' ? 2U : 1U;
            }
            if (size >= text.size()) {
                return false;
            }
            const std::string_view raw = text.substr(1, size - 1);
            if (json::check_escapes(raw) != json::Escapes::fine) {
                return false;
            }
            out.emplace_back(GroupValueType::string, std::string());
            json::append_unescaped(out.back().second, raw);
            ++size;
        } else {
            size = std::min(text.find(','), text.size());
            const std::string_view token = text.substr(0, size);
            const bool is_boolean = token == "true" || token == "false";
            if (token.empty() || (!is_boolean && json::number_size(token) != token.size())) {
                return false;
            }
            out.emplace_back(is_boolean ? GroupValueType::boolean : GroupValueType::number, token);
        }
        text.remove_prefix(size);
        if (!text.empty()) {
            if (text.front() != ',' || text.size() == 1) {
                return false;
            }
            text.remove_prefix(1);
        }
    }
    return true;
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

void append_partition_key(std::string& out, const GroupKey& group) {
    const std::span values{group.values};
    if (values.size() == 1 && values[0].type == GroupValueType::string &&
        !values[0].text.starts_with('[')) {
        out.append(values[0].text);
        return;
    }
    append_array(out, group);
    out.push_back(']');
}

void append_result_key(std::string& out, const GroupKey& group) {
    if (!group.window_start) {
        append_partition_key(out, group);
        return;
    }
    append_array(out, group);
    out += group.values.empty() ? "\"" : ",\"";
    append_timestamp(out, *group.window_start);
    out += "\"]";
}

std::optional<std::string> state_key_of(std::string_view result_key, const KeyShape& shape) {
    std::vector<std::pair<GroupValueType, std::string>> found;
    if (!result_key.starts_with('[')) {
        found.emplace_back(GroupValueType::string, result_key);
    } else if (!read_values(result_key, found)) {
        return std::nullopt;
    }
    GroupKey group;
    if (shape.windows) {
        if (found.empty()) {
            return std::nullopt;
        }
        group.window_start = read_timestamp(found.back().second);
        group.is_session = shape.sessions;
        found.pop_back();
    }
    for (const auto& [type, text] : found) {
        group.values.push_back({type, text});
    }
    std::string again;
    append_result_key(again, group);
    // Every other way to write the same values would be a second name of the same group.
    if (found.size() != shape.fields || group.window_start.has_value() != shape.windows ||
        again != result_key) {
        return std::nullopt;
    }
    std::string key;
    encode_state_key(group, key);
    return key;
}

std::optional<std::string> partition_key_of(std::string_view result_key, const KeyShape& shape) {
    if (!shape.windows) {
        return std::string{result_key};
    }
    const std::optional<std::string> state_key = state_key_of(result_key, shape);
    GroupKey group;
    if (!state_key || !decode_state_key(*state_key, shape, group)) {
        return std::nullopt;
    }
    std::string key;
    append_partition_key(key, group);
    return key;
}

void append_result_value(std::string& out, const AggregationSpec& spec, const GroupKey& group,
                         std::span<const Slot> slots) {
    char separator = '{';
    const auto append_name = [&out, &separator](std::string_view name) {
        out.push_back(separator);
        separator = ',';
        append_json_string(out, name);
        out.push_back(':');
    };
    for (std::size_t i = 0; i < group.values.size(); ++i) {
        append_name(spec.group_by[i]);
        append_json_value(out, group.values[i]);
    }
    for (std::size_t i = 0; i < slots.size(); ++i) {
        append_name(spec.aggregates[i].output_name);
        append_finished(out, spec.aggregates[i].kind, slots[i], spec.scale);
    }
    out.push_back('}');
}

}  // namespace kstream
