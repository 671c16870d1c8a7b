#include "audit/exact.hpp"

#include "kstream/check.hpp"

#include <openssl/bn.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace kstream::audit {
namespace {

// The contract's (docs/RECORDS.md, "Numbers" of a statement).
constexpr int kMaxDigits = 144;
// Of an exponent: all that is larger is out of bounds, whatever stands in front of it.
constexpr std::int64_t kLargestExponent = 1'000'000'000'000;

struct FreeContext {
    void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using Context = std::unique_ptr<BN_CTX, FreeContext>;

Context context() {
    Context made{BN_CTX_new()};
    KSTREAM_CHECK(made != nullptr, "out of memory");
    return made;
}

void must(int done) {
    KSTREAM_CHECK(done == 1, "OpenSSL fails to reckon without memory only");
}

}  // namespace

// ---- integers ----------------------------------------------------------------------------------

void Whole::Free::operator()(bignum_st* number) const {
    BN_free(number);
}

Whole::Whole() : number_(BN_new()) {
    KSTREAM_CHECK(number_ != nullptr, "out of memory");
}

Whole::Whole(std::int64_t value) : Whole(Int192{Int128{value}}) {}

Whole::Whole(const Int192& value) : Whole() {
    const Int192 positive = value.negative() ? -value : value;
    std::array<unsigned char, 24> bytes{};
    std::size_t at = 0;
    for (const std::uint64_t word :
         {static_cast<std::uint64_t>(positive.high), positive.middle, positive.low}) {
        for (int shift = 56; shift >= 0; shift -= 8) {
            bytes[at++] = static_cast<unsigned char>(word >> shift);
        }
    }
    KSTREAM_CHECK(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), number_.get()) != nullptr,
                  "out of memory");
    BN_set_negative(number_.get(), value.negative() ? 1 : 0);
}

Whole Whole::of_digits(std::string_view digits) {
    Whole made;
    const std::string text{digits};
    BIGNUM* number = made.number_.get();
    KSTREAM_CHECK(static_cast<std::size_t>(BN_dec2bn(&number, text.c_str())) == text.size(),
                  "digits alone");
    return made;
}

Whole Whole::power_of_ten(int exponent) {
    KSTREAM_CHECK(exponent >= 0, "a power of ten is an integer");
    return of_digits("1" + std::string(static_cast<std::size_t>(exponent), '0'));
}

Whole::Whole(const Whole& other) : number_(BN_dup(other.number_.get())) {
    KSTREAM_CHECK(number_ != nullptr, "out of memory");
}

Whole& Whole::operator=(const Whole& other) {
    if (this != &other) {
        *this = Whole{other};
    }
    return *this;
}

int Whole::sign() const {
    return BN_is_zero(number_.get()) != 0 ? 0 : BN_is_negative(number_.get()) != 0 ? -1 : 1;
}

std::size_t Whole::bits() const {
    return static_cast<std::size_t>(BN_num_bits(number_.get()));
}

Whole Whole::negated() const {
    Whole made{*this};
    BN_set_negative(made.number_.get(), sign() > 0 ? 1 : 0);
    return made;
}

Whole Whole::magnitude() const {
    return sign() < 0 ? negated() : *this;
}

Whole operator+(const Whole& a, const Whole& b) {
    Whole made;
    must(BN_add(made.number_.get(), a.number_.get(), b.number_.get()));
    return made;
}

Whole operator-(const Whole& a, const Whole& b) {
    Whole made;
    must(BN_sub(made.number_.get(), a.number_.get(), b.number_.get()));
    return made;
}

Whole operator*(const Whole& a, const Whole& b) {
    Whole made;
    must(BN_mul(made.number_.get(), a.number_.get(), b.number_.get(), context().get()));
    return made;
}

Whole::Division Whole::divide(const Whole& a, const Whole& b) {
    Division made;
    must(BN_div(made.quotient.number_.get(), made.rest.number_.get(), a.number_.get(),
                b.number_.get(), context().get()));
    return made;
}

// Newton's way from above, which falls until it is there.
Whole Whole::root() const {
    KSTREAM_CHECK(sign() >= 0, "of no negative number");
    if (sign() == 0) {
        return {};
    }
    Whole guess;
    must(BN_set_bit(guess.number_.get(), static_cast<int>(bits() / 2 + 1)));
    while (true) {
        Whole next = divide(guess + divide(*this, guess).quotient, Whole{2}).quotient;
        if (next >= guess) {
            return guess;
        }
        guess = std::move(next);
    }
}

std::strong_ordering operator<=>(const Whole& a, const Whole& b) {
    return BN_cmp(a.number_.get(), b.number_.get()) <=> 0;
}

std::string Whole::digits() const {
    char* const text = BN_bn2dec(number_.get());
    KSTREAM_CHECK(text != nullptr, "out of memory");
    std::string digits{text};
    OPENSSL_free(text);
    return digits;
}

std::optional<Int128> Whole::to_128() const {
    std::array<unsigned char, 16> bytes{};
    if (bits() > 128) {
        return std::nullopt;
    }
    BN_bn2binpad(number_.get(), bytes.data(), static_cast<int>(bytes.size()));
    UInt128 units = 0;
    for (const unsigned char byte : bytes) {
        units = units << 8 | byte;
    }
    const bool negative = sign() < 0;
    if (units > (~UInt128{0} >> 1) + (negative ? 1 : 0)) {
        return std::nullopt;
    }
    return static_cast<Int128>(negative ? UInt128{0} - units : units);
}

std::optional<std::int64_t> Whole::to_64() const {
    const std::optional<Int128> wide = to_128();
    if (!wide || *wide != static_cast<std::int64_t>(*wide)) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(*wide);
}

Whole rounded(const Whole& top, const Whole& bottom, Cut how) {
    Whole::Division made = Whole::divide(top, bottom);
    if (made.rest.sign() == 0) {
        return std::move(made.quotient);
    }
    const bool negative = top.sign() != bottom.sign();
    bool further = false;  // from zero
    switch (how) {
        case Cut::half_away:
            further = made.rest.magnitude() * Whole{2} >= bottom.magnitude();
            break;
        case Cut::towards_zero:
            break;
        case Cut::down:
            further = negative;
            break;
        case Cut::up:
            further = !negative;
            break;
    }
    return further ? made.quotient + Whole{negative ? -1 : 1} : std::move(made.quotient);
}

// ---- decimals ----------------------------------------------------------------------------------

std::optional<Decimals> Decimals::of(Whole units, int scale) {
    if (units.sign() == 0) {
        return Decimals{};
    }
    for (const Whole ten{10}; scale > kMaxDigits; --scale) {
        Whole::Division shorter = Whole::divide(units, ten);
        if (shorter.rest.sign() != 0) {
            return std::nullopt;
        }
        units = std::move(shorter.quotient);
    }
    Decimals made{std::move(units), scale};
    // 10^144 has more than 478 bits.
    if (made.units_.bits() > 478 && made.whole_digits() > kMaxDigits) {
        return std::nullopt;
    }
    return made;
}

std::optional<Decimals> Decimals::read(std::string_view token) {
    const bool negative = token.starts_with('-');
    token.remove_prefix(negative ? 1 : 0);
    const std::size_t e = std::min(token.find_first_of("eE"), token.size());
    const std::string_view mantissa = token.substr(0, e);
    std::int64_t exponent = 0;
    if (e < token.size()) {
        std::string_view power = token.substr(e + 1);
        const bool below = power.starts_with('-');
        power.remove_prefix(below || power.starts_with('+') ? 1 : 0);
        for (const char digit : power) {
            exponent = std::min(exponent * 10 + (digit - '0'), kLargestExponent);
        }
        exponent = below ? -exponent : exponent;
    }
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    std::string digits{mantissa.substr(0, point)};
    if (point < mantissa.size()) {
        digits += mantissa.substr(point + 1);
        exponent -= static_cast<std::int64_t>(mantissa.size() - point - 1);
    }
    // Zeros on either side say nothing, however many there are: a million of them are no number to
    // reckon with.
    const std::size_t last = digits.find_last_not_of('0');
    if (last == std::string::npos) {
        return Decimals{};
    }
    exponent += static_cast<std::int64_t>(digits.size() - last - 1);
    digits.resize(last + 1);
    digits.erase(0, digits.find_first_not_of('0'));
    const auto size = static_cast<std::int64_t>(digits.size());
    if (size + exponent > kMaxDigits || exponent < -kMaxDigits) {
        return std::nullopt;
    }
    Whole units = Whole::of_digits(digits);
    if (exponent > 0) {
        units = units * Whole::power_of_ten(static_cast<int>(exponent));
    }
    return Decimals{negative ? units.negated() : std::move(units),
                    exponent < 0 ? static_cast<int>(-exponent) : 0};
}

Whole Decimals::units_at(int scale) const {
    return scale == scale_ ? units_ : units_ * Whole::power_of_ten(scale - scale_);
}

int Decimals::fraction_digits() const {
    if (sign() == 0) {
        return 0;
    }
    const std::string digits = units_.digits();
    const auto zeros = static_cast<int>(digits.size() - digits.find_last_not_of('0') - 1);
    return std::max(0, scale_ - zeros);
}

int Decimals::whole_digits() const {
    return sign() == 0 ? 0
                       : std::max(0, static_cast<int>(units_.magnitude().digits().size()) - scale_);
}

std::optional<Decimals> operator+(const Decimals& a, const Decimals& b) {
    const int scale = std::max(a.scale_, b.scale_);
    return Decimals::of(a.units_at(scale) + b.units_at(scale), scale);
}

std::optional<Decimals> operator*(const Decimals& a, const Decimals& b) {
    return Decimals::of(a.units_ * b.units_, a.scale_ + b.scale_);
}

std::strong_ordering operator<=>(const Decimals& a, const Decimals& b) {
    const int scale = std::max(a.scale_, b.scale_);
    return a.units_at(scale) <=> b.units_at(scale);
}

Decimals Decimals::negated() const {
    return {units_.negated(), scale_};
}

Decimals Decimals::rest_of(const Decimals& divisor) const {
    const int scale = std::max(scale_, divisor.scale_);
    return {Whole::divide(units_at(scale), divisor.units_at(scale)).rest, scale};
}

std::string Decimals::text() const {
    std::string digits = units_.magnitude().digits();
    const auto scale = static_cast<std::size_t>(scale_);
    if (digits.size() <= scale) {
        digits.insert(0, scale + 1 - digits.size(), '0');
    }
    if (scale > 0) {
        digits.insert(digits.size() - scale, ".");
        digits.erase(digits.find_last_not_of('0') + 1);
        if (digits.ends_with('.')) {
            digits.pop_back();
        }
    }
    return sign() < 0 ? "-" + digits : digits;
}

// ---- what expressions come to ------------------------------------------------------------------

namespace {

Decimals one() {
    return *Decimals::of(Whole{1}, 0);
}

std::optional<Exact> quotient(const std::optional<Decimals>& top,
                              const std::optional<Decimals>& bottom) {
    return top && bottom ? std::optional{Exact{*top, bottom}} : std::nullopt;
}

std::optional<Exact> decimal(const std::optional<Decimals>& number) {
    return number ? std::optional{Exact{*number, std::nullopt}} : std::nullopt;
}

}  // namespace

Exact Exact::of(std::int64_t value) {
    return {*Decimals::of(Whole{value}, 0), std::nullopt};
}

std::optional<Exact> add(const Exact& a, const Exact& b) {
    if (!a.bottom && !b.bottom) {
        return decimal(a.top + b.top);
    }
    const Decimals below_a = a.bottom.value_or(one());
    const Decimals below_b = b.bottom.value_or(one());
    const std::optional<Decimals> left = a.top * below_b;
    const std::optional<Decimals> right = b.top * below_a;
    return left && right ? quotient(*left + *right, below_a * below_b) : std::nullopt;
}

std::optional<Exact> multiply(const Exact& a, const Exact& b) {
    if (!a.bottom && !b.bottom) {
        return decimal(a.top * b.top);
    }
    return quotient(a.top * b.top, a.bottom.value_or(one()) * b.bottom.value_or(one()));
}

std::optional<Exact> divide(const Exact& a, const Exact& b) {
    return quotient(a.top * b.bottom.value_or(one()), a.bottom.value_or(one()) * b.top);
}

std::optional<Exact> round(const Exact& a, int digits, Cut how) {
    const Decimals bottom = a.bottom.value_or(one());
    // top / 10^t / (bottom / 10^b), in units of 10^-digits.
    const int power = digits + bottom.scale() - a.top.scale();
    const Whole top = a.top.units() * Whole::power_of_ten(std::max(power, 0));
    const Whole by = bottom.units() * Whole::power_of_ten(std::max(-power, 0));
    return decimal(Decimals::of(rounded(top, by, how), digits));
}

Exact negate(const Exact& a) {
    return {a.top.negated(), a.bottom};
}

int sign(const Exact& a) {
    return a.bottom ? a.top.sign() * a.bottom->sign() : a.top.sign();
}

}  // namespace kstream::audit
