#include "kstream/codec/spec_difference.hpp"

#include "kstream/core/aggregates.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <limits>
#include <span>

namespace kstream {

namespace {

// Takes a canonical text apart, from the front; once something is not as it has to be, nothing more
// is taken. parse_canonical_text() compares what came out with the text, so this may be lenient.
class Cursor {
public:
    explicit Cursor(std::string_view text) : left_(text) {}

    bool word(std::string_view expected) {
        if (!left_.starts_with(expected)) {
            return false;
        }
        left_.remove_prefix(expected.size());
        return true;
    }

    template <typename T>
    bool number(T& value) {
        const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), value);
        if (error != std::errc{}) {
            return false;
        }
        left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
        return true;
    }

    // " <bytes>:<text>"
    bool text(std::string& value) {
        std::size_t size = 0;
        if (!word(" ") || !number(size) || !word(":") || size > left_.size()) {
            return false;
        }
        value = left_.substr(0, size);
        left_.remove_prefix(size);
        return true;
    }

private:
    std::string_view left_;
};

bool parse(Cursor at, AggregationSpec& spec) {
    if (!at.word("kstream-job 1\nsource") || !at.text(spec.source_topic) || !at.word("\nscale ") ||
        !at.number(spec.scale)) {
        return false;
    }
    while (at.word("\ngroup")) {
        if (!at.text(spec.group_by.emplace_back())) {
            return false;
        }
    }
    while (at.word("\naggregate ")) {
        AggregateSpec& aggregate = spec.aggregates.emplace_back();
        unsigned kind = 0;
        if (!at.number(kind) || kind > std::numeric_limits<std::uint8_t>::max() ||
            !at.text(aggregate.input_field) || !at.text(aggregate.output_name)) {
            return false;
        }
        aggregate.kind = static_cast<AggregateKind>(kind);
        if (find_aggregate(aggregate.kind) == nullptr) {
            return false;
        }
    }
    return true;
}

// Names of fields are anybody's text, and messages are ASCII.
std::string shown(std::string_view name) {
    return text::ascii(name, 200);
}

// What is given to an option, as a user would write it: the name only where it is not the default.
// Empty: the option alone.
std::string value_of(const AggregateSpec& aggregate, const AggregateRow& row) {
    std::string field = shown(aggregate.input_field);
    if (aggregate.output_name == default_output_name(row, aggregate.input_field)) {
        return field;
    }
    return field + (field.empty() ? "" : "=") + shown(aggregate.output_name);
}

std::string joined(std::span<const std::string> texts) {
    std::string all;
    for (const std::string& text : texts) {
        all += (all.empty() ? "" : ", ") + text;
    }
    return all.empty() ? "not given" : all;
}

std::string values_of(const AggregationSpec& spec, const AggregateRow& row) {
    std::vector<std::string> texts;
    for (const AggregateSpec& aggregate : spec.aggregates) {
        if (aggregate.kind == row.kind) {
            const std::string value = value_of(aggregate, row);
            texts.push_back(value.empty() ? "given" : value);
        }
    }
    return joined(texts);
}

std::string group_of(const AggregationSpec& spec) {
    std::vector<std::string> texts;
    for (const std::string& field : spec.group_by) {
        texts.push_back(shown(field));
    }
    return joined(texts);
}

std::string order_of(const AggregationSpec& spec) {
    std::string text;
    for (const AggregateSpec& aggregate : spec.aggregates) {
        const AggregateRow& row = *find_aggregate(aggregate.kind);
        const std::string value = value_of(aggregate, row);
        const char* const between = row.input == AggregateInput::none ? "=" : " ";
        text += fmt::format("{}--{}{}{}", text.empty() ? "" : " ", row.name,
                            value.empty() ? "" : between, value);
    }
    return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

// Of two statements, whose canonical texts have a line for each of their parts: what only one has.
// A text with a line feed in it makes more lines of a part, which does no harm to people.
void compare_statements(std::string_view stored, std::string_view now,
                        std::vector<std::string>& found) {
    const std::vector<std::string_view> was = lines_of(stored);
    const std::vector<std::string_view> is = lines_of(now);
    const auto only_in = [&found](std::string_view what, const auto& lines, const auto& others) {
        for (const std::string_view line : lines) {
            if (std::ranges::find(others, line) == others.end()) {
                found.push_back(fmt::format("{} {}", what, shown(line)));
            }
        }
    };
    only_in("no longer there is", was, is);
    only_in("new is", is, was);
    if (found.empty()) {
        found.emplace_back("the same parts stand in another order");
    }
}

}  // namespace

std::optional<AggregationSpec> parse_canonical_text(std::string_view text) {
    AggregationSpec spec;
    if (!parse(Cursor{text}, spec) || canonical_text(spec) != text) {
        return std::nullopt;
    }
    return spec;
}

std::vector<std::string> spec_differences(std::string_view stored, std::string_view now) {
    std::vector<std::string> found;
    if (stored == now) {
        return found;
    }
    const auto differ = [&found](std::string_view what, const auto& was, const auto& is) {
        if (was != is) {
            found.push_back(fmt::format("{} was {}, is {}", what, was, is));
        }
    };
    constexpr std::string_view kStatement = "kstream-job 2\nsource";
    if (stored.starts_with(kStatement) && now.starts_with(kStatement)) {
        compare_statements(stored, now, found);
        return found;
    }
    const std::optional<AggregationSpec> was = parse_canonical_text(stored);
    const std::optional<AggregationSpec> is = parse_canonical_text(now);
    if (!was || !is) {
        differ("the job", shown(stored), shown(now));
        return found;
    }
    differ("--topic", shown(was->source_topic), shown(is->source_topic));
    differ("--group-by", group_of(*was), group_of(*is));
    for (const AggregateRow& row : kAggregates) {
        differ(fmt::format("--{}", row.name), values_of(*was, row), values_of(*is, row));
    }
    differ("--scale", was->scale, is->scale);
    if (found.empty()) {
        differ("the order", order_of(*was), order_of(*is));
    }
    return found;
}

}  // namespace kstream
