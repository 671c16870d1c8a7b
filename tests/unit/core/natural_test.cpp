// Numbers beyond 192 bits: against products and roots that can be told without them.
#include "kstream/core/natural.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace kstream {
namespace {

using testing::Seeded;

std::string digits(const Natural& value) {
    std::string text;
    value.append_digits(text);
    return text;
}

UInt128 random_128(Seeded& random) {
    return ((UInt128{random.word()} << 64) | random.word()) >> random.below(128);
}

Natural random_natural(Seeded& random) {
    Natural value{random_128(random)};
    for (std::uint64_t more = random.below(4); more > 0; --more) {
        value.shift_left(random.below(120)) += Natural{random_128(random)};
    }
    return value;
}

}  // namespace

TEST_CASE("natural numbers are written out whole") {
    CHECK(digits(Natural{}) == "0");
    CHECK(digits(Natural{10}) == "10");
    Natural power{1};
    CHECK(digits(power.times_power_of_ten(57)) == "1" + std::string(57, '0'));
    Natural two{1};
    // By Python: 2**320.
    CHECK(digits(two.shift_left(320)) ==
          "2135987035920910082395021706169552114602704522356652769947041607822219725780640550022962"
          "086936576");
    CHECK(two.bits() == 321);
    CHECK(digits(Natural::magnitude(-Int192{0, 0, -(std::int64_t{1} << 62)})) ==
          digits(Natural::magnitude(Int192{0, 0, -(std::int64_t{1} << 62)})));
    CHECK(digits(Natural::magnitude(Int192{Int128{-12}})) == "12");
}

TEST_CASE("a product is taken apart again, with the rest that was put in") {
    Seeded random{43};
    for (int i = 0; i < 2000; ++i) {
        const Natural quotient = random_natural(random);
        const std::uint64_t by = (random.word() >> random.below(64)) | 1U;
        const std::uint64_t rest = random.word() % by;
        Natural value = quotient;
        value *= by;
        value += Natural{rest};
        CHECK(value.divide(by) == rest);
        CHECK(value == quotient);
    }
}

TEST_CASE("sums, differences and order agree") {
    Seeded random{47};
    for (int i = 0; i < 2000; ++i) {
        const Natural one = random_natural(random);
        const Natural other = random_natural(random);
        Natural sum = one;
        sum += other;
        CHECK(sum >= one);
        CHECK((sum == one) == other.is_zero());
        CHECK((one < other) == (other > one));
        Natural back = sum;
        back -= other;
        CHECK(back == one);
        // (a + b)^2 = a^2 + 2ab + b^2, of numbers whose squares fit
        if (sum.bits() <= 300) {
            Natural parts = one * other;
            parts *= 2;
            parts += one * one;
            parts += other * other;
            CHECK(sum * sum == parts);
        }
    }
}

TEST_CASE("a root is the largest number whose square is not above") {
    Seeded random{53};
    const auto check = [](const Natural& value) {
        const Natural root = value.square_root();
        Natural next = root;
        next += Natural{1};
        CHECK(root * root <= value);
        CHECK(next * next > value);
    };
    for (int i = 0; i < 300; ++i) {
        const Natural root = random_natural(random);
        if (root.bits() > 290) {
            continue;
        }
        Natural square = root * root;
        CHECK(square.square_root() == root);
        check(square += Natural{1});
        if (root.bits() > 1) {
            square -= Natural{2};
            CHECK(square.square_root() < root);
        }
        check(random_natural(random));
    }
    check(Natural{});
    check(Natural{~UInt128{0}});
    check(Natural{(UInt128{1} << 127) - 1});
}

}  // namespace kstream
