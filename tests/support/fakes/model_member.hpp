// One loop of the whole pipeline over a log in memory (model_world.hpp), and the group that gives
// it partitions and takes them.
#pragma once

#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/map_takeover.hpp"
#include "kstream/pipeline/step_loop.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/pipeline/totals_takeover.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_reader.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/fake_source.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/model_world.hpp"
#include "support/fakes/recording_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::testing {

inline constexpr std::int32_t kSourcePartitions = 3;
inline constexpr std::int32_t kStatePartitions = 2;

// One loop with all that it needs, and the group that gives it partitions and takes them.
struct Member {
    Member(ModelWorld& world_in, const Job& of, Stage stage, bool write_again = false)
        : world(world_in),
          job(of),
          input(stage == Stage::map ? TopicRole::source : TopicRole::repartition),
          group(stage == Stage::map ? world.map_group : world.totals_group),
          source(world.log, input, world.clock),
          sink(world, source, group),
          recovery_queries(world.log, group, job),
          takeover_queries(world.log, group, job),
          reader(world.log) {
        job.run_id = ++world.runs;
        for (FakeQueries* queries : {&recovery_queries, &takeover_queries}) {
            queries->intercept = [this](const Query& query) {
                return query.kind == Query::Kind::committed && sink.pending(query.partitions)
                           ? std::optional<Result<QueryAnswer>>{std::unexpected(
                                 retriable("unstable"))}
                           : std::nullopt;
            };
        }
        source.most_records = 1 + world.random.below(20);
        reader.most_records = 1 + world.random.below(20);
        const Duration patience = std::chrono::hours{100};
        if (stage == Stage::map) {
            MapFoldConfig config;
            config.max_batch_bytes = 40 + world.random.below(200);
            auto map = std::make_unique<MapFold>(job, config, world.recorded);
            takeover = std::make_unique<MapTakeover>(job, StartPolicy{}, takeover_queries, reader,
                                                     world.clock, world.recorded, patience,
                                                     map->unique_ids());
            fold = std::move(map);
        } else {
            auto totals = std::make_unique<TotalsFold>(
                job,
                TotalsFoldConfig{.write_again = write_again,
                                 .max_closed_keys = 1 + world.random.below(4),
                                 .part_bytes = 100},
                world.recorded);
            takeover = std::make_unique<TotalsTakeover>(job, *totals, takeover_queries, reader,
                                                        world.clock, world.recorded, patience);
            fold = std::move(totals);
        }
        StepLoopConfig config;
        config.stage = stage;
        config.identity = job.identity;
        config.event_time = job.form().event_time;
        config.commit_tail_at_once = true;
        loop = std::make_unique<StepLoop>(config,
                                          StepLoopPorts{source, sink, recovery_queries,
                                                        world.status, world.clock, world.recorded},
                                          *fold, *takeover);
        for (std::int32_t i = 0; i < partitions(); ++i) {
            away.push_back(i);
        }
    }

    [[nodiscard]] std::int32_t partitions() const {
        return input == TopicRole::source ? kSourcePartitions : kStatePartitions;
    }

    void run_once() {
        const Result<bool> more = loop->run_once();
        INFO((more ? std::string{} : more.error().message));
        REQUIRE(more.has_value());
        REQUIRE(*more);
    }

    // The group gives what is nobody's, or takes some of what is ours.
    void rebalance() {
        if (source.has_events() || !std::ranges::all_of(away, [this](std::int32_t partition) {
                return !source.owns(partition);
            })) {
            return;
        }
        if (!away.empty()) {
            if (world.calm || world.random.chance(10)) {
                source.assign(std::exchange(away, {}));
            }
            return;
        }
        if (world.calm || !world.random.chance(2)) {
            return;
        }
        for (std::int32_t i = 0; i < partitions(); ++i) {
            if (world.random.chance(60)) {
                away.push_back(i);
            }
        }
        if (!away.empty()) {
            const bool lost = world.random.chance(30);
            source.generation += lost ? 1 : 0;
            source.revoke(away, lost);
        }
    }

    // Records of before come again, as a stale fetch has them.
    void fetch_again() {
        const auto partition =
            static_cast<std::int32_t>(world.random.below(static_cast<std::size_t>(partitions())));
        const std::optional<Offset> position = source.flowing(partition);
        if (!position || position->value == 0) {
            return;
        }
        std::vector<RecordView> records;
        const auto from = world.random.below(static_cast<std::size_t>(position->value));
        const PartitionId id{partition};
        for (Offset at{static_cast<std::int64_t>(from)}; at < *position; at = at.next()) {
            if (world.log.entry(input, id, at).visible) {
                records.push_back(world.log.view(input, id, at));
            }
        }
        source.inject(std::move(records));
    }

    // Everything is read and committed.
    [[nodiscard]] bool at_end() const {
        const std::vector<PartitionPosition> committed = loop->committed_positions();
        return committed.size() == static_cast<std::size_t>(partitions()) &&
               std::ranges::all_of(committed, [this](const PartitionPosition& at) {
                   return at.position == world.log.end(input, at.partition);
               });
    }

    ModelWorld& world;
    Job job;
    TopicRole input;
    GroupOffsets& group;
    FakeSource source;
    ModelSink sink;
    FakeQueries recovery_queries;
    FakeQueries takeover_queries;
    FakeReader reader;
    std::unique_ptr<Fold> fold;
    std::unique_ptr<Takeover> takeover;
    std::unique_ptr<StepLoop> loop;
    std::vector<std::int32_t> away;  // partitions that the group has not given, or is taking back
};

// Everything of a topic that a read_committed reader sees.
inline std::vector<const MemoryLog::Entry*> visible(const ModelWorld& world, TopicRole topic,
                                                    std::int32_t partition) {
    std::vector<const MemoryLog::Entry*> entries;
    for (Offset at; at < world.log.end(topic, PartitionId{partition}); at = at.next()) {
        const MemoryLog::Entry& entry = world.log.entry(topic, PartitionId{partition}, at);
        if (entry.visible) {
            entries.push_back(&entry);
        }
    }
    return entries;
}

}  // namespace kstream::testing
