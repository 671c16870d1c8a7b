// An instant as a text, in UTC: what keys, results and canonical SELECTs have.
#pragma once

#include <cstdint>
#include <string>

namespace kstream {

// 2024-05-14T12:00:00Z, with milliseconds only where there are any.
void append_timestamp(std::string& out, std::int64_t milliseconds);

}  // namespace kstream
