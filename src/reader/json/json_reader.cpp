// First stop of the map loop and its most expensive one: the contract (docs/RECORDS.md) is checked
// on all of every record.
#include "reader/json/json_reader.hpp"

#include "kstream/check.hpp"
#include "reader/json/looks_like.hpp"
#include "reader/json/text_problem.hpp"
#include "text/json_tokens.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace kstream {
namespace {

constexpr std::string_view kOneName =
    "the name is looked for as it stands: fields within other objects are not read by this form "
    "of a job";

BadReason reason_of(DecimalError error) {
    KSTREAM_CHECK(error == DecimalError::scale || error == DecimalError::range,
                  "the walk lets no bad number through");
    return error == DecimalError::scale ? BadReason::scale : BadReason::range;
}

RecordVerdict bad(BadReason reason, std::size_t field) {
    return {.ok = false, .reason = reason, .field = static_cast<std::int32_t>(field)};
}

}  // namespace

JsonReader::JsonReader(const AggregationSpec& spec)
    : RecordReader(spec), scale_(spec.scale), group_texts_(spec.group_by.size()) {
    for (const std::string& field : spec.group_by) {
        group_fields_.push_back(want(field));
    }
    for (const AggregateSpec& aggregate : spec.aggregates) {
        input_fields_.push_back(aggregate.input_field.empty()
                                    ? std::nullopt
                                    : std::optional{want(aggregate.input_field)});
    }
}

std::size_t JsonReader::want(const std::string& name) {
    const std::array<job::PathStep, 1> path{{{.name = name, .index = {}}}};
    const std::size_t number = walk_.want(path);
    if (number == names_.size()) {
        names_.push_back(name);
    }
    return number;
}

inline const FieldValue& JsonReader::field(std::size_t number) const {
    return walk_.fields()[number];
}

RecordVerdict JsonReader::read(const RecordView& record) {
    if (!walk_.run(record.value())) [[unlikely]] {
        return {.ok = false, .reason = json::why_not_an_object(record.value())};
    }
    const RecordVerdict verdict = fill();
    return verdict.ok ? verdict : first_problem(verdict);
}

// A field that is there twice, or not at all, comes before what is wrong with a value.
RecordVerdict JsonReader::first_problem(const RecordVerdict& of_a_value) const {
    for (const auto& [kind, reason] : {std::pair{FieldKind::repeated, BadReason::duplicate_field},
                                       std::pair{FieldKind::absent, BadReason::missing_field}}) {
        const auto at = std::ranges::find(walk_.fields(), kind, &FieldValue::kind);
        if (at != walk_.fields().end()) {
            return bad(reason, static_cast<std::size_t>(at - walk_.fields().begin()));
        }
    }
    return of_a_value;
}

RecordVerdict JsonReader::fill() {
    const FieldValue* const fields = walk_.fields().data();
    for (std::size_t i = 0; i < group_.values.size(); ++i) {
        const auto problem = fill_group(i, fields[group_fields_[i]]);
        if (problem) {
            return bad(*problem, group_fields_[i]);
        }
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        if (!input_fields_[i]) {
            continue;
        }
        const FieldValue& input = fields[*input_fields_[i]];
        if (input.kind != FieldKind::number) {
            return bad(BadReason::number_type, *input_fields_[i]);
        }
        const DecimalError error = parse_decimal(input.raw, scale_, inputs_[i]);
        if (error != DecimalError::none) {
            return bad(reason_of(error), *input_fields_[i]);
        }
    }
    return {};
}

// Off the hot path: by trying. The fields of a record that was bad for its scale are all there,
// and the walk has kept their tokens.
std::optional<int> JsonReader::scale_needed() const {
    const auto good_at = [](int tried, const FieldValue& field) {
        Decimal ignored;
        return field.kind == FieldKind::number &&
               parse_decimal(field.raw, tried, ignored) == DecimalError::none;
    };
    for (int tried = scale_ + 1; tried <= kMaxScale; ++tried) {
        const bool groups_good = std::ranges::all_of(group_fields_, [&](std::size_t number) {
            const FieldValue& group = field(number);
            return group.kind == FieldKind::number   ? good_at(tried, group)
                   : group.kind == FieldKind::string ? group.raw.size() <= kMaxGroupValueBytes
                                                     : group.kind == FieldKind::boolean;
        });
        const bool inputs_good = std::ranges::all_of(input_fields_, [&](const auto& number) {
            return !number || good_at(tried, field(*number));
        });
        if (groups_good && inputs_good) {
            return tried;
        }
    }
    return std::nullopt;
}

std::optional<BadReason> JsonReader::fill_group(std::size_t i, const FieldValue& value) {
    std::string& text = group_texts_[i];
    switch (value.kind) {
        case FieldKind::boolean:
            group_.values[i] = {GroupValueType::boolean, value.raw};
            break;
        case FieldKind::number: {
            Decimal number;
            const DecimalError error = parse_decimal(value.raw, scale_, number);
            if (error != DecimalError::none) {
                return reason_of(error);
            }
            text.clear();
            append_decimal(text, number, scale_, 0);
            group_.values[i] = {GroupValueType::number, text};
            break;
        }
        case FieldKind::string:
            group_.values[i] = {GroupValueType::string, value.raw};
            if (value.raw.size() > json::kMaxEscapeFactor * kMaxGroupValueBytes) {
                return BadReason::group_size;
            }
            if (value.escaped) {
                text.clear();
                json::append_unescaped(text, value.raw);
                group_.values[i].text = text;
            }
            if (group_.values[i].text.size() > kMaxGroupValueBytes) {
                return BadReason::group_size;
            }
            break;
        default:
            return BadReason::group_type;
    }
    return std::nullopt;
}

std::string_view JsonReader::field_name(const RecordVerdict& verdict) const {
    return verdict.field == RecordVerdict::kNoField
               ? std::string_view{}
               : names_[static_cast<std::size_t>(verdict.field)];
}

std::string JsonReader::hint(const RecordVerdict& verdict, std::string_view value) const {
    switch (verdict.reason) {
        case BadReason::json:
        case BadReason::encoding:
            return hint_of_text(value);
        case BadReason::missing_field:
            return field_name(verdict).contains('.') ? std::string{kOneName} : std::string{};
        default:
            return {};
    }
}

}  // namespace kstream
