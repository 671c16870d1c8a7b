// Option values as text: how each type is read and printed. The same rules hold on the command
// line, in the environment and in the configuration file.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kstream::cli {

// What was read, or what is wrong with the text: "'abc' is not a whole number".
template <typename T>
using Read = std::expected<T, std::string>;

// Decimal digits, '_' between them, and at most one of the suffixes k, M, G (powers of 1000).
[[nodiscard]] Read<std::uint64_t> read_unsigned(std::string_view text);
[[nodiscard]] Read<std::int64_t> read_signed(std::string_view text);

// A finite decimal number, also 1e6 and 2.5k.
[[nodiscard]] Read<double> read_real(std::string_view text);

// A share, as "0.01" or "1%", exact in millionths: 0 to 1'000'000.
[[nodiscard]] Read<std::int64_t> read_share(std::string_view text);
[[nodiscard]] std::string print_share(std::int64_t millionths);

// A whole number with ms, s, m or h. Without a unit only where `bare_seconds`, then in seconds.
[[nodiscard]] Read<std::chrono::milliseconds> read_duration(std::string_view text,
                                                            bool bare_seconds);
// In the largest unit that keeps it whole.
[[nodiscard]] std::string print_duration(std::chrono::milliseconds duration);

// true, false, yes, no, on, off, 1, 0.
[[nodiscard]] Read<bool> read_bool(std::string_view text);

// RFC 3339 ("2026-11-24T10:00:00Z", fraction and offset allowed) to unix milliseconds.
[[nodiscard]] std::optional<std::int64_t> read_rfc3339(std::string_view text);
[[nodiscard]] std::string print_rfc3339(std::int64_t unix_ms);

// The index of `text` in `names`.
[[nodiscard]] Read<std::size_t> read_choice(std::string_view text,
                                            std::span<const std::string_view> names);

}  // namespace kstream::cli
