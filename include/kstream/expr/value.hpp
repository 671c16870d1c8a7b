// What an expression comes to. Errors are values: they have a reason and the place that they arose
// at, and only what needs them in the end makes a record bad.
#pragma once

#include "kstream/expr/number.hpp"
#include "kstream/model/bad_reason.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace kstream::expr {

enum class Tag : std::uint8_t {
    // Two nulls. What the record does not have goes through arithmetic, texts and casts, and makes
    // a key or an input bad; NULL was written by whoever wrote the statement, and is skipped.
    missing,
    null,
    error,
    // Values, all that is after `error`.
    numeric,
    text,
    boolean,
    timestamp,  // milliseconds since 1970 in UTC
    local,      // of a zone: milliseconds since the beginning of 1970 by its clocks
};

struct Value {
    constexpr Value() : number{} {}

    union {
        Number number;
        std::string_view text;
        bool truth;
        std::int64_t milliseconds;
    };
    std::uint32_t node = 0;  // of an error or what is missing: the node that it arose at
    Tag tag = Tag::missing;
    BadReason reason{};  // of an error

    [[nodiscard]] constexpr bool is_value() const { return tag > Tag::error; }
    [[nodiscard]] constexpr bool is_true() const { return tag == Tag::boolean && truth; }

    // What nearly every record comes to is written where it stays: of a value that is put together
    // first, the copy waits for the parts.
    constexpr void set_number(const ShortNumber& short_number) {
        tag = Tag::numeric;
        std::construct_at(&number, short_number.units, short_number.scale);
    }
    constexpr void set_text(std::string_view is) {
        tag = Tag::text;
        std::construct_at(&text, is);
    }
    constexpr void set_truth(bool is) {
        tag = Tag::boolean;
        truth = is;
    }

    static constexpr Value of(Number number) {
        Value value;
        value.tag = Tag::numeric;
        value.number = number;
        return value;
    }
    static constexpr Value of_text(std::string_view text) {
        Value value;
        value.tag = Tag::text;
        value.text = text;
        return value;
    }
    static constexpr Value of_truth(bool truth) {
        Value value;
        value.tag = Tag::boolean;
        value.truth = truth;
        return value;
    }
    static constexpr Value of_time(Tag tag, std::int64_t milliseconds) {
        Value value;
        value.tag = tag;
        value.milliseconds = milliseconds;
        return value;
    }
    static constexpr Value of_null() {
        Value value;
        value.tag = Tag::null;
        return value;
    }
    static constexpr Value of_missing(std::uint32_t node) {
        Value value;
        value.node = node;
        return value;
    }
    static constexpr Value of_error(BadReason reason, std::uint32_t node) {
        Value value;
        value.tag = Tag::error;
        value.reason = reason;
        value.node = node;
        return value;
    }
};

}  // namespace kstream::expr
