#include "kstream/pipeline/revocation.hpp"

#include "support/fakes/fake_clock.hpp"

#include <catch2/catch_test_macros.hpp>

namespace kstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

TEST_CASE("P1: what is revoked is committed first, what is lost is taken back") {
    testing::FakeClock clock;
    Revocation revocation{seconds{5}};
    CHECK_FALSE(revocation.under_way());
    revocation.begin(false, clock.now());
    CHECK(revocation.under_way());
    CHECK_FALSE(revocation.lost());
    CHECK_FALSE(revocation.takes_back(false, true));
    CHECK(revocation.takes_back(true, true));    // it may have been another's
    CHECK(revocation.takes_back(false, false));  // half a map step
    revocation.begin(true, clock.now());
    CHECK(revocation.lost());
    CHECK(revocation.takes_back(false, true));
    revocation.begin(false, clock.now());
    CHECK(revocation.lost());
    revocation.released();
    CHECK_FALSE(revocation.under_way());
}

TEST_CASE("P1: the group waits for a step as long as the deadline, from the first partitions on") {
    testing::FakeClock clock;
    Revocation revocation{seconds{5}};
    revocation.begin(false, clock.now());
    clock.advance(seconds{4});
    revocation.begin(false, clock.now());
    clock.advance(seconds{1});
    CHECK_FALSE(revocation.gives_up(false, clock.now()));
    CHECK_FALSE(revocation.gives_up(true, clock.now()));
    clock.advance(milliseconds{1});
    CHECK(revocation.gives_up(false, clock.now()));
    revocation.released();
    revocation.begin(false, clock.now());
    CHECK_FALSE(revocation.gives_up(false, clock.now()));
}

TEST_CASE("P1: for what is lost no recovery is waited for") {
    testing::FakeClock clock;
    Revocation revocation{seconds{5}};
    revocation.begin(true, clock.now());
    CHECK_FALSE(revocation.gives_up(false, clock.now()));
    CHECK(revocation.gives_up(true, clock.now()));
}

}  // namespace kstream
