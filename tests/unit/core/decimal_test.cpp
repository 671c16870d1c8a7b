// Number tokens to units and back: every rule of docs/RECORDS.md about numbers, the edges of 128
// bits, and the short path against the general one.
#include "kstream/model/decimal.hpp"

#include "kstream/model/int192.hpp"
#include "support/json_reference.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

constexpr Int128 kMax = static_cast<Int128>(~UInt128{0} >> 1);
constexpr Int128 kMin = -kMax - 1;

std::string text(Int128 units) {
    std::string out;
    append_decimal(out, Decimal{units}, 0, 0);
    return out;
}

// The units as text, or the error's name.
std::string parse(std::string_view token, int scale) {
    Decimal out{77};
    const DecimalError error = parse_decimal(token, scale, out);
    if (error != DecimalError::none) {
        CHECK(out == Decimal{77});
    }
    switch (error) {
        case DecimalError::none:
            return text(out.units);
        case DecimalError::grammar:
            return "grammar";
        case DecimalError::scale:
            return "scale";
        case DecimalError::range:
            return "range";
    }
    return "?";
}

std::string format(Int128 units, int scale, int min_fraction) {
    std::string out = "<";
    append_decimal(out, Decimal{units}, scale, min_fraction);
    return out + ">";
}

const std::vector<std::string> kNone;
const std::string kNines(100, '9');

std::string nines(std::size_t count) {
    return kNines.substr(0, count);
}

}  // namespace

TEST_CASE("plain numbers", "[decimal]") {
    CHECK(parse("0", 9) == "0");
    CHECK(parse("1", 9) == "1000000000");
    CHECK(parse("-1", 9) == "-1000000000");
    CHECK(parse("74210.35", 9) == "74210350000000");
    CHECK(parse("74210.35", 2) == "7421035");
    CHECK(parse("0.1", 1) == "1");
    CHECK(parse("10.50", 1) == "105");
    CHECK(parse("100", 0) == "100");
    CHECK(parse("-0", 9) == "0");
    CHECK(parse("-0.00", 0) == "0");
    CHECK(parse("0.000000000001", 12) == "1");
}

TEST_CASE("exponents move the point", "[decimal]") {
    CHECK(parse("1e2", 0) == "100");
    CHECK(parse("1E+2", 0) == "100");
    CHECK(parse("1.5e1", 0) == "15");
    CHECK(parse("150e-1", 0) == "15");
    CHECK(parse("1e-9", 9) == "1");
    CHECK(parse("1e-10", 9) == "scale");
    CHECK(parse("12.50e-1", 2) == "125");
    CHECK(parse("12.50e-1", 1) == "scale");
    CHECK(parse("0.000001e6", 0) == "1");
    CHECK(parse("1e00000000000000000000002", 0) == "100");
    CHECK(parse("100e-00000000000000000002", 0) == "1");
}

TEST_CASE("exponents of any size cost nothing and decide rightly", "[decimal]") {
    CHECK(parse("1e400", 9) == "range");
    CHECK(parse("-1e400", 9) == "range");
    CHECK(parse("1e-400", 9) == "scale");
    CHECK(parse("1e999999999", 9) == "range");
    CHECK(parse("1e-999999999", 9) == "scale");
    CHECK(parse("0e999999999", 9) == "0");
    CHECK(parse("-0.000e-999999999", 9) == "0");
    for (const char* huge : {"2147483648", "9223372036854775807", "9223372036854775808",
                             "18446744073709551616", "99999999999999999999999999999999999999"}) {
        CHECK(parse(std::string{"1e"} + huge, 9) == "range");
        CHECK(parse(std::string{"1e-"} + huge, 9) == "scale");
        CHECK(parse(std::string{"0.0e"} + huge, 9) == "0");
        CHECK(parse(std::string{"0.0e-"} + huge, 9) == "0");
    }
    // A long mantissa and its exponent cancel out.
    const std::string zeros(100'000, '0');
    CHECK(parse("1" + zeros + "e-100000", 9) == "1000000000");
    CHECK(parse("0." + zeros + "1e100001", 9) == "1000000000");
    CHECK(parse("1" + zeros + "e-100009", 9) == "1");
    CHECK(parse("1" + zeros + "e-100010", 9) == "scale");
    CHECK(parse("1" + zeros, 9) == "range");
    CHECK(parse("0." + zeros + "1", 9) == "scale");
    CHECK(parse("0." + zeros, 9) == "0");
    CHECK(parse("1." + zeros, 9) == "1000000000");
}

TEST_CASE("what the grammar refuses", "[decimal]") {
    for (const char* token : {"",
                              "-",
                              "+",
                              "+1",
                              "--1",
                              "-+1",
                              ".",
                              ".5",
                              "-.5",
                              "1.",
                              "-1.",
                              "1.e1",
                              "01",
                              "-01",
                              "00",
                              "00.5",
                              "1e",
                              "1e+",
                              "1e-",
                              "e1",
                              "1e1.0",
                              "1e1e1",
                              "1.2.3",
                              "1,5",
                              "1 ",
                              " 1",
                              "1 2",
                              "0x10",
                              "1_0",
                              "NaN",
                              "Infinity",
                              "-Infinity",
                              "inf",
                              "1a",
                              "a1",
                              "1-",
                              "1+1",
                              "12345678901234567890.",
                              "12345678901234567890x",
                              "0123456789012345678901"}) {
        INFO(token);
        CHECK(parse(token, 9) == "grammar");
        CHECK(parse(token, 0) == "grammar");
    }
    CHECK(parse(std::string_view{"1\0", 2}, 9) == "grammar");
    CHECK(parse(std::string_view{"\0", 1}, 9) == "grammar");
    CHECK(parse("\xef\xbc\x91", 9) == "grammar");
}

TEST_CASE("grammar comes before scale, scale before range", "[decimal]") {
    CHECK(parse("1e-400.", 9) == "grammar");
    CHECK(parse("1e400x", 9) == "grammar");
    CHECK(parse(nines(50) + ".5", 0) == "scale");
    CHECK(parse(nines(50) + ".0", 0) == "range");
    CHECK(parse(nines(50) + "." + nines(10), 9) == "scale");
}

TEST_CASE("trailing zeros do not count, whatever their number", "[decimal]") {
    CHECK(parse("0.1234567890000000000000000000000000000000", 9) == "123456789");
    CHECK(parse("0.1234567891", 9) == "scale");
    CHECK(parse("1.0000000000000000000000000000000000000000", 0) == "1");
    CHECK(parse("1.0000000000000000000000000000000000000001", 30) == "scale");
    CHECK(parse("5000000000000000000000000000000000000000e-39", 0) == "5");
    CHECK(parse("1234567890123456789012345678901234567800", 0) == "range");
    CHECK(parse("1234567890123456789012345678901234567800e-2", 0) ==
          "12345678901234567890123456789012345678");
}

TEST_CASE("the edges of 128 bits, at every scale", "[decimal]") {
    const std::string most = "170141183460469231731687303715884105727";
    const std::string least = "170141183460469231731687303715884105728";
    const std::string beyond = "170141183460469231731687303715884105729";
    REQUIRE(text(kMax) == most);
    REQUIRE(text(kMin) == "-" + least);
    for (int scale = 0; scale <= kMaxScale; ++scale) {
        const auto at = [&](const std::string& units) {
            std::string token = units;
            if (scale > 0) {
                token.insert(token.size() - static_cast<std::size_t>(scale), 1, '.');
            }
            return token;
        };
        INFO(scale);
        CHECK(parse(at(most), scale) == most);
        CHECK(parse("-" + at(most), scale) == "-" + most);
        CHECK(parse(at(least), scale) == "range");
        CHECK(parse("-" + at(least), scale) == "-" + least);
        CHECK(parse("-" + at(beyond), scale) == "range");
        CHECK(parse(at(nines(39)), scale) == "range");
        CHECK(parse(at("2" + std::string(38, '0')), scale) == "range");
        CHECK(parse(most + "e-" + std::to_string(scale), scale) == most);
        CHECK(parse("1e" + std::to_string(38 - scale), scale) == "1" + std::string(38, '0'));
        CHECK(parse("1e" + std::to_string(39 - scale), scale) == "range");
        CHECK(parse("1e-" + std::to_string(scale), scale) == "1");
        CHECK(parse("1e-" + std::to_string(scale + 1), scale) == "scale");
    }
    CHECK(parse("340282366920938463463374607431768211456", 0) == "range");  // 2^128
    CHECK(parse("-340282366920938463463374607431768211456", 0) == "range");
    CHECK(parse("680564733841876926926749214863536422912", 0) == "range");  // 2^129
}

TEST_CASE("around the length where the short path ends", "[decimal]") {
    for (std::size_t digits = 16; digits <= 21; ++digits) {
        for (std::size_t point = 0; point <= digits; ++point) {
            std::string token = "123456789012345678901234567890";
            token.resize(digits);
            const std::string whole = token.substr(0, digits - point);
            const std::string fraction = token.substr(digits - point);
            token = (whole.empty() ? "0" : whole) + (fraction.empty() ? "" : "." + fraction);
            INFO(token);
            const std::string units = whole + fraction + std::string(30 - point, '0');
            const bool fits = units.size() < 39;
            CHECK(parse(token, 30) == (fits ? units : parse(token + "e0", 30)));
            CHECK(parse("-" + token, 30) == (fits ? "-" + units : parse("-" + token + "e0", 30)));
        }
    }
}

TEST_CASE("random tokens against the reference", "[decimal]") {
    std::mt19937_64 random{20250501};
    const auto digits = [&](std::size_t most) {
        std::string out;
        for (std::size_t i = random() % (most + 1); i > 0; --i) {
            out += static_cast<char>('0' + (random() % 3 == 0 ? 0 : random() % 10));
        }
        return out;
    };
    std::vector<std::string> differences;
    int exact = 0;
    for (int i = 0; i < 200'000; ++i) {
        std::string token = random() % 2 == 0 ? "-" : "";
        const std::string whole = digits(random() % 4 == 0 ? 45 : 9);
        token += whole.empty() || whole[0] == '0' ? "0" : whole;
        const std::string fraction = digits(random() % 4 == 0 ? 45 : 9);
        token += fraction.empty() ? "" : "." + fraction;
        if (random() % 4 == 0) {
            token += "e" + std::to_string(static_cast<int>(random() % 100) - 50);
        }
        const int scale = static_cast<int>(random() % (kMaxScale + 1));
        Int128 units = 0;
        const std::string problem = testing::reference::units_of(token, scale, units);
        const std::string expected = problem.empty() ? text(units) : problem;
        const std::string got = parse(token, scale);
        exact += problem.empty() ? 1 : 0;
        if (got != expected) {
            differences.insert(differences.end(), {token, std::to_string(scale), got, expected});
        }
    }
    CHECK(differences == kNone);
    CHECK(exact > 20'000);
    CHECK(exact < 180'000);
}

TEST_CASE("the shortest plain form with at least so many fraction digits", "[decimal]") {
    CHECK(format(5, 0, 2) == "<5.00>");
    CHECK(format(125, 3, 2) == "<0.125>");
    CHECK(format(0, 9, 2) == "<0.00>");
    CHECK(format(0, 9, 0) == "<0>");
    CHECK(format(0, 0, 0) == "<0>");
    CHECK(format(5'000'000'000, 9, 2) == "<5.00>");
    CHECK(format(5'100'000'000, 9, 2) == "<5.10>");
    CHECK(format(5'120'000'000, 9, 2) == "<5.12>");
    CHECK(format(5'123'000'000, 9, 2) == "<5.123>");
    CHECK(format(5'123'456'789, 9, 2) == "<5.123456789>");
    CHECK(format(5'100'000'000, 9, 0) == "<5.1>");
    CHECK(format(5'000'000'000, 9, 0) == "<5>");
    CHECK(format(-1, 9, 2) == "<-0.000000001>");
    CHECK(format(-1'100'000'000, 9, 2) == "<-1.10>");
    CHECK(format(1, 30, 0) == "<0.000000000000000000000000000001>");
    CHECK(format(100, 1, 0) == "<10>");
    CHECK(format(1, 1, 30) == "<0.100000000000000000000000000000>");
    CHECK(format(kMax, 0, 0) == "<170141183460469231731687303715884105727>");
    CHECK(format(kMin, 0, 2) == "<-170141183460469231731687303715884105728.00>");
    CHECK(format(kMax, 30, 2) == "<170141183.460469231731687303715884105727>");
    CHECK(format(kMin, 9, 2) == "<-170141183460469231731687303715.884105728>");
}

TEST_CASE("what is written can be read back, and is the only form of its value", "[decimal]") {
    std::mt19937_64 random{7};
    std::vector<std::string> differences;
    for (int i = 0; i < 100'000; ++i) {
        UInt128 bits = UInt128{random()} << 64 | random();
        bits >>= random() % 127;
        const auto units = static_cast<Int128>(random() % 2 == 0 ? bits : UInt128{0} - bits);
        const int scale = static_cast<int>(random() % (kMaxScale + 1));
        const int min_fraction = static_cast<int>(random() % 4);
        std::string token;
        append_decimal(token, Decimal{units}, scale, min_fraction);
        Decimal back;
        if (parse_decimal(token, scale, back) != DecimalError::none || back.units != units ||
            (min_fraction == 0 && token != testing::reference::plain(units, scale))) {
            differences.push_back(token);
        }
    }
    CHECK(differences == kNone);
}

TEST_CASE("192 bits as text: the edges, and what Python says of them", "[decimal]") {
    const auto text = [](const Int192& units, int scale, int min_fraction = 0) {
        std::string out;
        append_decimal(out, units, scale, min_fraction);
        return out;
    };
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    const Int192 two_127 = -Int192{kMin};
    const Int192 most{kAll, kAll, static_cast<std::int64_t>(kAll >> 1)};
    CHECK(text(two_127, 0) == "170141183460469231731687303715884105728");
    CHECK(text(two_127 + Int192{kMin}, 0) == "0");
    CHECK(text(Int192{0, 0, 1}, 9) == "340282366920938463463374607431.768211456");
    CHECK(text(Int192{0, 0, -1}, 30, 2) == "-340282366.920938463463374607431768211456");
    CHECK(text(most, 0) == "3138550867693340381917894711603833208051177722232017256447");
    CHECK(text(-most, 30) == "-3138550867693340381917894711.603833208051177722232017256447");
    // 10^38 and 10^57: zeros in the middle of what is divided word by word.
    CHECK(text(Int192{0x098a224000000000, 0x4b3b4ca85a86c47a, 0}, 0) == "1" + std::string(38, '0'));
    CHECK(text(Int192{}, 3, 2) == "0.00");
    CHECK(Int192{kMax}.fits_128());
    CHECK(Int192{kMin}.fits_128());
    CHECK_FALSE(two_127.fits_128());
    CHECK_FALSE((Int192{kMin} + Int192{-1}).fits_128());
}

TEST_CASE("192 bits as text add up digit by digit", "[decimal]") {
    // Against addition on paper, from a value that 128 bits hold to one that they do not.
    const auto plus = [](std::string a, std::string b) {
        std::string sum;
        int carry = 0;
        for (std::size_t i = 0; i < std::max(a.size(), b.size()) || carry > 0; ++i) {
            const auto digit = [i](const std::string& of) {
                return i < of.size() ? of[of.size() - 1 - i] - '0' : 0;
            };
            const int here = digit(a) + digit(b) + carry;
            sum.insert(sum.begin(), static_cast<char>('0' + here % 10));
            carry = here / 10;
        }
        return sum;
    };
    std::mt19937_64 random{7};
    for (int round = 0; round < 200; ++round) {
        const UInt128 bits = (UInt128{random()} << 64) | random();
        Int192 value{static_cast<Int128>(bits >> (1 + random() % 100))};
        std::string expected;
        append_decimal(expected, value, 0, 0);
        for (int i = 0; i < 62; ++i) {  // to 2^62 times as much
            value = value + value;
            expected = plus(expected, expected);
            std::string text;
            append_decimal(text, value, 0, 0);
            REQUIRE(text == expected);
        }
    }
}

}  // namespace kstream
