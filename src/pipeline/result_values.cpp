#include "kstream/pipeline/result_values.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/time_text.hpp"
#include "kstream/expr/number.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

namespace kstream {

namespace {

void append_json(std::string& out, const expr::Value& value, expr::Arena& arena) {
    switch (value.tag) {
        case expr::Tag::numeric:
            out += expr::to_text(value.number, arena);
            return;
        case expr::Tag::text:
            append_json_string(out, value.text);
            return;
        case expr::Tag::boolean:
            out += value.truth ? "true" : "false";
            return;
        case expr::Tag::timestamp:
            out += '"';
            append_timestamp(out, value.milliseconds);
            out += '"';
            return;
        case expr::Tag::missing:
        case expr::Tag::null:
        case expr::Tag::error:
        case expr::Tag::local:
            break;
    }
    out += "null";
}

class Beside final : public expr::SideValues {
public:
    Beside(std::span<const Slot> slots, const TextStore& texts, KeyValues values)
        : slots_(slots), texts_(texts), values_(values) {}
    [[nodiscard]] std::string_view text(std::size_t accumulator) const override {
        return texts_.text(slots_[accumulator]);
    }
    [[nodiscard]] Int128 ranked(std::size_t accumulator, std::uint64_t rank) const override {
        const auto values_of = [&](std::uint64_t number) {
            const RankedValues* const values =
                values_.sets->find({number, static_cast<std::uint8_t>(accumulator)});
            return values == nullptr || values->total() == 0 ? nullptr : values;
        };
        if (values_.numbers.size() == 1) {
            const RankedValues* const values = values_of(values_.numbers.front());
            return values == nullptr ? Int128{0} : values->ranked(std::min(rank, values->total()));
        }
        std::vector<const RankedValues*> all;
        std::uint64_t total = 0;
        for (const std::uint64_t number : values_.numbers) {
            if (const RankedValues* const values = values_of(number)) {
                all.push_back(values);
                total += values->total();
            }
        }
        return all.empty() ? Int128{0} : ranked_in_all(all, std::min(rank, total));
    }

private:
    std::span<const Slot> slots_;
    const TextStore& texts_;
    KeyValues values_;
};

}  // namespace

bool ResultValues::is_graph(const job::Column& column) {
    return column.value.type == job::ValueType::numeric && column.value.op != job::Op::group;
}

ResultValues::ResultValues(const Job& job) : job_(job) {
    if (job.statement == nullptr) {
        for (const AggregateSpec& aggregate : job.spec.aggregates) {
            graph_names_.push_back(aggregate.output_name);
        }
        return;
    }
    const job::Statement& statement = job.statement->statement;
    auto made = expr::Projection::make(statement, job.statement->plan, job.zones);
    KSTREAM_CHECK(made.has_value(), "the statement was compiled before, at the start");
    projection_ = std::move(*made);
    for (std::size_t i = 0; i < statement.columns.size(); ++i) {
        if (is_graph(statement.columns[i])) {
            graph_names_.push_back(statement.columns[i].name);
            graph_columns_.push_back(i);
        }
    }
}

bool ResultValues::append(std::string& out, const GroupKey& group, std::span<const Slot> slots,
                          const TextStore& texts, KeyValues values) {
    if (projection_ == nullptr) {
        append_result_value(out, job_.spec, group, slots);
        return true;
    }
    texts_.reset();
    const Beside beside{slots, texts, values};
    const std::vector<job::Column>& columns = job_.statement->statement.columns;
    const auto row = projection_->row(group, slots, &beside);
    if (!row) {
        return false;
    }
    for (std::size_t i = 0; i < row->size(); ++i) {
        out += i == 0 ? '{' : ',';
        append_json_string(out, columns[i].name);
        out += ':';
        append_json(out, (*row)[i], texts_);
    }
    out += '}';
    return true;
}

std::vector<double> ResultValues::graph_values(const GroupKey& group, std::span<const Slot> slots,
                                               const TextStore& texts, KeyValues multisets) {
    std::vector<double> values;
    if (projection_ == nullptr) {
        for (std::size_t i = 0; i < slots.size(); ++i) {
            values.push_back(finished_for_graphs(job_.kinds[i], slots[i], job_.spec.scale));
        }
        return values;
    }
    texts_.reset();
    const Beside beside{slots, texts, multisets};
    const auto row = projection_->row(group, slots, &beside);
    for (const std::size_t column : graph_columns_) {
        double value = std::numeric_limits<double>::quiet_NaN();
        if (row && (*row)[column].tag == expr::Tag::numeric) {
            const std::string_view text = expr::to_text((*row)[column].number, texts_);
            std::from_chars(text.data(), text.data() + text.size(), value);
        }
        values.push_back(value);
    }
    return values;
}

}  // namespace kstream
