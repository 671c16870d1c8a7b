#include "kstream/pipeline/intake.hpp"

#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_fold.hpp"
#include "support/fakes/fake_source.hpp"
#include "support/fakes/memory_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

namespace kstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Offsets = std::vector<std::int64_t>;

constexpr PartitionId kZero{0};

struct World {
    explicit World(std::size_t together = 4) : intake(together, fold, positions, filling, clock) {
        positions.assign(std::vector{kZero});
        REQUIRE(positions.take_over({.partition = kZero, .position = Offset{0}}));
    }
    // Records of these offsets, as the source would hand them out together.
    std::vector<RecordView> batch(const Offsets& offsets) {
        std::vector<RecordView> records(offsets.size());
        for (std::size_t i = 0; i < offsets.size(); ++i) {
            records[i].partition = kZero;
            records[i].record_offset = Offset{offsets[i]};
        }
        return records;
    }

    testing::FakeClock clock;
    testing::FakeFold fold;
    Positions positions;
    FillingStep filling{milliseconds{100}};
    Intake intake;
};

}  // namespace

TEST_CASE("what was folded already is not folded again, wherever it stands in a batch") {
    World w;
    CHECK(w.intake.take(w.batch({0, 1, 2})).value());
    CHECK(w.intake.take(w.batch({1, 3, 2, 4, 0})).value());
    CHECK(w.fold.filling(0) == Offsets{0, 1, 2, 3, 4});
    CHECK_FALSE(w.filling.empty());
}

TEST_CASE("a batch of old records does not begin a step") {
    World w;
    REQUIRE(w.intake.take(w.batch({5})).value());
    w.filling.emptied();
    CHECK(w.intake.take(w.batch({3, 4})).value());
    CHECK(w.filling.empty());
}

TEST_CASE("a batch is folded in slices, and no further than an overfull step") {
    World w{4};
    w.fold.most_records = 3;  // overfull with six
    const Result<bool> all = w.intake.take(w.batch({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    CHECK_FALSE(all.value());
    CHECK(w.fold.filling(0) == Offsets{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("an error of the fold is the intake's") {
    World w;
    w.fold.failure = Error::stop(ExitCode::integrity, "a bad record");
    CHECK(w.intake.take(w.batch({0})).error().message == "a bad record");
}

TEST_CASE("the flow is told of changes only") {
    World w;
    testing::MemoryLog log;
    testing::FakeSource source{log, TopicRole::source, w.clock};
    for (const bool closed : {false, true, true, false, false}) {
        w.intake.steer(closed, source);  // the source refuses to be told twice
    }
    CHECK(source.flow_changes == 2);
}

TEST_CASE("a poll waits for what fills, is short while somebody waits, and never long") {
    World w;
    CHECK(w.intake.wait(true, seconds{1}) == milliseconds{1});
    CHECK(w.intake.wait(false, seconds{1}) == milliseconds{50});
    CHECK(w.intake.wait(false, milliseconds{20}) == milliseconds{20});
    REQUIRE(w.intake.take(w.batch({0})).value());
    CHECK(w.intake.wait(false, seconds{1}) == w.filling.left(w.clock.now()));
    w.clock.advance(seconds{5});
    CHECK(w.intake.wait(false, seconds{1}) == milliseconds{1});
}

}  // namespace kstream
