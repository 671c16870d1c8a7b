// A record judged as a statement says: its event time, where the job has one, then WHERE, then the
// keys in their order, then for each aggregate its FILTER and its input. Whatever format the record
// has is `Fields`, which finds the values; so there is one virtual call for each record, and none
// below it.
#pragma once

#include "kstream/expr/program.hpp"
#include "kstream/job/where_fields.hpp"
#include "kstream/reader/record_reader.hpp"
#include "reader/statement_plan.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {

template <typename Fields, bool kEventTime>
class StatementReader final : public RecordReader {
public:
    StatementReader(const job::Statement& statement, StatementPlan plan)
        : RecordReader(statement),
          plan_(std::move(plan)),
          fields_(statement.fields),
          judge_(plan_),
          not_found_(job::needed_by_where(statement)) {
        std::uint32_t place = 0;
        for (const job::Field& field : statement.fields) {
            places_.push_back(place);
            place += field.origin == job::FieldOrigin::value ? 1 : 0;
        }
    }

    using RecordReader::read;
    [[nodiscard]] RecordVerdict read(const RecordView& record) override {
        if constexpr (kEventTime) {
            event_time_.reset();
        }
        if (const auto problem = fields_.read(record.value())) [[unlikely]] {
            return {.ok = false, .reason = *problem};
        }
        if (!not_found_.empty()) [[unlikely]] {
            search();
        }
        leaves_.values = fields_.values();
        leaves_.record = &record;
        leaves_.headers = headers_;
        const RecordVerdict verdict = judge_.judge<kEventTime>(leaves_, group_, statement_inputs_);
        if constexpr (kEventTime) {
            event_time_ = judge_.event_time();
            unique_id_ = judge_.unique_id();
        }
        return verdict;
    }

    [[nodiscard]] std::string_view field_name(const RecordVerdict& verdict) const override {
        return plan_.field_name(verdict);
    }
    [[nodiscard]] std::optional<job::Place> place(const RecordVerdict& verdict) const override {
        return plan_.place(verdict);
    }
    [[nodiscard]] WhereSearch take_where_search() override { return std::exchange(search_, {}); }
    [[nodiscard]] std::optional<int> scale_needed() const override { return std::nullopt; }
    [[nodiscard]] std::string hint(const RecordVerdict& verdict,
                                   std::string_view value) const override {
        return Fields::hint(verdict.reason, value);
    }

private:
    void search() {
        const auto is_there = [this](std::uint32_t field) {
            return fields_.values()[places_[field]].kind != FieldKind::absent;
        };
        std::ranges::copy_if(not_found_, std::back_inserter(search_.found), is_there);
        std::erase_if(not_found_, is_there);
        ++search_.records;
        if (++searched_ == kSearched) {
            not_found_.clear();
        }
    }

    StatementPlan plan_;
    Fields fields_;
    StatementJudge judge_;
    expr::Leaves leaves_;                   // of the last record
    std::vector<std::uint32_t> not_found_;  // of WHERE's fields, while they are searched
    // Of the statement's fields among the values of a record: what Kafka has is none of them.
    std::vector<std::uint32_t> places_;
    std::uint64_t searched_ = 0;
    WhereSearch search_;
};

}  // namespace kstream
