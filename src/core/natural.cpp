#include "kstream/core/natural.hpp"

#include "kstream/check.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kstream {

namespace {

constexpr int kPowerDigits = 19;  // 10^19 is the largest power of ten in 64 bits
constexpr std::size_t kWordBits = 64;

constexpr std::uint64_t power_of_ten(int exponent) {
    std::uint64_t power = 1;
    for (int i = 0; i < exponent; ++i) {
        power *= 10;
    }
    return power;
}

// The double next to the root is off by a few units of its last place; from there it is a matter of
// steps.
UInt128 root_of(UInt128 value) {
    auto root = static_cast<UInt128>(std::sqrt(static_cast<double>(value)));
    constexpr UInt128 kMaxRoot = ~std::uint64_t{0};
    root = std::min(root, kMaxRoot);
    // Newton from any start above the root comes down to it; one step brings it above or onto it.
    if (root > 0) {
        root = std::min((root + value / root) / 2, kMaxRoot);
    }
    while (root * root > value) {
        --root;
    }
    while (root < kMaxRoot && (root + 1) * (root + 1) <= value) {
        ++root;
    }
    return root;
}

}  // namespace

Natural::Natural(UInt128 value)
    : words_{static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(value >> kWordBits)},
      size_(2) {
    trim();
}

Natural Natural::magnitude(const Int192& value) {
    const Int192 positive = value.negative() ? -value : value;
    Natural natural;
    natural.words_[0] = positive.low;
    natural.words_[1] = positive.middle;
    natural.words_[2] = static_cast<std::uint64_t>(positive.high);  // also of -2^191
    natural.size_ = 3;
    natural.trim();
    return natural;
}

void Natural::trim() {
    while (size_ > 0 && words_[size_ - 1] == 0) {
        --size_;
    }
}

void Natural::grow(std::size_t words) {
    KSTREAM_CHECK(words <= kWords, "whoever multiplies has proved that it fits");
    size_ = std::max(size_, words);
}

std::size_t Natural::bits() const {
    return size_ == 0
               ? 0
               : size_ * kWordBits - static_cast<std::size_t>(std::countl_zero(words_[size_ - 1]));
}

UInt128 Natural::low_128() const {
    return UInt128{words_[1]} << kWordBits | words_[0];
}

Natural& Natural::operator+=(const Natural& other) {
    UInt128 carry = 0;
    const std::size_t common = std::max(size_, other.size_);
    for (std::size_t i = 0; i < common; ++i) {
        carry += UInt128{words_[i]} + other.words_[i];
        words_[i] = static_cast<std::uint64_t>(carry);
        carry >>= kWordBits;
    }
    grow(common);
    if (carry != 0) {
        grow(common + 1);
        words_[common] = static_cast<std::uint64_t>(carry);
    }
    return *this;
}

Natural& Natural::operator-=(const Natural& other) {
    bool borrow = false;
    for (std::size_t i = 0; i < size_; ++i) {
        std::uint64_t word = 0;
        const bool first = __builtin_sub_overflow(words_[i], other.words_[i], &word);
        const bool second = __builtin_sub_overflow(word, std::uint64_t{borrow}, &words_[i]);
        borrow = first || second;
    }
    KSTREAM_CHECK(!borrow && other.size_ <= size_, "the larger one is subtracted from");
    trim();
    return *this;
}

Natural& Natural::operator*=(std::uint64_t factor) {
    UInt128 carry = 0;
    for (std::size_t i = 0; i < size_; ++i) {
        carry += UInt128{words_[i]} * factor;
        words_[i] = static_cast<std::uint64_t>(carry);
        carry >>= kWordBits;
    }
    if (carry != 0) {
        grow(size_ + 1);
        words_[size_ - 1] = static_cast<std::uint64_t>(carry);
    }
    trim();
    return *this;
}

std::uint64_t Natural::divide(std::uint64_t by) {
    std::uint64_t rest = 0;
    for (std::size_t i = size_; i-- > 0;) {
        const UInt128 part = UInt128{rest} << kWordBits | words_[i];
        words_[i] = static_cast<std::uint64_t>(part / by);
        rest = static_cast<std::uint64_t>(part % by);
    }
    trim();
    return rest;
}

Natural& Natural::shift_left(std::size_t bits) {
    for (; bits >= kWordBits; bits -= kWordBits) {
        grow(size_ + 1);
        std::copy_backward(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(size_) - 1,
                           words_.begin() + static_cast<std::ptrdiff_t>(size_));
        words_[0] = 0;
    }
    return *this *= std::uint64_t{1} << bits;
}

Natural& Natural::times_power_of_ten(int exponent) {
    for (; exponent > 0; exponent -= kPowerDigits) {
        *this *= power_of_ten(std::min(exponent, kPowerDigits));
    }
    return *this;
}

Natural& Natural::over_power_of_ten(int exponent) {
    for (; exponent > 0; exponent -= kPowerDigits) {
        divide(power_of_ten(std::min(exponent, kPowerDigits)));
    }
    return *this;
}

Natural operator*(const Natural& one, const Natural& other) {
    Natural product;
    for (std::size_t i = 0; i < one.size_; ++i) {
        UInt128 carry = 0;
        product.grow(i + other.size_);
        for (std::size_t j = 0; j < other.size_; ++j) {
            carry += UInt128{one.words_[i]} * other.words_[j] + product.words_[i + j];
            product.words_[i + j] = static_cast<std::uint64_t>(carry);
            carry >>= kWordBits;
        }
        if (carry != 0) {
            product.grow(i + other.size_ + 1);
            product.words_[i + other.size_] = static_cast<std::uint64_t>(carry);
        }
    }
    product.trim();
    return product;
}

std::strong_ordering operator<=>(const Natural& one, const Natural& other) {
    if (one.size_ != other.size_) {
        return one.size_ <=> other.size_;
    }
    for (std::size_t i = one.size_; i-- > 0;) {
        if (one.words_[i] != other.words_[i]) {
            return one.words_[i] <=> other.words_[i];
        }
    }
    return std::strong_ordering::equal;
}

Natural Natural::square_root() const {
    if (size_ <= 2) {
        return Natural{root_of(low_128())};
    }
    // Bit by bit from the highest: for numbers that few columns have.
    Natural root;
    for (std::size_t bit = (bits() + 1) / 2; bit-- > 0;) {
        Natural larger = root;
        Natural one{1};
        larger += one.shift_left(bit);
        if (larger * larger <= *this) {
            root = larger;
        }
    }
    return root;
}

void Natural::append_digits(std::string& out) const {
    const std::size_t begin = out.size();
    Natural rest = *this;
    do {
        std::uint64_t part = rest.divide(power_of_ten(kPowerDigits));
        for (int i = 0; i < kPowerDigits && (part != 0 || !rest.is_zero()); ++i) {
            out += static_cast<char>('0' + part % 10);
            part /= 10;
        }
    } while (!rest.is_zero());
    if (out.size() == begin) {
        out += '0';
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end());
}

}  // namespace kstream
