#include "text/base64.hpp"

#include <cstddef>

namespace kstream::text {
namespace {

constexpr std::string_view kPlain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encoded(std::span<const std::uint8_t> bytes, std::string_view digits) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (i + k < bytes.size() ? bytes[i + k] : 0U);
        }
        for (std::size_t k = 0; k < 4 && i + k <= bytes.size(); ++k) {
            out += digits[group >> (18 - 6 * k) & 63U];
        }
    }
    return out;
}

}  // namespace

std::string base64(std::span<const std::uint8_t> bytes) {
    std::string out = encoded(bytes, kPlain);
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

std::string base64url(std::span<const std::uint8_t> bytes) {
    return encoded(bytes, kUrl);
}

bool read_base64url(std::string_view text, std::span<std::uint8_t> out) {
    if (text.size() != (out.size() * 8 + 5) / 6) {
        return false;
    }
    std::uint32_t bits = 0;
    unsigned held = 0;
    std::size_t at = 0;
    for (const char c : text) {
        const std::size_t digit = kUrl.find(c);
        if (digit == std::string_view::npos) {
            return false;
        }
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[at++] = static_cast<std::uint8_t>(bits >> held);
        }
    }
    return (bits & ((1U << held) - 1)) == 0;  // one spelling for each: what is left over is zeros
}

}  // namespace kstream::text
