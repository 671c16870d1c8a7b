// Natural numbers of up to 640 bits, exactly: what the last step of an average or a variance needs,
// whose parts have left what a slot holds (n * sum of squares has 381 bits, and is then brought to
// 30 digits). On the stack, and no longer than its value: most have two words or three.
//
// The caller proves that nothing leaves 640 bits; a broken proof ends the process (KSTREAM_CHECK).
#pragma once

#include "kstream/model/int128.hpp"
#include "kstream/model/int192.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

namespace kstream {

class Natural {
public:
    static constexpr std::size_t kWords = 10;

    constexpr Natural() = default;
    Natural(UInt128 value);  // NOLINT(google-explicit-constructor): every one is a Natural
    // The magnitude of a value of any sign.
    [[nodiscard]] static Natural magnitude(const Int192& value);

    [[nodiscard]] bool is_zero() const { return size_ == 0; }
    [[nodiscard]] std::size_t bits() const;
    // Of the lowest 128 bits.
    [[nodiscard]] UInt128 low_128() const;

    Natural& operator+=(const Natural& other);
    Natural& operator-=(const Natural& other);  // precondition: other <= *this
    Natural& operator*=(std::uint64_t factor);
    // The quotient stays, the remainder is returned. Precondition: by > 0.
    std::uint64_t divide(std::uint64_t by);
    Natural& shift_left(std::size_t bits);
    Natural& times_power_of_ten(int exponent);
    // Rounded down. One after the other is the same as by their product.
    Natural& over_power_of_ten(int exponent);

    friend Natural operator*(const Natural& one, const Natural& other);
    [[nodiscard]] friend bool operator==(const Natural& one, const Natural& other) {
        return (one <=> other) == 0;
    }
    friend std::strong_ordering operator<=>(const Natural& one, const Natural& other);

    // The largest number whose square is not above this one.
    [[nodiscard]] Natural square_root() const;

    void append_digits(std::string& out) const;  // "0" of zero

private:
    void trim();
    void grow(std::size_t words);

    std::array<std::uint64_t, kWords> words_{};  // least significant first; 0 from size_ on
    std::size_t size_ = 0;                       // the last one is not 0
};

}  // namespace kstream
