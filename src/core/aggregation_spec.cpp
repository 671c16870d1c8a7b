// The identity of a job (canonical_text) and what makes a spec usable (problems). Everything stored
// hangs on the text: a change of its form makes every running job a stranger to its own state, so
// it is held by a golden test.
#include "kstream/model/aggregation_spec.hpp"

#include "kstream/model/decimal.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace kstream {
namespace {

constexpr std::size_t kMaxTopicBytes = 249;  // Kafka's own limit
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxEntries = 64;  // group-by fields, and aggregates

// "<bytes>:<text>" as in a netstring: no name can look like the end of another.
void append_text(std::string& out, std::string_view text) {
    out += ' ';
    out += std::to_string(text.size());
    out += ':';
    out += text;
}

// How many bytes the well-formed UTF-8 sequence at the front takes, 0 when there is none
// (The Unicode Standard, table 3-7).
std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto within = [&](std::size_t i, unsigned low, unsigned high) {
        return byte(i) >= low && byte(i) <= high;
    };
    const unsigned lead = byte(0);
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return within(1, 0x80, 0xbf) ? 2 : 0;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;
        const unsigned high = lead == 0xed ? 0x9f : 0xbf;
        return within(1, low, high) && within(2, 0x80, 0xbf) ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
        const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;
        return within(1, low, high) && within(2, 0x80, 0xbf) && within(3, 0x80, 0xbf) ? 4 : 0;
    }
    return 0;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = utf8_sequence(text);
        if (size == 0) {
            return false;
        }
        text.remove_prefix(size);
    }
    return true;
}

// In messages: ASCII whatever the name is.
std::string quoted(std::string_view name) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string text = "'";
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            text += c;
        } else {
            text += "\\x";
            text += kHex[byte >> 4];
            text += kHex[byte & 15];
        }
    }
    return text + "'";
}

// The names go into records, metadata and reports: they must be writable there as they are.
void check_name(std::string_view what, std::string_view name, std::vector<std::string>& found) {
    const std::string label{what};
    if (name.empty()) {
        found.push_back(label + " has an empty name");
    } else if (name.size() > kMaxNameBytes) {
        found.push_back(label + " has a name longer than " + std::to_string(kMaxNameBytes) +
                        " bytes");
    } else if (!is_utf8(name)) {
        found.push_back(label + " has a name that is not UTF-8");
    } else if (std::ranges::any_of(name, [](char c) {
                   return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
               })) {
        found.push_back(label + " has a control character in its name");
    }
}

void check_topic(std::string_view topic, std::vector<std::string>& found) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    if (topic.empty()) {
        found.emplace_back("there is no source topic");
    } else if (topic.size() > kMaxTopicBytes || topic == "." || topic == ".." ||
               !std::ranges::all_of(topic, allowed)) {
        found.emplace_back(
            "the source topic is not a Kafka topic name "
            "(1 to 249 of a-z A-Z 0-9 . _ -, not . or ..)");
    }
}

void check_aggregate(const AggregateSpec& aggregate, std::vector<std::string>& found) {
    const std::string label = "aggregate " + quoted(aggregate.output_name);
    check_name("an aggregate's output", aggregate.output_name, found);
    switch (aggregate.kind) {
        case AggregateKind::count:
            if (!aggregate.input_field.empty()) {
                found.push_back(label + " counts records and takes no input field");
            }
            return;
        case AggregateKind::sum:
            check_name("the input field of " + label, aggregate.input_field, found);
            return;
    }
    found.push_back(label + " is of no known kind");
}

// Group-by fields and aggregates stand side by side in one output object.
void check_output_names(const AggregationSpec& spec, std::vector<std::string>& found) {
    std::vector<std::string_view> names(spec.group_by.begin(), spec.group_by.end());
    for (const AggregateSpec& aggregate : spec.aggregates) {
        names.push_back(aggregate.output_name);
    }
    std::ranges::sort(names);
    for (std::size_t i = 1; i < names.size(); ++i) {
        const bool first_of_its_kind = i == 1 || names[i - 2] != names[i];
        if (names[i] == names[i - 1] && first_of_its_kind) {
            found.push_back("the output field " + quoted(names[i]) + " occurs more than once");
        }
    }
}

}  // namespace

std::string canonical_text(const AggregationSpec& spec) {
    std::string text = "kstream-job 1\nsource";
    append_text(text, spec.source_topic);
    text += "\nscale " + std::to_string(spec.scale);
    for (const std::string& field : spec.group_by) {
        text += "\ngroup";
        append_text(text, field);
    }
    for (const AggregateSpec& aggregate : spec.aggregates) {
        text += "\naggregate " + std::to_string(static_cast<unsigned>(aggregate.kind));
        append_text(text, aggregate.input_field);
        append_text(text, aggregate.output_name);
    }
    text += '\n';
    return text;
}

std::vector<std::string> problems(const AggregationSpec& spec) {
    std::vector<std::string> found;
    check_topic(spec.source_topic, found);
    if (spec.group_by.empty()) {
        found.emplace_back("there is no group-by field");
    }
    if (spec.aggregates.empty()) {
        found.emplace_back("there is no aggregate");
    }
    if (spec.group_by.size() > kMaxEntries || spec.aggregates.size() > kMaxEntries) {
        found.push_back("there are more than " + std::to_string(kMaxEntries) +
                        " group-by fields or aggregates");
    }
    for (const std::string& field : spec.group_by) {
        check_name("a group-by field", field, found);
    }
    for (const AggregateSpec& aggregate : spec.aggregates) {
        check_aggregate(aggregate, found);
    }
    check_output_names(spec, found);
    if (spec.scale < 0 || spec.scale > kMaxScale) {
        found.push_back("the scale is " + std::to_string(spec.scale) + ", not 0 to " +
                        std::to_string(kMaxScale));
    }
    return found;
}

}  // namespace kstream
