// What a value that is no JSON may be instead, by its first bytes: a guess for people, that decides
// nothing.
#pragma once

#include <string>
#include <string_view>

namespace kstream {

// In words, "a gzip file"; empty when it looks like nothing that is known.
[[nodiscard]] std::string_view looks_like(std::string_view value);
// The same as a hint, "it looks like a gzip file"; empty for nothing.
[[nodiscard]] std::string hint_of_text(std::string_view value);

}  // namespace kstream
