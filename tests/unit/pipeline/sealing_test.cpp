#include "kstream/pipeline/sealing.hpp"

#include "support/fakes/capturing_status.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_fold.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/fake_source.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

namespace kstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr PartitionId kZero{0};
constexpr Sealing::Leaving kStays{};

// A loop of partition 0, of which one record was read.
struct World {
    explicit World(bool tail_at_once = false, bool unread = false)
        : sealing(testing::make_job().identity, tail_at_once,
                  {source, sink, clock, fold, positions, step, filling, report}) {
        source.assign({0});
        REQUIRE(source.poll(milliseconds{0}).has_value());
        positions.assign(std::vector{kZero});
        if (positions.take_over({.partition = kZero, .position = Offset{0}, .open = unread})) {
            source.start(std::vector{PartitionPosition{kZero, Offset{0}}});
        }
    }
    void read_one() {
        log.append(TopicRole::source, 0, std::nullopt, "v", clock.wall_ms());
        const Result<SourceEvent> event = source.poll(milliseconds{0});
        REQUIRE(event->records.size() == 1);
        REQUIRE(positions.take(event->records.front()));
        REQUIRE(fold.fold(event->records).has_value());
        filling.note_record(clock);
    }
    [[nodiscard]] std::size_t submitted(Sealing::Leaving leaving = kStays) {
        REQUIRE(sealing.submit_if_due(leaving).has_value());
        return sink.steps.size();
    }

    testing::FakeClock clock;
    testing::MemoryLog log;
    testing::FakeSource source{log, TopicRole::source, clock};
    testing::FakeSink sink;
    testing::CapturingStatus status;
    testing::RecordingLog lines;
    testing::FakeFold fold;
    Positions positions;
    StepInFlight step;
    FillingStep filling{milliseconds{100}};
    LoopReport report{Stage::map, 0, clock, lines, status};
    Sealing sealing;
};

}  // namespace

TEST_CASE("a step goes off when it is due, full, or in the way of somebody who leaves") {
    for (const int why : {0, 1, 2, 3}) {
        World w;
        w.read_one();
        CHECK(w.submitted() == 0);
        if (why == 0) {
            w.clock.advance(milliseconds{2});
        } else if (why == 1) {
            w.fold.most_records = 1;
        }
        CHECK(w.submitted({.all = why == 2, .some = why == 3}) == 1);
        CHECK(w.sink.last().offset_metadata ==
              std::vector{identity_text(testing::make_job().identity)});
        CHECK(w.step.phase() == StepPhase::in_flight);
        CHECK(w.filling.empty());
    }
}

TEST_CASE("half a map step is not submitted, whoever waits for it") {
    World w;
    w.read_one();
    w.fold.half_read = true;
    CHECK(w.submitted({.all = true, .some = true}) == 0);
}

TEST_CASE("P5: without a membership nothing is sealed") {
    World w;
    w.read_one();
    w.source.member = false;
    CHECK(w.submitted({.all = true}) == 0);
    CHECK(w.fold.seals == 0);
    CHECK(w.step.phase() == StepPhase::settled);
    w.source.member = true;
    CHECK(w.submitted({.all = true}) == 1);
}

TEST_CASE("P3: what has to be opened comes first, in a step of its own") {
    World w{false, true};
    CHECK(w.submitted() == 1);
    CHECK(w.step.opens());
    CHECK(w.fold.open_seals == 1);
    CHECK(w.fold.seals == 0);
}

TEST_CASE("P11: control records are looked for once in a while, and at once before a stop") {
    for (const bool at_once : {false, true}) {
        World w{at_once};
        const milliseconds interval = at_once ? milliseconds{20} : milliseconds{1000};
        CHECK(w.sealing.idle_wait() == interval);
        w.log.append(TopicRole::source, 0, std::nullopt, "v", 0);
        REQUIRE(w.source.poll(milliseconds{0})->records.size() == 1);  // passed without a fold
        w.clock.advance(interval - milliseconds{1});
        CHECK(w.submitted() == 0);
        CHECK(w.submitted({.some = true}) == 0);
        w.clock.advance(milliseconds{1});
        CHECK(w.submitted() == 1);
    }
    World w;
    w.log.append(TopicRole::source, 0, std::nullopt, "v", 0);
    REQUIRE(w.source.poll(milliseconds{0})->records.size() == 1);
    CHECK(w.submitted({.all = true}) == 1);
}

TEST_CASE("what is to be written again is not, where partitions go") {
    World w;
    w.fold.more = {kZero};
    CHECK(w.submitted({.some = true}) == 0);
    CHECK(w.submitted() == 1);
}

}  // namespace kstream
