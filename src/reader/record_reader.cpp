#include "kstream/reader/record_reader.hpp"

#include "kstream/check.hpp"
#include "reader/json/json_fields.hpp"
#include "reader/json/json_reader.hpp"
#include "reader/statement_reader.hpp"

#include <utility>

namespace kstream {

std::unique_ptr<RecordReader> make_record_reader(const AggregationSpec& spec) {
    switch (spec.format) {
        case RecordFormat::json:
            return std::make_unique<JsonReader>(spec);
    }
    KSTREAM_CHECK(false, "a job of no known format has problems() and is not run");
    return nullptr;
}

Result<std::unique_ptr<RecordReader>> make_record_reader(const job::Statement& statement,
                                                         const expr::ZoneFiles& zones) {
    Result<StatementPlan> plan = StatementPlan::compile(statement, zones);
    if (!plan) {
        return std::unexpected(std::move(plan.error()));
    }
    return std::make_unique<StatementReader<JsonFields>>(statement, *std::move(plan));
}

}  // namespace kstream
