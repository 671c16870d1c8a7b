// A generation of the group that has passed without this member (P1).
#include "kstream/ports/generation_watch.hpp"

#include <catch2/catch_test_macros.hpp>

namespace kstream {

TEST_CASE("a member that joins each generation misses none") {
    GenerationWatch watch;
    for (const std::int32_t generation : {7, 7, 8, 8, 9}) {
        watch.note(generation);
        CHECK_FALSE(watch.pending());
        CHECK_FALSE(watch.lost());
    }
}

TEST_CASE("a generation that was left out is reported once, and counts until the next one") {
    GenerationWatch watch;
    watch.note(7);
    watch.note(9);
    CHECK(watch.pending());
    CHECK(watch.lost());
    watch.note(9);
    CHECK_FALSE(watch.take());  // whose the partitions are is not known yet
    CHECK(watch.pending());
    watch.assigned(9);
    CHECK(watch.pending());
    CHECK(watch.take());
    CHECK_FALSE(watch.take());
    CHECK_FALSE(watch.pending());
    CHECK(watch.lost());
    watch.assigned(10);
    CHECK_FALSE(watch.lost());
    CHECK_FALSE(watch.pending());
    watch.assigned(12);
    CHECK(watch.lost());
    CHECK(watch.take());
}

TEST_CASE("who was in no generation has nothing that a missed one could take") {
    GenerationWatch watch;
    watch.note(7);
    watch.note(9);
    watch.note(-1);
    CHECK_FALSE(watch.pending());
    CHECK_FALSE(watch.lost());
    watch.note(12);
    CHECK_FALSE(watch.pending());
    CHECK_FALSE(watch.lost());
}

}  // namespace kstream
