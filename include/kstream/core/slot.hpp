// One accumulator of one aggregate. A delta and a total are both rows of slots in the same form,
// and every stored format writes all slots alike: so no format, loop or table knows an aggregate.
#pragma once

#include "kstream/model/int128.hpp"
#include "kstream/model/int192.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kstream {

// What its value means belongs to the aggregate (a count, or units at the job's scale). It is
// absent until something was added, which an aggregate without a neutral element needs.
//
// A value has 191 bits, from -2^190 to 2^190 - 1, and the bit that is left says that there is one:
// 24 bytes, of which millions are held. An input has 128 bits, and a partition has fewer than 2^63
// records, so no sequence of records leaves that range: adding has no overflow to look for. (With
// 128 bits two records could: they stopped the job for ever.)
class Slot {
public:
    constexpr Slot() = default;
    // Precondition: fits(value).
    constexpr Slot(const Int192& value, bool present)
        : low_(present ? value.low : 0),
          middle_(present ? value.middle : 0),
          top_(present ? static_cast<std::uint64_t>(value.high) << 1 | 1U : 0) {}

    [[nodiscard]] constexpr bool present() const { return (top_ & 1U) != 0; }
    // 0 where nothing was added.
    [[nodiscard]] constexpr Int192 value() const {
        return {low_, middle_, static_cast<std::int64_t>(top_) >> 1};
    }
    [[nodiscard]] static constexpr bool fits(const Int192& value) {
        const auto high = static_cast<std::uint64_t>(value.high);
        return static_cast<std::int64_t>(high << 1) >> 1 == value.high;
    }

    friend constexpr bool operator==(const Slot&, const Slot&) = default;

    // Afterwards something was added. The sign goes through the top word.
    constexpr void add(Int128 value) {
        add(static_cast<UInt128>(value), static_cast<std::uint64_t>(value >> 127) | 1U);
    }
    // Present where one of the two is.
    constexpr void add(const Slot& other) {
        add((UInt128{other.middle_} << 64) | other.low_, other.top_);
    }

private:
    // `top` as in top_. Three additions with carry, and no branch.
    constexpr void add(UInt128 low_words, std::uint64_t top) {
        UInt128 sum = 0;
        const bool carry = __builtin_add_overflow((UInt128{middle_} << 64) | low_, low_words, &sum);
        low_ = static_cast<std::uint64_t>(sum);
        middle_ = static_cast<std::uint64_t>(sum >> 64);
        top_ = (top_ + (top & ~std::uint64_t{1}) + 2 * std::uint64_t{carry}) | (top & 1U);
    }

    std::uint64_t low_ = 0;
    std::uint64_t middle_ = 0;
    std::uint64_t top_ = 0;  // the high word, shifted left by one; bit 0: something was added
};
static_assert(sizeof(Slot) == 24);

// Begins to load row `index` of `slots`, which holds rows of `width` slots, at least one each.
inline void prefetch_row(std::span<const Slot> slots, std::size_t width, std::size_t index) {
    const std::span<const Slot> row = slots.subspan(index * width, width);
    __builtin_prefetch(&row.front());
    __builtin_prefetch(&row.back());
}

}  // namespace kstream
