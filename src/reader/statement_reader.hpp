// A record judged as a statement says: WHERE, then the keys in their order, then for each aggregate
// its FILTER and its input. Whatever format the record has is `Fields`, which finds the values; so
// there is one virtual call for each record, and none below it.
#pragma once

#include "kstream/expr/program.hpp"
#include "kstream/reader/record_reader.hpp"
#include "reader/statement_plan.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kstream {

template <typename Fields>
class StatementReader final : public RecordReader {
public:
    StatementReader(const job::Statement& statement, StatementPlan plan)
        : RecordReader(statement),
          plan_(std::move(plan)),
          fields_(statement.fields),
          judge_(plan_) {}

    using RecordReader::read;
    [[nodiscard]] RecordVerdict read(const RecordView& record) override {
        if (const auto problem = fields_.read(record.value())) [[unlikely]] {
            return {.ok = false, .reason = *problem};
        }
        return judge_.judge({.values = fields_.values(), .record = &record, .headers = headers_},
                            group_, statement_inputs_);
    }

    [[nodiscard]] std::string_view field_name(const RecordVerdict& verdict) const override {
        return plan_.field_name(verdict);
    }
    [[nodiscard]] std::optional<job::Place> place(const RecordVerdict& verdict) const override {
        return plan_.place(verdict);
    }
    [[nodiscard]] std::optional<int> scale_needed() const override { return std::nullopt; }
    [[nodiscard]] std::string hint(const RecordVerdict& verdict,
                                   std::string_view value) const override {
        return Fields::hint(verdict.reason, value);
    }

private:
    StatementPlan plan_;
    Fields fields_;
    StatementJudge judge_;
};

}  // namespace kstream
