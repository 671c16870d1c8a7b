// Numbers as the audit reckons with them: integers of any size by OpenSSL, of which a decimal is
// one over a power of ten and a quotient two decimals. Slow, and nothing of it is shared with what
// the loops reckon with (core, expr), so that neither hides a fault of the other (ADR 0055).
#pragma once

#include "kstream/model/int128.hpp"
#include "kstream/model/int192.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// OpenSSL's BIGNUM, which headers of ours do not name.
struct bignum_st;

namespace kstream::audit {

// An integer of any size.
class Whole {
public:
    Whole();  // 0
    explicit Whole(std::int64_t value);
    explicit Whole(const Int192& value);
    // Digits alone, 1 or more.
    [[nodiscard]] static Whole of_digits(std::string_view digits);
    [[nodiscard]] static Whole power_of_ten(int exponent);

    Whole(const Whole& other);
    Whole(Whole&& other) noexcept = default;
    Whole& operator=(const Whole& other);
    Whole& operator=(Whole&& other) noexcept = default;
    ~Whole() = default;

    [[nodiscard]] int sign() const;
    [[nodiscard]] std::size_t bits() const;  // of its magnitude
    [[nodiscard]] Whole negated() const;
    [[nodiscard]] Whole magnitude() const;
    friend Whole operator+(const Whole& a, const Whole& b);
    friend Whole operator-(const Whole& a, const Whole& b);
    friend Whole operator*(const Whole& a, const Whole& b);
    // Cut towards zero, and what is left over with the sign of a. b is not 0.
    struct Division;
    [[nodiscard]] static Division divide(const Whole& a, const Whole& b);
    // The largest integer whose square is not above this one, which is not negative.
    [[nodiscard]] Whole root() const;

    friend std::strong_ordering operator<=>(const Whole& a, const Whole& b);
    friend bool operator==(const Whole& a, const Whole& b) { return (a <=> b) == 0; }

    [[nodiscard]] std::string digits() const;                 // with its sign
    [[nodiscard]] std::optional<Int128> to_128() const;       // none: too large
    [[nodiscard]] std::optional<std::int64_t> to_64() const;  // the same

private:
    struct Free {
        void operator()(bignum_st* number) const;
    };
    std::unique_ptr<bignum_st, Free> number_;  // none after a move
};

struct Whole::Division {
    Whole quotient;
    Whole rest;
};

enum class Cut : std::uint8_t { half_away, towards_zero, down, up };

// top / bottom, rounded to an integer, once. bottom is not 0.
[[nodiscard]] Whole rounded(const Whole& top, const Whole& bottom, Cut how);

// units / 10^scale with at most 144 digits needed on either side of the point.
class Decimals {
public:
    Decimals() = default;
    // None where it needs more digits.
    [[nodiscard]] static std::optional<Decimals> of(Whole units, int scale);
    // A number of JSON's grammar.
    [[nodiscard]] static std::optional<Decimals> read(std::string_view token);

    [[nodiscard]] int sign() const { return units_.sign(); }
    [[nodiscard]] int scale() const { return scale_; }
    [[nodiscard]] const Whole& units() const { return units_; }
    // Both over the larger power of ten of the two.
    [[nodiscard]] Whole units_at(int scale) const;  // scale >= scale()
    [[nodiscard]] int fraction_digits() const;      // that are needed
    [[nodiscard]] int whole_digits() const;         // in front of the point; 0 below 1

    friend std::optional<Decimals> operator+(const Decimals& a, const Decimals& b);
    friend std::optional<Decimals> operator*(const Decimals& a, const Decimals& b);
    friend std::strong_ordering operator<=>(const Decimals& a, const Decimals& b);
    [[nodiscard]] Decimals negated() const;
    [[nodiscard]] Decimals rest_of(const Decimals& divisor) const;  // with the sign of this one

    [[nodiscard]] std::string text() const;  // canonical

private:
    Decimals(Whole units, int scale) : units_(std::move(units)), scale_(scale) {}

    Whole units_;
    int scale_ = 0;
};

// What an expression comes to: a decimal, or a quotient, which is reckoned with as fractions are on
// paper, nothing ever canceled, until something rounds it.
struct Exact {
    Decimals top;
    std::optional<Decimals> bottom;  // of a quotient

    [[nodiscard]] static Exact of(std::int64_t value);
};

// None: a number out of bounds came of it.
[[nodiscard]] std::optional<Exact> add(const Exact& a, const Exact& b);
[[nodiscard]] std::optional<Exact> multiply(const Exact& a, const Exact& b);
[[nodiscard]] std::optional<Exact> divide(const Exact& a, const Exact& b);  // b is not 0
[[nodiscard]] std::optional<Exact> round(const Exact& a, int digits, Cut how);
[[nodiscard]] Exact negate(const Exact& a);
[[nodiscard]] int sign(const Exact& a);

}  // namespace kstream::audit
