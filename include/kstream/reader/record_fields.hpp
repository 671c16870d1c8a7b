// What a statement wants of a record's value, as its format has it: found, unescaped, and nothing
// made of it. For those who evaluate statements with code of their own; the map loop's way to the
// same values is StatementReader, which has no virtual call in it.
#pragma once

#include "kstream/job/statement.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/model/field_value.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace kstream {

class RecordFields {
public:
    virtual ~RecordFields() = default;
    RecordFields(const RecordFields&) = delete;
    RecordFields& operator=(const RecordFields&) = delete;

    // None when the value is a good one: then values() has one for each field of the statement that
    // is of the record's value, in their order, until the next one is read. They may point into it.
    [[nodiscard]] virtual std::optional<BadReason> read(std::string_view value) = 0;
    [[nodiscard]] virtual std::span<const FieldValue> values() const = 0;

protected:
    RecordFields() = default;
};

// Of a statement's source, which is JSON.
[[nodiscard]] std::unique_ptr<RecordFields> make_record_fields(const job::Statement& statement);

}  // namespace kstream
