#include "reader/statement_plan.hpp"

#include "kstream/check.hpp"
#include "kstream/core/stable_hash.hpp"
#include "kstream/core/time_text.hpp"
#include "kstream/job/plan.hpp"
#include "kstream/model/decimal.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace kstream {
namespace {

using expr::Tag;
using expr::Value;

RecordVerdict bad(BadReason reason, std::uint32_t node) {
    return {.ok = false, .reason = reason, .field = static_cast<std::int32_t>(node)};
}

// Of a value that an error or something missing stands for.
RecordVerdict bad(const Value& value) {
    return bad(value.tag == Tag::error ? value.reason : BadReason::missing_field, value.node);
}

constexpr RecordVerdict kOk;
constexpr RecordVerdict kFiltered{.ok = false, .filtered = true};

// The number at a place, in units of 10^-scale; false where it takes more to say what there is.
bool read_units(const expr::Leaves& leaves, std::uint32_t place, int scale, Int128& units) {
    const FieldValue& value = leaves.values[place];
    return value.kind == FieldKind::number && expr::read_short_units(value.raw, scale, units);
}

// Whether the number's text is the one that it has in a key, as ids have it: its digits and nothing
// else, few enough to be in range.
bool is_whole_number(std::string_view raw, int scale) {
    constexpr std::size_t kSafeDigits = 38;  // 10^38 < 2^127
    return raw.size() + static_cast<std::size_t>(scale) <= kSafeDigits &&
           (raw.front() != '0' || raw.size() == 1) &&
           std::ranges::all_of(raw, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<StatementPlan> StatementPlan::compile(const job::Statement& statement,
                                             const expr::ZoneFiles& zones) {
    StatementPlan plan;
    plan.program = std::make_unique<expr::Program>(statement.fields);
    plan.scale = statement.scale;
    std::optional<Error> error;
    const auto add = [&](const job::Expression& expression) {
        Result<std::uint32_t> node = plan.program->add(expression, zones);
        if (!node && !error) {
            error = std::move(node.error());
        }
        return node.value_or(0);
    };
    // Where the node is a field of that type, or of any.
    const auto field_at = [&](std::uint32_t node, job::ValueType type) {
        if (error) {
            return std::optional<std::uint32_t>{};
        }
        const job::ValueType of = plan.program->nodes()[node].type;
        return of == type || of == job::ValueType::scalar ? plan.program->place_of(node)
                                                          : std::nullopt;
    };
    if (statement.event_time) {
        const job::EventTime& event = *statement.event_time;
        plan.timing = Timing{.time = add(event.time),
                             .number_at = {},
                             .max_ahead = event.max_ahead,
                             .unique_by = {}};
        if (!error) {
            plan.timing->number_at = plan.program->time_field_of(plan.timing->time);
        }
        if (event.unique_by) {
            plan.timing->unique_by = add(*event.unique_by);
        }
    }
    if (statement.where) {
        plan.where = add(*statement.where);
    }
    for (const job::GroupColumn& column : statement.group_by) {
        const std::uint32_t node = add(column.value);
        plan.keys.push_back({.value = node,
                             .text_at = field_at(node, job::ValueType::text),
                             .number_at = field_at(node, job::ValueType::numeric)});
    }
    const std::vector<job::Input> inputs = job::plan_of(statement).inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const job::Input& input = inputs[i];
        Input planned;
        planned.strict = input.strict;
        if (input.filter) {
            const auto same = std::ranges::find_if(inputs, [&input](const job::Input& other) {
                return other.filter && job::same(*other.filter, *input.filter);
            });
            planned.filter_of = static_cast<std::uint32_t>(same - inputs.begin());
            if (*planned.filter_of == i) {
                planned.filter = add(*input.filter);
            }
        }
        if (input.value) {
            planned.value = add(*input.value);
            planned.number_at = field_at(*planned.value, job::ValueType::numeric);
            planned.is_time =
                statement.event_time && job::same(*input.value, statement.event_time->time);
        }
        plan.inputs.push_back(planned);
    }
    if (error) {
        return std::unexpected(*std::move(error));
    }
    return plan;
}

std::string_view StatementPlan::field_name(const RecordVerdict& verdict) const {
    if (verdict.field == RecordVerdict::kNoField) {
        return {};
    }
    const expr::Node& node = program->nodes()[static_cast<std::size_t>(verdict.field)];
    return node.op == job::Op::field ? std::string_view{program->fields()[node.index].spelling}
                                     : std::string_view{};
}

std::optional<job::Place> StatementPlan::place(const RecordVerdict& verdict) const {
    if (verdict.field == RecordVerdict::kNoField) {
        return std::nullopt;
    }
    return program->nodes()[static_cast<std::size_t>(verdict.field)].place;
}

StatementJudge::StatementJudge(const StatementPlan& plan)
    : plan_(plan),
      evaluator_(*plan.program),
      key_texts_(plan.keys.size()),
      passes_(plan.inputs.size()) {}

// Of the time first, so that a record which WHERE leaves out, or which has a bad key, moves the
// clock of its partition all the same.
template <bool kEventTime>
RecordVerdict StatementJudge::judge(const expr::Leaves& leaves, GroupKey& group,
                                    std::span<StatementInput> inputs) {
    evaluator_.begin(leaves);
    if constexpr (kEventTime) {
        event_time_.reset();
        if (const RecordVerdict verdict = time(leaves); !verdict.ok) {
            return verdict;
        }
    }
    if (plan_.where) {
        const Value& passes = evaluator_.value(*plan_.where);
        if (!passes.is_true()) {
            return passes.tag == Tag::error ? bad(passes) : kFiltered;
        }
    }
    for (std::size_t i = 0; i < plan_.keys.size(); ++i) {
        if (const RecordVerdict verdict = key(leaves, i, group.values[i]); !verdict.ok) {
            return verdict;
        }
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (const RecordVerdict verdict = input(leaves, i, inputs[i]); !verdict.ok) {
            return verdict;
        }
    }
    if constexpr (kEventTime) {
        if (plan_.timing->unique_by) {
            return unique_value(*plan_.timing->unique_by);
        }
    }
    return kOk;
}

template RecordVerdict StatementJudge::judge<false>(const expr::Leaves&, GroupKey&,
                                                    std::span<StatementInput>);
template RecordVerdict StatementJudge::judge<true>(const expr::Leaves&, GroupKey&,
                                                   std::span<StatementInput>);

RecordVerdict StatementJudge::time(const expr::Leaves& leaves) {
    const StatementPlan::Timing& timing = *plan_.timing;
    Int128 ms = 0;
    if (timing.number_at &&
        read_units(leaves, timing.number_at->place, timing.number_at->scale, ms) &&
        ms >= expr::kMinTime && ms <= expr::kMaxTime) [[likely]] {
        return accept_time(static_cast<std::int64_t>(ms), leaves.record->timestamp_ms);
    }
    const Value& value = evaluator_.value(timing.time);
    switch (value.tag) {
        case Tag::missing:
        case Tag::error:
            return bad(value);
        case Tag::null:
            return bad(BadReason::time_null, timing.time);
        default:
            KSTREAM_CHECK(value.tag == Tag::timestamp, "the time of a record is one");
    }
    return accept_time(value.milliseconds, leaves.record->timestamp_ms);
}

// A record without a timestamp could be of any time.
RecordVerdict StatementJudge::accept_time(std::int64_t ms, std::int64_t kafka_timestamp_ms) {
    const StatementPlan::Timing& timing = *plan_.timing;
    if (timing.max_ahead &&
        (kafka_timestamp_ms < 0 || ms - kafka_timestamp_ms > *timing.max_ahead)) {
        return bad(BadReason::time_future, timing.time);
    }
    event_time_ = ms;
    return kOk;
}

RecordVerdict StatementJudge::unique_value(std::uint32_t unique_by) {
    const Value& value = evaluator_.value(unique_by);
    if (value.tag == Tag::missing || value.tag == Tag::error) {
        return bad(value);
    }
    if (value.tag == Tag::null) {
        return bad(BadReason::unique_null, unique_by);
    }
    unique_id_ = id_of(value);
    return kOk;
}

// Of its type and its shortest text: 1 and 1.0 are one number, "1" is another value.
UInt128 StatementJudge::id_of(const Value& value) {
    switch (value.tag) {
        case Tag::text:
            unique_text_ = 's';
            unique_text_ += value.text;
            break;
        case Tag::numeric:
            unique_arena_.reset();
            unique_text_ = 'n';
            unique_text_ += expr::to_text(value.number, unique_arena_);
            break;
        default:
            KSTREAM_CHECK(value.tag == Tag::boolean,
                          "unique_by takes a text, a number or a scalar");
            unique_text_ = value.truth ? "bt" : "bf";
    }
    return stable_hash(unique_text_);
}

RecordVerdict StatementJudge::key(const expr::Leaves& leaves, std::size_t number, GroupValue& out) {
    const auto [node, text_at, number_at] = plan_.keys[number];
    if (text_at) {
        const FieldValue& found = leaves.values[*text_at];
        if (found.kind == FieldKind::string && found.raw.size() <= kMaxGroupValueBytes) [[likely]] {
            out = {GroupValueType::string, found.raw};
            return kOk;
        }
    }
    if (number_at) {
        const FieldValue& found = leaves.values[*number_at];
        if (found.kind == FieldKind::number && is_whole_number(found.raw, plan_.scale)) {
            out = {GroupValueType::number, found.raw};
            return kOk;
        }
    }
    const Value& value = evaluator_.value(node);
    std::string& text = key_texts_[number];
    switch (value.tag) {
        case Tag::missing:
        case Tag::error:
            return bad(value);
        case Tag::null:
            return bad(BadReason::group_null, node);
        case Tag::text:
            if (value.text.size() > kMaxGroupValueBytes) {
                return bad(BadReason::group_size, node);
            }
            out = {GroupValueType::string, value.text};
            return kOk;
        case Tag::boolean:
            out = {GroupValueType::boolean, value.truth ? "true" : "false"};
            return kOk;
        case Tag::numeric: {
            Decimal units;
            const DecimalError error = expr::to_units(value.number, plan_.scale, units.units);
            if (error != DecimalError::none) {
                return bad(error == DecimalError::scale ? BadReason::scale : BadReason::range,
                           node);
            }
            text.clear();
            append_decimal(text, units, plan_.scale, 0);
            out = {GroupValueType::number, text};
            return kOk;
        }
        case Tag::timestamp:
            text.clear();
            append_timestamp(text, value.milliseconds);
            out = {GroupValueType::string, text};
            return kOk;
        case Tag::local:
            break;
    }
    KSTREAM_CHECK(false, "a local time is no key");
    return kOk;
}

// A filter is asked once for each record, by the first of its inputs: a report by classes has the
// same few of them again and again.
RecordVerdict StatementJudge::input(const expr::Leaves& leaves, std::size_t number,
                                    StatementInput& out) {
    const StatementPlan::Input& input = plan_.inputs[number];
    out = {};
    if (input.filter) {
        const Value& passes = evaluator_.value(*input.filter);
        if (passes.tag == Tag::error) {
            return bad(passes);
        }
        passes_[number] = passes.is_true() ? 1 : 0;
    }
    if (input.filter_of && passes_[*input.filter_of] == 0) {
        return kOk;
    }
    if (!input.value) {
        out.kind = StatementInput::Kind::present;
        return kOk;
    }
    if (!input.strict) {
        const Value is_null = evaluator_.null_test(*input.value);
        if (is_null.tag == Tag::error) {
            return bad(is_null);
        }
        out.kind = is_null.truth ? StatementInput::Kind::skip : StatementInput::Kind::present;
        return kOk;
    }
    if (input.is_time) {
        out.kind = StatementInput::Kind::timestamp;
        out.units = *event_time_;
        return kOk;
    }
    if (input.number_at && read_units(leaves, *input.number_at, plan_.scale, out.units))
        [[likely]] {
        out.kind = StatementInput::Kind::number;
        return kOk;
    }
    const Value& value = evaluator_.value(*input.value);
    switch (value.tag) {
        case Tag::missing:
        case Tag::error:
            return bad(value);
        case Tag::null:
            return kOk;
        case Tag::numeric: {
            out.kind = StatementInput::Kind::number;
            const DecimalError error = expr::to_units(value.number, plan_.scale, out.units);
            if (error != DecimalError::none) [[unlikely]] {
                return bad(error == DecimalError::scale ? BadReason::scale : BadReason::range,
                           *input.value);
            }
            return kOk;
        }
        case Tag::text:
            if (value.text.size() > kMaxTextBytes) {
                return bad(BadReason::text_size, *input.value);
            }
            out.kind = StatementInput::Kind::text;
            out.text = value.text;
            return kOk;
        case Tag::boolean:
            out.kind = StatementInput::Kind::boolean;
            out.units = value.truth ? 1 : 0;
            return kOk;
        case Tag::timestamp:
            out.kind = StatementInput::Kind::timestamp;
            out.units = value.milliseconds;
            return kOk;
        case Tag::local:
            break;
    }
    KSTREAM_CHECK(false, "a local time is no input");
    return kOk;
}

}  // namespace kstream
