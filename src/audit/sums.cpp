#include "audit/sums.hpp"

#include "kstream/core/aggregates.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kstream::audit {

// Of two values of an extreme, the one that counts.
Slot extreme_of(AggregateKind kind, const Slot& one, const Slot& other) {
    if (!one.present() || !other.present()) {
        return one.present() ? one : other;
    }
    const bool one_is_less = (one.value() + -other.value()).negative();  // 191 bits: no overflow
    return one_is_less == (kind == aggregate_named("min")) ? one : other;
}

// value^2 as its low 127 bits and the rest, by the digits of 2^32 as on paper.
std::pair<Int192, Int192> square_of(Int128 value) {
    std::array<std::uint64_t, 4> digits{};
    UInt128 left = value < 0 ? -static_cast<UInt128>(value) : static_cast<UInt128>(value);
    for (std::uint64_t& digit : digits) {
        digit = static_cast<std::uint32_t>(left);
        left >>= 32;
    }
    std::array<std::uint64_t, 8> square{};
    for (std::size_t i = 0; i < digits.size(); ++i) {
        std::uint64_t carry = 0;
        for (std::size_t j = 0; j < digits.size(); ++j) {
            const UInt128 sum = UInt128{digits[i]} * digits[j] + square[i + j] + carry;
            square[i + j] = static_cast<std::uint32_t>(sum);
            carry = static_cast<std::uint64_t>(sum >> 32);
        }
        square[i + digits.size()] = carry;
    }
    const auto word = [&square](std::size_t at) { return square[at] | square[at + 1] << 32; };
    constexpr std::uint64_t kLow63 = ~std::uint64_t{0} >> 1;
    return {Int192{word(0), word(2) & kLow63, 0},
            Int192{word(4) << 1 | word(2) >> 63, word(6) << 1 | word(4) >> 63, 0}};
}

bool can_be_taken_out(AggregateKind kind) {
    return kind == aggregate_named("count") || kind == aggregate_named("sum") ||
           kind == aggregate_named("squares_low") || kind == aggregate_named("squares_high");
}

}  // namespace kstream::audit
