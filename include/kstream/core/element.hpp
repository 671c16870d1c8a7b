// One member of a set: a value in 16 bytes, equal if and only if the values are. codec/element.hpp
// makes them: what is short stands here as it is, what is longer by its SHA-256.
#pragma once

#include <compare>
#include <cstdint>

namespace kstream {

struct Element {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend auto operator<=>(const Element&, const Element&) = default;
};

// Whose it is: the number of a key, which it keeps, and the accumulator among its own.
struct ElementOwner {
    std::uint64_t packed = 0;  // number * 256 + accumulator

    static constexpr std::uint64_t kMaxNumber = (std::uint64_t{1} << 56) - 2;

    constexpr ElementOwner() = default;
    constexpr ElementOwner(std::uint64_t number, std::uint8_t accumulator)
        : packed(number << 8 | accumulator) {}
    [[nodiscard]] constexpr std::uint64_t number() const { return packed >> 8; }
    [[nodiscard]] constexpr std::uint8_t accumulator() const {
        return static_cast<std::uint8_t>(packed);
    }
    friend constexpr auto operator<=>(ElementOwner, ElementOwner) = default;
};

struct OwnedElement {
    ElementOwner owner;
    Element element;
    friend auto operator<=>(const OwnedElement&, const OwnedElement&) = default;
};

}  // namespace kstream
