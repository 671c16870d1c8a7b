// Base64 (RFC 4648): as URLs and Kafka's tools have it, and as the rest of the world has it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kstream::text {

// With + and /, padded.
[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);

// With - and _, without padding.
[[nodiscard]] std::string base64url(std::span<const std::uint8_t> bytes);
// Whether `text` is what base64url() makes of as many bytes as `out` has; they are in `out` then.
[[nodiscard]] bool read_base64url(std::string_view text, std::span<std::uint8_t> out);

}  // namespace kstream::text
