// A StepLoop between fakes, and the few moves of which its tests are made.
#pragma once

#include "kstream/pipeline/step_loop.hpp"
#include "support/fakes/capturing_status.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_fold.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/fake_source.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace kstream::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Offsets = std::vector<std::int64_t>;
using PositionList = std::vector<PartitionPosition>;

inline PartitionPosition at(std::int32_t partition, std::int64_t position) {
    return {PartitionId{partition}, Offset{position}};
}

inline StepLoopConfig loop_config() {
    StepLoopConfig config;
    config.identity = make_job().identity;
    return config;
}

struct StepLoopBench {
    explicit StepLoopBench(StepLoopConfig config = loop_config())
        : loop(config, {source, sink, queries, status, clock, recorded}, fold, takeover) {}

    // ---- the world

    // `count` more records in a source partition.
    void add(std::int32_t partition, int count) {
        for (int i = 0; i < count; ++i) {
            log.append(TopicRole::source, partition, std::nullopt, "v", clock.wall_ms());
        }
    }
    // Assigns partitions and lets their takeover find these positions.
    void own(const std::vector<std::int32_t>& partitions, std::int64_t position = 0,
             bool open = false) {
        source.assign(partitions);
        run_until([&] { return !source.has_events(); });
        for (const std::int32_t partition : partitions) {
            takeover.make_ready(partition, position, open);
        }
        run(1);
    }

    // ---- the loop

    void run(int times) {
        for (int i = 0; i < times; ++i) {
            const Result<bool> more = loop.run_once();
            REQUIRE(more.has_value());
            REQUIRE(*more);
        }
    }
    void run_until(const std::function<bool()>& done, int most = 10'000) {
        for (int i = 0; i < most && !done(); ++i) {
            run(1);
        }
        REQUIRE(done());
    }
    // At least `time` of the loop's clock.
    void run_for(Duration time) {
        const Instant end = clock.now() + time;
        run_until([&] { return clock.now() >= end; }, 100'000);
    }
    // Until the loop ends with an error, which must be soon.
    Error run_to_error(int most = 10'000) {
        for (int i = 0; i < most; ++i) {
            Result<bool> more = loop.run_once();
            if (!more) {
                return more.error();
            }
            REQUIRE(*more);
        }
        FAIL("the loop goes on");
        return {};
    }
    // Until it has drained after request_stop().
    void run_to_end(int most = 10'000) {
        for (int i = 0; i < most; ++i) {
            const Result<bool> more = loop.run_once();
            REQUIRE(more.has_value());
            if (!*more) {
                return;
            }
        }
        FAIL("the loop does not end");
    }
    void run_until_submitted() {
        run_until([this] { return sink.in_flight(); });
    }
    // Submits what is due and commits it.
    void commit() {
        run_until_submitted();
        sink.finish(TransactionResult::committed);
        run(1);
    }
    void lose_outcome() {
        sink.finish(TransactionResult::uncertain);
        run(1);
    }
    [[nodiscard]] std::size_t asked_committed() const {
        std::size_t count = 0;
        for (const Query& query : queries.asked) {
            count += query.kind == Query::Kind::committed ? 1U : 0U;
        }
        return count;
    }
    // Ranges of the last step: "0:[0,3) 1:[5,5)".
    [[nodiscard]] std::string ranges() const {
        std::string text;
        for (const StepRange& range : sink.last().ranges) {
            text += (text.empty() ? "" : " ") + std::to_string(range.partition.value) + ":[" +
                    std::to_string(range.from.value) + "," + std::to_string(range.to.value) + ")";
        }
        return text;
    }

    FakeClock clock;
    MemoryLog log;
    GroupOffsets group;
    FakeSource source{log, TopicRole::source, clock};
    FakeSink sink;
    FakeQueries queries{log, group, make_job()};
    CapturingStatus status;
    RecordingLog recorded;
    FakeFold fold;
    FakeTakeover takeover;
    StepLoop loop;
};

}  // namespace kstream::testing
