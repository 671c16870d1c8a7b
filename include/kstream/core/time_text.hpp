// An instant as a text, in UTC: what keys, results and canonical SELECTs have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kstream {

// 2024-05-14T12:00:00Z, with milliseconds only where there are any.
void append_timestamp(std::string& out, std::int64_t milliseconds);

// What append_timestamp() writes of years with four digits; none for any other text.
[[nodiscard]] std::optional<std::int64_t> read_timestamp(std::string_view text);

}  // namespace kstream
