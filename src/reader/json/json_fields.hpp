// What a statement wants of records that are JSON objects: the walk's values with their escapes
// undone, in the order of the statement's fields.
#pragma once

#include "kstream/expr/arena.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/model/field_value.hpp"
#include "reader/json/record_walk.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kstream {

class JsonFields {
public:
    // Of `fields`, those of the record's value; each path stands there once.
    explicit JsonFields(std::span<const job::Field> fields);

    // None when the text is good: then values() are those of it, until the next one.
    [[nodiscard]] std::optional<BadReason> read(std::string_view text);
    [[nodiscard]] std::span<const FieldValue> values() const { return walk_.fields(); }

    // For a person to go by, about a text that was bad for `reason`; may be empty.
    [[nodiscard]] static std::string hint(BadReason reason, std::string_view text);

private:
    void unescape(FieldValue& value);

    RecordWalk walk_;
    std::string unescaped_;
    expr::Arena texts_;
};

}  // namespace kstream
