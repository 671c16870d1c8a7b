// SHA-256: names a job by its spec, and a dead letter that is too large by its bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace kstream {

[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view bytes);

}  // namespace kstream
