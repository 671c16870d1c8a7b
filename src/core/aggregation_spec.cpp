// The identity of a job (canonical_text) and what makes a spec usable (problems). Everything stored
// hangs on the text: a change of its form makes every running job a stranger to its own state, so
// it is held by a golden test.
#include "kstream/model/aggregation_spec.hpp"

#include "kstream/core/aggregates.hpp"
#include "kstream/model/decimal.hpp"
#include "text/kafka_name.hpp"
#include "text/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace kstream {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxEntries = 64;  // group-by fields, and aggregates

// "<bytes>:<text>" as in a netstring: no name can look like the end of another.
void append_text(std::string& out, std::string_view text) {
    out += ' ';
    out += std::to_string(text.size());
    out += ':';
    out += text;
}

// The names go into records, metadata and reports: they must be writable there as they are.
void check_name(std::string_view what, std::string_view name, std::vector<std::string>& found) {
    const std::string label{what};
    if (name.empty()) {
        found.push_back(label + " has an empty name");
    } else if (name.size() > kMaxNameBytes) {
        found.push_back(label + " has a name longer than " + std::to_string(kMaxNameBytes) +
                        " bytes");
    } else if (!text::is_utf8(name)) {
        found.push_back(label + " has a name that is not UTF-8");
    } else if (std::ranges::any_of(name, [](char c) {
                   return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
               })) {
        found.push_back(label + " has a control character in its name");
    }
}

void check_topic(std::string_view topic, std::vector<std::string>& found) {
    if (topic.empty()) {
        found.emplace_back("there is no source topic");
    } else if (const std::string problem = text::kafka_name_problem(topic); !problem.empty()) {
        found.push_back("the source topic " + problem);
    }
}

void check_aggregate(const AggregateSpec& aggregate, std::vector<std::string>& found) {
    const std::string label = "aggregate " + text::in_quotes(aggregate.output_name);
    check_name("an aggregate's output", aggregate.output_name, found);
    const AggregateRow* const row = find_aggregate(aggregate.kind);
    if (row == nullptr) {
        found.push_back(label + " is of no known kind");
    } else if (row->input != AggregateInput::none) {
        check_name("the input field of " + label, aggregate.input_field, found);
    } else if (!aggregate.input_field.empty()) {
        found.push_back(label + " takes no input field");
    }
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
            found.push_back("the output field " + text::in_quotes(names[i]) +
                            " occurs more than once");
        }
    }
}

}  // namespace

std::string canonical_text(const AggregationSpec& spec) {
    if (spec.statement) {
        return spec.statement->text;
    }
    std::string text = "kstream-job 1\nsource";
    append_text(text, spec.source_topic);
    if (spec.format != RecordFormat::json) {
        text += "\nformat " + std::to_string(static_cast<unsigned>(spec.format));
    }
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
    if (spec.statement) {
        return found;  // it was checked as what it is
    }
    check_topic(spec.source_topic, found);
    if (spec.format != RecordFormat::json) {
        found.emplace_back("its records are of no known format");
    }
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
