// How long a step fills: bounded by --commit-interval, near the cost of a commit below it.
#include "kstream/core/commit_interval.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>

namespace kstream {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST_CASE("before the first commit a step waits the least") {
    const CommitInterval interval{milliseconds{100}};
    CHECK(interval.wait(false) == CommitInterval::kMinWait);
}

TEST_CASE("a step fills about as long as the last commits took") {
    CommitInterval interval{milliseconds{100}};
    interval.commit_took(milliseconds{20});
    CHECK(interval.wait(false) == milliseconds{20});
    interval.commit_took(milliseconds{40});
    CHECK(interval.wait(false) == milliseconds{25});
    interval.commit_took(milliseconds{5});
    CHECK(interval.wait(false) == milliseconds{20});
}

TEST_CASE("no wait is longer than the commit interval, however slow commits are") {
    CommitInterval interval{milliseconds{100}};
    interval.commit_took(std::chrono::seconds{30});
    CHECK(interval.wait(false) == milliseconds{100});
    CommitInterval prompt{nanoseconds{0}};
    prompt.commit_took(milliseconds{20});
    CHECK(prompt.wait(false) == nanoseconds{0});
}

TEST_CASE("no wait is shorter than the least, however fast commits are") {
    CommitInterval interval{milliseconds{100}};
    for (int i = 0; i < 50; ++i) {
        interval.commit_took(nanoseconds{1});
        CHECK(interval.wait(false) == CommitInterval::kMinWait);
    }
}

TEST_CASE("one slow commit does not set the pace, and is forgotten after some fast ones") {
    CommitInterval interval{milliseconds{100}};
    interval.commit_took(milliseconds{10});
    interval.commit_took(milliseconds{90});
    CHECK(interval.wait(false) == milliseconds{30});
    for (int i = 0; i < 20; ++i) {
        interval.commit_took(milliseconds{10});
    }
    CHECK(interval.wait(false) < milliseconds{11});
}

TEST_CASE("behind, a step fills for ten commit intervals, up to a second") {
    CommitInterval interval{milliseconds{20}};
    CHECK(interval.wait(true) == milliseconds{200});
    interval.commit_took(milliseconds{5});
    CHECK(interval.wait(true) == milliseconds{200});
    CHECK(CommitInterval{milliseconds{100}}.wait(true) == milliseconds{1000});
    CHECK(CommitInterval{milliseconds{400}}.wait(true) == milliseconds{1000});
}

TEST_CASE("behind, no wait is shorter than the commit interval that was asked for") {
    CHECK(CommitInterval{std::chrono::seconds{30}}.wait(true) == std::chrono::seconds{30});
}

}  // namespace kstream
