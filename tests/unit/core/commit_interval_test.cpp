// How long a step fills: bounded by --commit-interval, near the cost of a commit below it.
#include "kstream/core/commit_interval.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>

namespace kstream {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST_CASE("before the first commit a step waits the least") {
    const CommitInterval interval{milliseconds{100}};
    CHECK(interval.wait() == CommitInterval::kMinWait);
}

TEST_CASE("a step fills about as long as the last commits took") {
    CommitInterval interval{milliseconds{100}};
    interval.commit_took(milliseconds{20});
    CHECK(interval.wait() == milliseconds{20});
    interval.commit_took(milliseconds{40});
    CHECK(interval.wait() == milliseconds{25});
    interval.commit_took(milliseconds{5});
    CHECK(interval.wait() == milliseconds{20});
}

TEST_CASE("no wait is longer than the commit interval, however slow commits are") {
    CommitInterval interval{milliseconds{100}};
    interval.commit_took(std::chrono::seconds{30});
    CHECK(interval.wait() == milliseconds{100});
    CommitInterval prompt{nanoseconds{0}};
    prompt.commit_took(milliseconds{20});
    CHECK(prompt.wait() == nanoseconds{0});
}

TEST_CASE("no wait is shorter than the least, however fast commits are") {
    CommitInterval interval{milliseconds{100}};
    for (int i = 0; i < 50; ++i) {
        interval.commit_took(nanoseconds{1});
        CHECK(interval.wait() == CommitInterval::kMinWait);
    }
}

TEST_CASE("one slow commit does not set the pace, and is forgotten after some fast ones") {
    CommitInterval interval{milliseconds{100}};
    interval.commit_took(milliseconds{10});
    interval.commit_took(milliseconds{90});
    CHECK(interval.wait() == milliseconds{30});
    for (int i = 0; i < 20; ++i) {
        interval.commit_took(milliseconds{10});
    }
    CHECK(interval.wait() < milliseconds{11});
}

TEST_CASE("behind, a step fills for ten commit intervals, up to a second") {
    CommitInterval interval{milliseconds{20}};
    CHECK(interval.wait_behind(3) == milliseconds{200});
    interval.commit_took(milliseconds{5});
    CHECK(interval.wait_behind(3) == milliseconds{200});
    CHECK(CommitInterval{milliseconds{100}}.wait_behind(3) == milliseconds{1000});
    CHECK(CommitInterval{milliseconds{400}}.wait_behind(3) == milliseconds{1000});
}

TEST_CASE("behind, a step of many keys fills for longer, up to five seconds") {
    CommitInterval interval{milliseconds{100}};
    // One after the other, after the start.
    for (const int longest : {1000, 2000, 4000, 5000}) {
        CHECK(interval.wait_behind(100'000) == milliseconds{longest});
        interval.commit_took(milliseconds{1});
    }
    CHECK(interval.wait_behind(20'000) == milliseconds{1000});
    CHECK(interval.wait_behind(60'000) == milliseconds{3000});
    CHECK(interval.wait_behind(100'000) == milliseconds{5000});
    CHECK(interval.wait_behind(~std::uint64_t{0}) == milliseconds{5000});
    CommitInterval prompt{milliseconds{1}};
    prompt.commit_took(milliseconds{1});
    CHECK(prompt.wait_behind(1'000) == milliseconds{50});
}

TEST_CASE("behind, no wait is shorter than the commit interval that was asked for") {
    CHECK(CommitInterval{std::chrono::seconds{30}}.wait_behind(3) == std::chrono::seconds{30});
}

}  // namespace kstream
