#include "kstream/reader/record_reader.hpp"

#include "kstream/check.hpp"
#include "kstream/reader/record_fields.hpp"
#include "reader/json/json_fields.hpp"
#include "reader/json/json_reader.hpp"
#include "reader/statement_reader.hpp"

#include <utility>

namespace kstream {

namespace {

class JsonRecordFields final : public RecordFields {
public:
    explicit JsonRecordFields(std::span<const job::Field> fields) : fields_(fields) {}

    [[nodiscard]] std::optional<BadReason> read(std::string_view value) override {
        return fields_.read(value);
    }
    [[nodiscard]] std::span<const FieldValue> values() const override { return fields_.values(); }

private:
    JsonFields fields_;
};

}  // namespace

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
    if (statement.event_time) {
        return std::make_unique<StatementReader<JsonFields, true>>(statement, *std::move(plan));
    }
    return std::make_unique<StatementReader<JsonFields, false>>(statement, *std::move(plan));
}

std::unique_ptr<RecordFields> make_record_fields(const job::Statement& statement) {
    return std::make_unique<JsonRecordFields>(statement.fields);
}

}  // namespace kstream
