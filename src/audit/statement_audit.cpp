#include "kstream/audit/statement_audit.hpp"

#include "audit/exact.hpp"
#include "audit/interpreter.hpp"
#include "audit/sums.hpp"
#include "audit/windows.hpp"
#include "kstream/check.hpp"
#include "kstream/codec/element.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/job/functions.hpp"
#include "kstream/job/statement_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kstream::audit {
namespace {

using job::Aggregate;
using job::AggregateFunction;
using job::Expression;
using job::ValueType;
using Kind = Value::Kind;
using Judgement = StatementAudit::Judgement;

constexpr int kSquareLowBits = 127;

// A number's units where it enters a key or an accumulator; the reason where it may not.
struct Units {
    Int128 units = 0;
    std::optional<BadReason> problem;
};
Units units_of(const Decimals& number, int scale) {
    if (number.fraction_digits() > scale) {
        return {.units = 0, .problem = BadReason::scale};
    }
    const Whole units =
        number.scale() <= scale
            ? number.units_at(scale)
            : Whole::divide(number.units(), Whole::power_of_ten(number.scale() - scale)).quotient;
    const std::optional<Int128> fits = units.to_128();
    return fits ? Units{.units = *fits, .problem = {}}
                : Units{.units = 0, .problem = BadReason::range};
}

Value decimal(Whole units, int scale) {
    std::optional<Decimals> number = Decimals::of(std::move(units), scale);
    // Of rows that records have made all are within bounds.
    return number ? Value::of({*std::move(number), std::nullopt}) : Value{};
}

// 0 where there is none; also of a slot that no records can have made.
Whole count_of(const Slot& slot) {
    Whole count{slot.value()};
    return count.sign() > 0 && count.to_64() ? count : Whole{};
}

// sum of squares / n - (sum / n)^2, over n or n - 1: top / bottom in units of 10^(-2 * scale).
struct Fraction {
    Whole top;
    Whole bottom;
};
std::optional<Fraction> variance_of(const Slot& sum, const Whole& n, const Slot& low,
                                    const Slot& high, bool of_sample) {
    const Whole over = of_sample ? n - Whole{1} : n;
    if (over.sign() <= 0) {
        return std::nullopt;
    }
    Whole two_to_the_127{1};
    for (int bit = 0; bit < kSquareLowBits; ++bit) {
        two_to_the_127 = two_to_the_127 + two_to_the_127;
    }
    const Whole squares = Whole{high.value()} * two_to_the_127 + Whole{low.value()};
    const Whole total{sum.value()};
    Whole spread = n * squares - total * total;
    if (spread.sign() < 0) {
        spread = Whole{};  // no records have made this
    }
    return Fraction{std::move(spread), n * over};
}

// Both of top / bottom * 10^power, in whole units.
Whole rounded_by(const Fraction& of, int power) {
    return rounded(of.top * Whole::power_of_ten(std::max(power, 0)),
                   of.bottom * Whole::power_of_ten(std::max(-power, 0)), Cut::half_away);
}
// The root r is the one nearest: (2 * r - 1)^2 <= 4 * top / bottom < (2 * r + 1)^2.
Whole rounded_root_by(const Fraction& of, int power) {
    const Whole top = of.top * Whole::power_of_ten(std::max(power, 0));
    const Whole bottom = of.bottom * Whole::power_of_ten(std::max(-power, 0));
    const Whole root = Whole::divide(top, bottom).quotient.root();
    const Whole middle = root + root + Whole{1};
    return middle * middle * bottom <= top * Whole{4} ? root + Whole{1} : root;
}

// The first value that p of all reach, p * n in IEEE double as PostgreSQL has it.
Value percentile(const Aggregate& of, const std::map<Int128, std::uint64_t>& values, int scale) {
    std::uint64_t n = 0;
    for (const auto& [value, count] : values) {
        n += count;
    }
    const double share = std::strtod(of.percentile.c_str(), nullptr) * static_cast<double>(n);
    std::uint64_t reached = 0;
    for (const auto& [value, count] : values) {
        reached += count;
        if (static_cast<double>(reached) >= share || reached == n) {
            return of.type == ValueType::timestamp
                       ? Value::of_time(Kind::timestamp, static_cast<std::int64_t>(value))
                       : decimal(Whole{Int192{value}}, scale);
        }
    }
    return {};
}

// Of one row, whose slots are those of the plan.
Value finished(const job::StatementJob& job, std::size_t aggregate, const Row& row) {
    const Aggregate& of = job.statement.aggregates[aggregate];
    const job::Parts& parts = job.plan.aggregates[aggregate];
    const int scale = job.statement.scale;
    const Slot& value = row[parts.value];
    const auto spread = [&](bool of_sample) {
        return variance_of(value, count_of(row[parts.count]), row[parts.squares],
                           row[parts.squares + 1], of_sample);
    };
    switch (of.function) {
        case AggregateFunction::count_all:
        case AggregateFunction::count:
            return decimal(Whole{value.value()}, 0);
        case AggregateFunction::count_distinct:
            return is_over(value) ? Value{} : decimal(Whole{value.value()}, 0);
        case AggregateFunction::sum:
        case AggregateFunction::min:
        case AggregateFunction::max:
            if (!value.present()) {
                return {};
            }
            if (of.type == ValueType::text) {
                return Value::of_text(row.texts[parts.value]);
            }
            if (of.type == ValueType::timestamp) {
                return Value::of_time(Kind::timestamp,
                                      Whole{value.value()}.to_64().value_or(kFirstInstant));
            }
            return decimal(Whole{value.value()}, scale);
        case AggregateFunction::avg: {
            const Whole n = count_of(row[parts.count]);
            return n.sign() == 0
                       ? Value{}
                       : decimal(rounded_by({Whole{value.value()}, n}, of.scale - scale), of.scale);
        }
        case AggregateFunction::bool_and:
        case AggregateFunction::bool_or: {
            const Whole n = count_of(row[parts.count]);
            const Whole trues = count_of(value);
            return n.sign() == 0 ? Value{}
                                 : Value::of_truth(of.function == AggregateFunction::bool_and
                                                       ? trues == n
                                                       : trues.sign() > 0);
        }
        case AggregateFunction::var_pop:
        case AggregateFunction::var_samp: {
            const auto found = spread(of.function == AggregateFunction::var_samp);
            return found ? decimal(rounded_by(*found, of.scale - 2 * scale), of.scale) : Value{};
        }
        case AggregateFunction::stddev_pop:
        case AggregateFunction::stddev_samp: {
            const auto found = spread(of.function == AggregateFunction::stddev_samp);
            return found ? decimal(rounded_root_by(*found, 2 * (of.scale - scale)), of.scale)
                         : Value{};
        }
        case AggregateFunction::percentile_disc:
            break;
    }
    return percentile(of, row.multisets[parts.value], scale);
}

void append_json(std::string& out, const Value& value) {
    switch (value.kind) {
        case Kind::number:
            out += value.number.top.text();
            return;
        case Kind::text:
            append_json_string(out, value.text);
            return;
        case Kind::boolean:
            out += value.truth ? "true" : "false";
            return;
        case Kind::timestamp:
            append_json_string(out, instant_text(value.ms));
            return;
        default:
            out += "null";  // an error, too: there is no record to set aside for it
    }
}

Value group_value(const GroupValue& value, ValueType type) {
    switch (value.type) {
        case GroupValueType::boolean:
            return Value::of_truth(value.text == "true");
        case GroupValueType::number: {
            std::optional<Decimals> number = Decimals::read(value.text);
            return number ? Value::of({*std::move(number), std::nullopt}) : Value{};
        }
        case GroupValueType::string:
            break;
    }
    if (type != ValueType::timestamp) {
        return Value::of_text(std::string{value.text});
    }
    const std::optional<std::int64_t> ms = read_instant(value.text);
    return ms ? Value::of_time(Kind::timestamp, *ms) : Value{};
}

// What of a value tells it from others, as a set keeps it: a time is the number of its
// milliseconds. `text` has what the value itself has not.
GroupValue as_group_value(const Value& value, std::string& text) {
    switch (value.kind) {
        case Kind::number:
            text = value.number.top.text();
            return {GroupValueType::number, text};
        case Kind::timestamp:
            text = fmt::format("{}", value.ms);
            return {GroupValueType::number, text};
        case Kind::boolean:
            return {GroupValueType::boolean, value.truth ? "true" : "false"};
        default:
            return {GroupValueType::string, value.text};
    }
}

// The field where the problem arose, or what stands there in the statement's text.
std::string subject_of(const job::StatementJob& job, const Expression& where) {
    return where.op == job::Op::field ? job.statement.fields[where.index].spelling
                                      : std::string{job.text_at(where.place)};
}

Judgement bad(const job::StatementJob& job, BadReason reason, const Expression& where) {
    Judgement judged;
    judged.fate = StatementAudit::Fate::bad;
    judged.reason = reason;
    judged.subject = subject_of(job, where);
    return judged;
}

// Of a value that is none.
Judgement bad(const job::StatementJob& job, const Value& value) {
    return bad(job, value.kind == Kind::error ? value.reason : BadReason::missing_field,
               *value.where);
}

bool is_bad(const Value& value) {
    return value.kind == Kind::error || value.kind == Kind::missing;
}

}  // namespace

GroupKey StatementAudit::Judgement::group() const {
    GroupKey group;
    for (const auto& [type, text] : key) {
        group.values.push_back({type, text});
    }
    return group;
}

// ---- the layout --------------------------------------------------------------------------------

StatementAudit::StatementAudit(std::shared_ptr<const job::StatementJob> job)
    : job_(std::move(job)), kinds_(job_->plan.kinds()) {}

StatementAudit::~StatementAudit() = default;

Result<std::shared_ptr<const StatementAudit>> StatementAudit::make(
    std::shared_ptr<const job::StatementJob> job, const ZoneBytes& zones) {
    // Not make_shared: its constructor is nobody else's.
    std::shared_ptr<StatementAudit> made{new StatementAudit(std::move(job))};
    const job::Statement& statement = made->job_->statement;
    if (Result<void> laid_out = made->lay_out(); !laid_out) {
        return std::unexpected(std::move(laid_out.error()));
    }
    Result<Interpreter> interpreter = Interpreter::make(statement, zones);
    if (!interpreter) {
        return std::unexpected(std::move(interpreter.error()));
    }
    made->interpreter_ = std::make_unique<const Interpreter>(*std::move(interpreter));
    if (statement.event_time && statement.event_time->has_windows()) {
        Result<Windows> windows = Windows::make(statement.event_time->window, zones);
        if (!windows) {
            return std::unexpected(std::move(windows.error()));
        }
        made->windows_ = std::make_unique<const Windows>(*std::move(windows));
    }
    return made;
}

// What is put into each slot: the part of the first aggregate that has it.
Result<void> StatementAudit::lay_out() {
    const job::Statement& statement = job_->statement;
    feeds_.resize(kinds_.size() - (has_sessions() ? 1U : 0U));
    std::vector<bool> fed(feeds_.size());
    const auto feed = [&](std::size_t slot, std::size_t aggregate, Part part) {
        if (!fed[slot]) {
            feeds_[slot] = {aggregate, part};
            fed[slot] = true;
        }
    };
    for (std::size_t i = 0; i < statement.aggregates.size(); ++i) {
        const Aggregate& of = statement.aggregates[i];
        const job::Parts& parts = job_->plan.aggregates[i];
        const bool text = of.input && of.input->type == ValueType::text;
        switch (of.function) {
            case AggregateFunction::count_all:
                feed(parts.value, i, Part::records);
                break;
            case AggregateFunction::count:
                feed(parts.value, i, Part::not_null);
                break;
            case AggregateFunction::sum:
                feed(parts.value, i, Part::sum);
                break;
            case AggregateFunction::min:
                feed(parts.value, i, text ? Part::least_text : Part::least);
                break;
            case AggregateFunction::max:
                feed(parts.value, i, text ? Part::greatest_text : Part::greatest);
                break;
            case AggregateFunction::bool_and:
            case AggregateFunction::bool_or:
                feed(parts.value, i, Part::trues);
                feed(parts.count, i, Part::not_null);
                break;
            case AggregateFunction::avg:
                feed(parts.value, i, Part::sum);
                feed(parts.count, i, Part::not_null);
                break;
            case AggregateFunction::var_pop:
            case AggregateFunction::var_samp:
            case AggregateFunction::stddev_pop:
            case AggregateFunction::stddev_samp:
                feed(parts.value, i, Part::sum);
                feed(parts.count, i, Part::not_null);
                feed(parts.squares, i, Part::squares_low);
                feed(parts.squares + 1, i, Part::squares_high);
                break;
            case AggregateFunction::count_distinct:
                feed(parts.value, i, Part::values);
                break;
            case AggregateFunction::percentile_disc:
                feed(parts.value, i, Part::ranks);
                break;
        }
    }
    KSTREAM_CHECK(std::ranges::all_of(fed, std::identity{}), "each slot is a part of an aggregate");
    return {};
}

// ---- records -----------------------------------------------------------------------------------

// What an aggregate takes of a record.
namespace {

struct Input {
    bool taken = false;  // its FILTER is true, or it has none
    Value value;         // of those that take one
    bool is_null = false;
    Int128 units = 0;  // of a number
};

}  // namespace

// The time first: it counts whatever else is wrong with the record, and whether or not WHERE wants
// it.
Judgement StatementAudit::judge(std::span<const FieldValue> fields, const RecordView& record,
                                const Header& header) const {
    if (!job_->statement.event_time) {
        return judge_values(fields, record, header);
    }
    const job::EventTime& event = *job_->statement.event_time;
    const Value time = interpreter_->evaluate(
        event.time, Leaves{.fields = fields, .record = &record, .header = header});
    if (is_bad(time)) {
        return bad(*job_, time);
    }
    if (time.kind == Kind::null) {
        return bad(*job_, BadReason::time_null, event.time);
    }
    // Of a record without a timestamp nobody can say that it is not from the future.
    if (event.max_ahead &&
        (record.timestamp_ms < 0 || time.ms - record.timestamp_ms > *event.max_ahead)) {
        return bad(*job_, BadReason::time_future, event.time);
    }
    Judgement judged = judge_values(fields, record, header);
    judged.time = time.ms;
    if (has_sessions() && judged.fate == Fate::aggregated) {
        judged.row.slots.back() = Slot{Int192{time.ms}, true};
    }
    return judged;
}

Judgement StatementAudit::judge_values(std::span<const FieldValue> fields, const RecordView& record,
                                       const Header& header) const {
    const job::Statement& statement = job_->statement;
    const Leaves leaves{.fields = fields, .record = &record, .header = header};
    if (statement.where) {
        const Value passes = interpreter_->evaluate(*statement.where, leaves);
        if (passes.kind == Kind::error) {
            return bad(*job_, passes);
        }
        if (!passes.is_true()) {
            Judgement filtered;
            filtered.fate = Fate::filtered;
            return filtered;
        }
    }
    Judgement judged;
    for (const job::GroupColumn& column : statement.group_by) {
        Value value = interpreter_->evaluate(column.value, leaves);
        if (is_bad(value)) {
            return bad(*job_, value);
        }
        switch (value.kind) {
            case Kind::number: {
                const Units units = units_of(value.number.top, statement.scale);
                if (units.problem) {
                    return bad(*job_, *units.problem, column.value);
                }
                judged.key.emplace_back(GroupValueType::number, value.number.top.text());
                break;
            }
            case Kind::text:
                if (value.text.size() > kMaxGroupValueBytes) {
                    return bad(*job_, BadReason::group_size, column.value);
                }
                judged.key.emplace_back(GroupValueType::string, std::move(value.text));
                break;
            case Kind::boolean:
                judged.key.emplace_back(GroupValueType::boolean, value.truth ? "true" : "false");
                break;
            case Kind::timestamp:
                judged.key.emplace_back(GroupValueType::string, instant_text(value.ms));
                break;
            default:
                return bad(*job_, BadReason::group_null, column.value);
        }
    }
    std::vector<Input> inputs(statement.aggregates.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Aggregate& of = statement.aggregates[i];
        Input& input = inputs[i];
        if (of.filter) {
            const Value passes = interpreter_->evaluate(*of.filter, leaves);
            if (passes.kind == Kind::error) {
                return bad(*job_, passes);
            }
            if (!passes.is_true()) {
                continue;
            }
        }
        input.taken = true;
        if (!of.input) {
            continue;
        }
        if (of.function == AggregateFunction::count) {
            const Value null = interpreter_->is_null(*of.input, leaves);
            if (null.kind == Kind::error) {
                return bad(*job_, null);
            }
            input.is_null = null.truth;
            continue;
        }
        input.value = interpreter_->evaluate(*of.input, leaves);
        if (is_bad(input.value)) {
            return bad(*job_, input.value);
        }
        input.is_null = input.value.kind == Kind::null;
        if (input.value.kind == Kind::number) {
            const Units units = units_of(input.value.number.top, statement.scale);
            if (units.problem) {
                return bad(*job_, *units.problem, *of.input);
            }
            input.units = units.units;
        } else if (input.value.kind == Kind::text && input.value.text.size() > kMaxTextBytes) {
            return bad(*job_, BadReason::text_size, *of.input);
        }
    }
    if (statement.event_time && statement.event_time->unique_by) {
        const Expression& unique_by = *statement.event_time->unique_by;
        const Value id = interpreter_->evaluate(unique_by, leaves);
        if (is_bad(id)) {
            return bad(*job_, id);
        }
        if (id.kind == Kind::null) {
            return bad(*job_, BadReason::unique_null, unique_by);
        }
        judged.id = id.kind == Kind::number ? "n" + id.number.top.text()
                    : id.kind == Kind::text ? "s" + id.text
                                            : std::string{id.truth ? "bt" : "bf"};
    }
    judged.row = Row{kinds_};
    judged.row.there = true;
    for (std::size_t slot = 0; slot < feeds_.size(); ++slot) {
        const Input& input = inputs[feeds_[slot].aggregate];
        const Part part = feeds_[slot].part;
        if (!input.taken || (input.is_null && part != Part::records)) {
            continue;
        }
        const bool time = input.value.kind == Kind::timestamp;
        const auto put = [&](const Int192& value) { judged.row.slots[slot] = Slot{value, true}; };
        std::string text;
        switch (part) {
            case Part::records:
            case Part::not_null:
                put(Int192{1});
                break;
            case Part::trues:
                if (input.value.truth) {
                    put(Int192{1});
                }
                break;
            case Part::sum:
                put(Int192{input.units});
                break;
            case Part::least:
            case Part::greatest:
                put(Int192{time ? Int128{input.value.ms} : input.units});
                break;
            case Part::least_text:
            case Part::greatest_text:
                put(Int192{});
                judged.row.texts[slot] = input.value.text;
                break;
            case Part::values:
                put(Int192{1});
                judged.row.sets[slot] = {element_of(as_group_value(input.value, text))};
                break;
            case Part::ranks:
                put(Int192{1});
                judged.row.multisets[slot] = {{time ? Int128{input.value.ms} : input.units, 1}};
                break;
            case Part::squares_low:
                put(square_of(input.units).first);
                break;
            case Part::squares_high:
                put(square_of(input.units).second);
                break;
        }
    }
    return judged;
}

// ---- keys --------------------------------------------------------------------------------------

WindowSpan StatementAudit::window_at(std::int64_t time) const {
    return windows_->at(time);
}

std::vector<WindowSpan> StatementAudit::windows_over(std::int64_t time) const {
    return windows_->over(time);
}

namespace {

// What a log says may be any number: some are far beyond all that a record can have made.
bool may_begin(std::int64_t start) {
    return start >= -kLastInstant && start <= kLastInstant;
}

}  // namespace

std::optional<std::int64_t> StatementAudit::window_end(std::int64_t start) const {
    const auto window = may_begin(start) ? windows_->from(start) : std::nullopt;
    return window ? std::optional{window->end} : std::nullopt;
}

std::optional<std::int64_t> StatementAudit::last_end_over(std::int64_t pane_start) const {
    return may_begin(pane_start) && window_at(pane_start).start == pane_start
               ? std::optional{windows_over(pane_start).back().end}
               : std::nullopt;
}

// Within the bounds of times: what a log says may be any number.
std::int64_t StatementAudit::last_time(const Row& row) {
    return std::clamp(Whole{row.slots.back().value()}.to_64().value_or(kLastInstant), kFirstInstant,
                      kLastInstant);
}

std::optional<std::string> StatementAudit::result(const GroupKey& group, const Row& row) const {
    const job::Statement& statement = job_->statement;
    std::vector<Value> groups;
    for (std::size_t i = 0; i < group.values.size(); ++i) {
        groups.push_back(group_value(group.values[i], statement.group_by[i].value.type));
    }
    std::vector<Value> aggregates;
    for (std::size_t i = 0; i < statement.aggregates.size(); ++i) {
        aggregates.push_back(finished(*job_, i, row));
    }
    Leaves leaves{.groups = groups, .aggregates = aggregates};
    if (group.window_start) {
        leaves.window = windows_->from(*group.window_start).value_or(WindowSpan{});
    }
    if (has_sessions()) {
        leaves.window.end = last_time(row) + statement.event_time->window.size;
    }
    if (statement.having && !interpreter_->evaluate(*statement.having, leaves).is_true()) {
        return std::nullopt;
    }
    std::string text;
    for (const job::Column& column : statement.columns) {
        text += text.empty() ? '{' : ',';
        append_json_string(text, column.name);
        text += ':';
        append_json(text, interpreter_->evaluate(column.value, leaves));
    }
    return text + '}';
}

std::string StatementAudit::label(std::size_t slot) const {
    const Aggregate& of = job_->statement.aggregates[feeds_[slot].aggregate];
    const std::string input = of.input ? job::to_sql(*of.input, job_->statement) : "*";
    const auto name = [&]() -> std::string_view {
        switch (feeds_[slot].part) {
            case Part::records:
            case Part::not_null:
                return "count";
            case Part::trues:
                return "trues";
            case Part::sum:
                return "sum";
            case Part::least:
            case Part::least_text:
                return "min";
            case Part::greatest:
            case Part::greatest_text:
                return "max";
            case Part::values:
                return "distinct";
            case Part::ranks:
                return "values";
            case Part::squares_low:
                return "low squares";
            case Part::squares_high:
                return "high squares";
        }
        return "";
    };
    return fmt::format("{}({}){}", name(), input,
                       of.filter ? " where " + job::to_sql(*of.filter, job_->statement) : "");
}

std::string StatementAudit::text_of(std::span<const Slot> slots,
                                    std::span<const std::string> texts) const {
    std::string text;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        text += i == 0 ? "" : ", ";
        if (i == feeds_.size()) {
            const auto last = Decimals::of(Whole{slots[i].value()}, 0);
            text += "last time " + (last ? last->text() : "out of bounds");
            continue;
        }
        text += label(i) + ' ';
        const Part part = feeds_[i].part;
        const Aggregate& of = job_->statement.aggregates[feeds_[i].aggregate];
        if (!slots[i].present()) {
            text += "none";
        } else if (part == Part::least_text || part == Part::greatest_text) {
            append_json_string(text, i < texts.size() ? texts[i] : std::string{});
        } else {
            const bool number =
                part == Part::sum ||
                ((part == Part::least || part == Part::greatest) && of.type == ValueType::numeric);
            const int scale = number ? job_->statement.scale : 0;
            const auto shown = Decimals::of(Whole{slots[i].value()}, scale);
            text += shown ? shown->text() : "a number out of bounds";
        }
    }
    return slots.empty() ? "a row without aggregates" : text;
}

}  // namespace kstream::audit
