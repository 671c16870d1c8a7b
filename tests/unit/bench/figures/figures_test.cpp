#include "bench/figures/figures.hpp"

#include "bench/figures/comparison.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace kstream::bench;
using Catch::Matchers::WithinAbs;

TEST_CASE("a summary is of the values of all rounds, in whatever order") {
    const Summary odd = summarize({30, 10, 20});
    CHECK(odd.median == 20);
    CHECK(odd.least == 10);
    CHECK(odd.most == 30);
    CHECK(odd.spread == 1.0);

    CHECK(summarize({1, 4, 2, 3}).median == 2.5);
    CHECK(summarize({7}).spread == 0);
    CHECK(summarize({}).median == 0);
    CHECK(summarize({0, 0}).spread == 0);  // no division by a median of nothing
}

TEST_CASE("rounds of a figure gather under its name") {
    ScenarioResult result;
    result.add("seconds", "s", Better::lower, 2);
    result.add("records", "", Better::neither, 5);
    result.add("seconds", "s", Better::lower, 3);
    REQUIRE(result.figures.size() == 2);
    CHECK(result.find("seconds")->rounds == std::vector<double>{2, 3});
    CHECK(result.find("nothing") == nullptr);
}

namespace {

std::vector<ScenarioResult> of(Better better, std::vector<double> rounds,
                               std::string name = "figure") {
    return {{"scenario", "", {{std::move(name), "", better, std::move(rounds)}}}};
}

Compared only(const std::vector<ScenarioResult>& before, const std::vector<ScenarioResult>& now) {
    const auto all = compare(before, now);
    REQUIRE(all.size() == 1);
    return all.front();
}

}  // namespace

TEST_CASE("a change within the least noise is none") {
    CHECK(only(of(Better::higher, {100}), of(Better::higher, {95.1})).verdict == Verdict::same);
    CHECK(only(of(Better::higher, {100}), of(Better::higher, {94.9})).verdict == Verdict::worse);
    CHECK(only(of(Better::higher, {100}), of(Better::higher, {104.9})).verdict == Verdict::same);
    CHECK(only(of(Better::higher, {100}), of(Better::higher, {105.1})).verdict == Verdict::better);
}

TEST_CASE("what gets better downwards is worse when it grows") {
    const Compared grown = only(of(Better::lower, {100}), of(Better::lower, {110}));
    CHECK(grown.verdict == Verdict::worse);
    CHECK_THAT(grown.change, WithinAbs(-0.1, 1e-9));
    CHECK(only(of(Better::lower, {100}), of(Better::lower, {90})).verdict == Verdict::better);
}

TEST_CASE("rounds that differ widen the noise by half of both spreads") {
    // Spreads of 20 % and 10 %: a loss of 15 % is just within them.
    const auto before = of(Better::higher, {90, 100, 110});
    const Compared within = only(before, of(Better::higher, {81, 85.5, 90}));
    CHECK_THAT(within.noise, WithinAbs(0.1 + 9.0 / 85.5 / 2, 1e-9));
    CHECK(within.verdict == Verdict::same);
    CHECK(only(before, of(Better::higher, {80, 84, 88})).verdict == Verdict::worse);
}

TEST_CASE("only figures of both results that can be worse are compared") {
    CHECK(compare(of(Better::neither, {1}), of(Better::neither, {2})).empty());
    CHECK(compare(of(Better::higher, {1}, "a"), of(Better::higher, {1}, "b")).empty());
    CHECK(compare({}, of(Better::higher, {1})).empty());
    CHECK(compare(of(Better::higher, {}), of(Better::higher, {1})).empty());
}
