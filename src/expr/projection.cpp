#include "kstream/expr/projection.hpp"

#include "kstream/expr/number.hpp"
#include "kstream/expr/time.hpp"

#include <utility>

namespace kstream::expr {

Projection::Projection(const job::Statement& statement, const job::Plan& plan,
                       std::optional<Windows> windows)
    : statement_(statement),
      plan_(plan),
      program_(statement.fields),
      groups_(statement.group_by.size()),
      aggregates_(statement.aggregates.size()),
      windows_(std::move(windows)),
      row_(statement.columns.size()) {}

Result<std::unique_ptr<Projection>> Projection::make(const job::Statement& statement,
                                                     const job::Plan& plan,
                                                     const ZoneFiles& zones) {
    std::optional<Windows> windows;
    if (statement.event_time && statement.event_time->has_windows()) {
        Result<Windows> of_job = Windows::make(statement.event_time->window, zones);
        if (!of_job) {
            return std::unexpected(std::move(of_job.error()));
        }
        windows = std::move(*of_job);
    }
    std::unique_ptr<Projection> made{new Projection(statement, plan, std::move(windows))};
    for (const job::Column& column : statement.columns) {
        const Result<std::uint32_t> node = made->program_.add(column.value, zones);
        if (!node) {
            return std::unexpected(node.error());
        }
        made->columns_.push_back(*node);
    }
    if (statement.having) {
        const Result<std::uint32_t> node = made->program_.add(*statement.having, zones);
        if (!node) {
            return std::unexpected(node.error());
        }
        made->having_ = *node;
    }
    made->evaluator_ = std::make_unique<Evaluator>(made->program_);
    return made;
}

std::optional<std::span<const Value>> Projection::row(const GroupKey& group,
                                                      std::span<const Slot> slots,
                                                      const SideValues* side) {
    // Its arena begins anew, so what the leaves are made of comes after it.
    leaves_ = {.groups = groups_, .aggregates = aggregates_, .window = window_};
    evaluator_->begin(leaves_);
    for (std::size_t i = 0; i < groups_.size(); ++i) {
        groups_[i] = group_value(group.values[i], statement_.group_by[i].value.type);
    }
    for (std::size_t i = 0; i < aggregates_.size(); ++i) {
        aggregates_[i] = finish(statement_, plan_, i, slots, evaluator_->arena(), side);
    }
    if (windows_ && group.window_start) {
        const std::int64_t start = *group.window_start;
        const std::int64_t last =
            group.is_session ? static_cast<std::int64_t>(slots.back().value().low) : start;
        window_ = {Value::of_time(Tag::timestamp, start),
                   Value::of_time(Tag::timestamp, windows_->end_from(last))};
    }
    if (having_) {
        const Value& passes = evaluator_->value(*having_);
        if (passes.tag != Tag::boolean || !passes.truth) {
            return std::nullopt;
        }
    }
    for (std::size_t i = 0; i < row_.size(); ++i) {
        const Value& value = evaluator_->value(columns_[i]);
        row_[i] = value.is_value() ? value : Value::of_null();
    }
    return row_;
}

Value Projection::group_value(const GroupValue& value, job::ValueType type) {
    // State keys come out of a log: one that no record can have made has NULL.
    switch (value.type) {
        case GroupValueType::boolean:
            return Value::of_truth(value.text == "true");
        case GroupValueType::number: {
            const MaybeNumber number = read_number(value.text, evaluator_->arena());
            return number ? Value::of(*number) : Value::of_null();
        }
        case GroupValueType::string:
            break;
    }
    if (type != job::ValueType::timestamp) {
        return Value::of_text(value.text);
    }
    std::int64_t milliseconds = 0;
    // date_trunc and date_bin begin before 1970 what was after it.
    return parse_timestamp(value.text, milliseconds) == TimeText::format
               ? Value::of_null()
               : Value::of_time(Tag::timestamp, milliseconds);
}

}  // namespace kstream::expr
