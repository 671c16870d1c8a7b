// Source record -> the values of a job's fields, or the reason why not. First stop of the map loop
// and its most expensive one: the contract (docs/RECORDS.md) is checked on all of every record.
// The walk finds the values; here they become what the job asks for, in the order of its spec.
#include "kstream/check.hpp"
#include "kstream/reader/record_reader.hpp"
#include "reader/json/record_walk.hpp"
#include "reader/json/text_problem.hpp"
#include "text/json_tokens.hpp"

#include <algorithm>
#include <optional>

namespace kstream {
namespace {

BadReason reason_of(DecimalError error) {
    KSTREAM_CHECK(error == DecimalError::scale || error == DecimalError::range,
                  "the walk lets no bad number through");
    return error == DecimalError::scale ? BadReason::scale : BadReason::range;
}

DecodeVerdict bad(BadReason reason, std::size_t field) {
    return {false, reason, static_cast<std::int32_t>(field)};
}

}  // namespace

struct RecordDecoder::Impl {
    explicit Impl(const AggregationSpec& spec);

    DecodeVerdict decode(std::string_view value);
    // Good when the outputs are filled.
    DecodeVerdict fill_outputs();
    std::optional<BadReason> fill_group(std::size_t i);
    [[nodiscard]] std::optional<int> scale_needed() const;

    int scale;
    RecordWalk walk;
    std::vector<std::size_t> group_fields;  // the walk's numbers, one per spec.group_by
    std::vector<std::optional<std::size_t>> input_fields;  // one per spec.aggregates

    std::vector<GroupValue> groups;
    std::vector<std::string> group_texts;  // of groups that cannot point into the record
    std::vector<Decimal> inputs;
};

RecordDecoder::Impl::Impl(const AggregationSpec& spec)
    : scale(spec.scale),
      walk(spec.scale),
      groups(spec.group_by.size()),
      group_texts(spec.group_by.size()),
      inputs(spec.aggregates.size()) {
    for (const std::string& field : spec.group_by) {
        group_fields.push_back(walk.want(field));
    }
    for (const AggregateSpec& aggregate : spec.aggregates) {
        input_fields.push_back(aggregate.input_field.empty()
                                   ? std::nullopt
                                   : std::optional{walk.want(aggregate.input_field)});
    }
}

DecodeVerdict RecordDecoder::Impl::decode(std::string_view value) {
    if (!walk.run(value)) [[unlikely]] {
        const auto problem = json::text_problem(value);
        if (problem) {
            return {.ok = false, .reason = *problem};
        }
        // A good text that the walk does not take is a value that is no object.
        const std::size_t first = value.find_first_not_of(" \t\r\n");
        KSTREAM_CHECK(value[first] != '{', "walk and grammar agree");
        return {.ok = false, .reason = BadReason::not_object};
    }
    if (walk.has_duplicate()) {
        return bad(BadReason::duplicate_field, walk.first_duplicate());
    }
    if (!walk.has_all()) {
        return bad(BadReason::missing_field, walk.first_missing());
    }
    return fill_outputs();
}

DecodeVerdict RecordDecoder::Impl::fill_outputs() {
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const auto problem = fill_group(i);
        if (problem) {
            return bad(*problem, group_fields[i]);
        }
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (!input_fields[i]) {
            continue;
        }
        const FieldValue& field = walk.field(*input_fields[i]);
        if (field.kind != ValueKind::number) {
            return bad(BadReason::number_type, *input_fields[i]);
        }
        if (field.error != DecimalError::none) {
            return bad(reason_of(field.error), *input_fields[i]);
        }
        inputs[i] = field.number;
    }
    return {};
}

// Off the hot path: by trying. The fields of a record that was bad for its scale are all there,
// and the walk has kept their tokens.
std::optional<int> RecordDecoder::Impl::scale_needed() const {
    const auto good_at = [this](int tried, const FieldValue& field) {
        Decimal ignored;
        return field.kind == ValueKind::number &&
               parse_decimal(field.raw, tried, ignored) == DecimalError::none;
    };
    for (int tried = scale + 1; tried <= kMaxScale; ++tried) {
        const bool groups_good = std::ranges::all_of(group_fields, [&](std::size_t number) {
            const FieldValue& field = walk.field(number);
            return field.kind == ValueKind::number   ? good_at(tried, field)
                   : field.kind == ValueKind::string ? field.raw.size() <= kMaxGroupValueBytes
                                                     : field.kind == ValueKind::boolean;
        });
        const bool inputs_good = std::ranges::all_of(input_fields, [&](const auto& number) {
            return !number || good_at(tried, walk.field(*number));
        });
        if (groups_good && inputs_good) {
            return tried;
        }
    }
    return std::nullopt;
}

std::optional<BadReason> RecordDecoder::Impl::fill_group(std::size_t i) {
    const FieldValue& field = walk.field(group_fields[i]);
    std::string& text = group_texts[i];
    switch (field.kind) {
        case ValueKind::other:
            return BadReason::group_type;
        case ValueKind::boolean:
            groups[i] = {GroupValueType::boolean, field.raw};
            break;
        case ValueKind::number:
            if (field.error != DecimalError::none) {
                return reason_of(field.error);
            }
            text.clear();
            append_decimal(text, field.number, scale, 0);
            groups[i] = {GroupValueType::number, text};
            break;
        case ValueKind::string:
            groups[i] = {GroupValueType::string, field.raw};
            if (field.raw.size() > json::kMaxEscapeFactor * kMaxGroupValueBytes) {
                return BadReason::group_size;
            }
            if (field.escaped) {
                text.clear();
                json::append_unescaped(text, field.raw);
                groups[i].text = text;
            }
            if (groups[i].text.size() > kMaxGroupValueBytes) {
                return BadReason::group_size;
            }
            break;
    }
    return std::nullopt;
}

RecordDecoder::RecordDecoder(const AggregationSpec& spec) : impl_(std::make_unique<Impl>(spec)) {}
RecordDecoder::~RecordDecoder() = default;
RecordDecoder::RecordDecoder(RecordDecoder&&) noexcept = default;
RecordDecoder& RecordDecoder::operator=(RecordDecoder&&) noexcept = default;

DecodeVerdict RecordDecoder::decode(std::string_view value) {
    return impl_->decode(value);
}

std::span<const GroupValue> RecordDecoder::group_values() const {
    return impl_->groups;
}
std::span<const Decimal> RecordDecoder::inputs() const {
    return impl_->inputs;
}

std::string_view RecordDecoder::field_name(const DecodeVerdict& verdict) const {
    return verdict.field == DecodeVerdict::kNoField
               ? std::string_view{}
               : impl_->walk.name(static_cast<std::size_t>(verdict.field));
}

std::optional<int> RecordDecoder::scale_needed() const {
    return impl_->scale_needed();
}

}  // namespace kstream
