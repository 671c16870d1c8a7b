// Exact numbers: the bounds, and every way from one form to the other. What they come to is held
// against PostgreSQL by tests/oracle.
#include "kstream/expr/number.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

namespace kstream::expr {
namespace {

const std::string k144Nines(144, '9');

class Numbers {
public:
    Number of(std::string_view token) {
        const MaybeNumber read = read_number(token, arena_);
        REQUIRE(read.has_value());
        return *read;
    }
    std::string show(const MaybeNumber& number) {
        return number ? std::string{to_text(*number, arena_)} : "range";
    }
    std::string read(std::string_view token) { return show(read_number(token, arena_)); }
    std::string sum(std::string_view a, std::string_view b) {
        return show(add(of(a), of(b), arena_));
    }
    std::string product(std::string_view a, std::string_view b) {
        return show(multiply(of(a), of(b), arena_));
    }
    std::string rest(std::string_view a, std::string_view b) {
        return show(modulo(of(a), of(b), arena_));
    }
    Number quotient(std::string_view a, std::string_view b) {
        return *divide(of(a), of(b), arena_);
    }
    std::string rounded(Number a, int digits, Rounding how = Rounding::half_away) {
        return show(expr::round(a, digits, how, arena_));
    }
    Arena& arena() { return arena_; }

private:
    Arena arena_;
};

}  // namespace

TEST_CASE("the short way to units comes to what the long way does", "[expr][number]") {
    Numbers n;
    for (const std::string_view token :
         {"0", "-0", "-0.00", "7", "-7", "0.5", "-0.5", "1767614400.123", "12.50", "-12.50",
          "999999999999999999", "-999999999999999999", "9999999999999999999", "0.12345678901234567",
          "0.1234567890123456789", "1e3", "1.5E-2", "12345678901234567890123456789012345678"}) {
        for (int scale = 0; scale <= kMaxRounded; ++scale) {
            CAPTURE(token, scale);
            Int128 units = 0;
            if (!read_short_units(token, scale, units)) {
                continue;  // which is what the long way is for
            }
            Int128 expected = 0;
            REQUIRE(to_units(n.of(token), scale, expected) == DecimalError::none);
            REQUIRE((units == expected));
        }
    }
    Int128 units = 0;
    CHECK((read_short_units("-12.50", 2, units) && units == -1250));
    CHECK((read_short_units("-999999999999999999", 18, units) &&
           units == Int128{-999999999999999999} * 1000000000000000000));
    // The digits after the point are more, or the power of ten is.
    CHECK_FALSE(read_short_units("12.50", 1, units));
    CHECK_FALSE(read_short_units("1", 19, units));
    CHECK_FALSE(read_short_units("1e3", 9, units));
    CHECK_FALSE(read_short_units("9999999999999999999", 0, units));
}

TEST_CASE("numbers are read exactly, up to their bounds", "[expr][number]") {
    Numbers n;
    CHECK(n.read("0") == "0");
    CHECK(n.read("-0.00") == "0");
    CHECK(n.read("-0e99999999999999999999") == "0");
    CHECK(n.read("1.50") == "1.5");
    CHECK(n.read("-12.50e3") == "-12500");
    CHECK(n.read("120e-1") == "12");
    CHECK(n.read("999999999999999999") == "999999999999999999");
    CHECK(n.read("9999999999999999999") == "9999999999999999999");
    CHECK(n.read("0.00000000000000001") == "0.00000000000000001");
    CHECK(n.read("1e143") == "1" + std::string(143, '0'));
    CHECK(n.read("1e144") == "range");
    CHECK(n.read("-1e-144") == "-0." + std::string(143, '0') + "1");
    CHECK(n.read("1e-145") == "range");
    CHECK(n.read("10e-145") == "0." + std::string(143, '0') + "1");
    CHECK(n.read("1e999999999999999999999") == "range");
    CHECK(n.read("1e-999999999999999999999") == "range");
    CHECK(n.read(k144Nines + "." + k144Nines) == k144Nines + "." + k144Nines);
    CHECK(n.read(k144Nines + "." + k144Nines + "0") == k144Nines + "." + k144Nines);
    CHECK(n.read("1" + k144Nines) == "range");
    CHECK(n.read("0." + k144Nines + "1") == "range");
}

TEST_CASE("what leaves the bounds is no number", "[expr][number]") {
    Numbers n;
    const std::string half = "5e143";
    CHECK(n.sum(half, half) == "range");
    CHECK(n.sum("4e143", half) == "9" + std::string(143, '0'));
    CHECK(n.sum(k144Nines, "1") == "range");
    CHECK(n.sum(k144Nines, "-1") == std::string(143, '9') + "8");
    CHECK(n.product("1e72", "1e71") == "1" + std::string(143, '0'));
    CHECK(n.product("1e72", "1e72") == "range");
    CHECK(n.product("1e-72", "1e-72") == "0." + std::string(143, '0') + "1");
    CHECK(n.product("1e-72", "1e-73") == "range");
    CHECK(n.product("1e143", "0") == "0");
    CHECK(n.product("1e-100", "1e100") == "1");
}

TEST_CASE("results are small again where they can be", "[expr][number]") {
    Numbers n;
    CHECK(n.sum("1e100", "-1e100") == "0");
    const MaybeNumber small =
        add(*add(n.of("1e100"), n.of("0.5"), n.arena()), n.of("-1e100"), n.arena());
    REQUIRE(small.has_value());
    CHECK(small->form == Number::Form::small);
    CHECK(n.sum("170141183460469231731687303715884105727", "1") ==
          "170141183460469231731687303715884105728");
    CHECK(n.show(negate(n.of("-170141183460469231731687303715884105728"), n.arena())) ==
          "170141183460469231731687303715884105728");
    CHECK(n.rest("-170141183460469231731687303715884105728", "-1") == "0");
}

TEST_CASE("a remainder has the sign of what is divided", "[expr][number]") {
    Numbers n;
    CHECK(n.rest("7", "3") == "1");
    CHECK(n.rest("-7", "3") == "-1");
    CHECK(n.rest("7", "-3") == "1");
    CHECK(n.rest("5.5", "0.4") == "0.3");
    CHECK(n.rest("1e143", "7") == "5");
    CHECK(n.rest("-1e143", "1e-144") == "0");
    CHECK(n.rest(k144Nines, "123456789012345678901234567890.5") ==
          "2932384291988533971785311326.5");
}

TEST_CASE("a quotient is rounded once, half away from zero", "[expr][number]") {
    Numbers n;
    CHECK(n.rounded(n.quotient("2", "3"), 2) == "0.67");
    CHECK(n.rounded(n.quotient("1", "8"), 2) == "0.13");
    CHECK(n.rounded(n.quotient("-1", "8"), 2) == "-0.13");
    CHECK(n.rounded(n.quotient("1", "-8"), 2, Rounding::truncate) == "-0.12");
    CHECK(n.rounded(n.quotient("-1", "8"), 2, Rounding::floor) == "-0.13");
    CHECK(n.rounded(n.quotient("-1", "8"), 2, Rounding::ceil) == "-0.12");
    CHECK(n.rounded(n.quotient("1", "8"), 2, Rounding::ceil) == "0.13");
    // Rounded at 20 digits first, as PostgreSQL does it, this would be 0.5 and then 1.
    CHECK(n.rounded(n.quotient("49999999999999999999999999", "100000000000000000000000000"), 0) ==
          "0");
    // a / b * c + d: exact up to the end.
    const MaybeNumber third = multiply(n.quotient("1", "3"), n.of("3"), n.arena());
    CHECK(n.rounded(*third, 30) == "1");
    CHECK(n.rounded(*add(*third, n.quotient("1", "6"), n.arena()), 3) == "1.167");
    CHECK(n.rounded(n.quotient("1e143", "3e143"), 30) == "0.333333333333333333333333333333");
    CHECK(n.rounded(n.quotient("1e143", "3e-30"), 0) == "range");
    CHECK(n.rounded(n.quotient(k144Nines, k144Nines), 2) == "1");
}

TEST_CASE("numbers of any scale are compared by value", "[expr][number]") {
    Numbers n;
    const auto less = [&](std::string_view a, std::string_view b) {
        CHECK(compare(n.of(a), n.of(b)) < 0);
        CHECK(compare(n.of(b), n.of(a)) > 0);
    };
    less("1", "1.1");
    less("-1e143", "1e-144");
    less("-1e143", "-1e142");
    less("1e-144", "2e-144");
    less("170141183460469231731687303715884105727", "170141183460469231731687303715884105727.1");
    CHECK(compare(n.of("1.0"), n.of("1")) == 0);
    CHECK(compare(n.of("1e50"), n.of("100000e45")) == 0);
    CHECK(compare(n.of("0"), n.of("-0.000")) == 0);
}

TEST_CASE("scale and range are asked for where a number is kept", "[expr][number]") {
    Numbers n;
    Int128 units = 0;
    CHECK(to_units(n.of("1.230"), 2, units) == DecimalError::none);
    CHECK(units == 123);
    CHECK(to_units(n.of("1.234"), 2, units) == DecimalError::scale);
    CHECK(to_units(n.of("1e40"), 2, units) == DecimalError::range);
    CHECK(to_units(n.of("1e40"), 0, units) == DecimalError::range);
    CHECK(to_units(n.of("1e-100"), 30, units) == DecimalError::scale);
    CHECK(to_units(n.of("12345678901234567890123456789012345678.5"), 0, units) ==
          DecimalError::scale);
    CHECK(to_units(n.of("170141183460469231731687303715884105727"), 0, units) ==
          DecimalError::none);
    CHECK(to_units(n.of("-170141183460469231731687303715884105728"), 0, units) ==
          DecimalError::none);
    CHECK(to_units(n.of("170141183460469231731687303715884105728"), 0, units) ==
          DecimalError::range);
    CHECK(to_units(n.of("-17014118346046923173168730371.5884105728"), 10, units) ==
          DecimalError::none);
}

}  // namespace kstream::expr
