// Duplicates of producers through the whole pipeline, over a log in memory and random faults
// (model_member.hpp). Whatever happens, which records are duplicates is what the log alone says,
// read from its beginning by a few lines of this test; and of the log no more is needed than from
// the horizons on, for what is below them is deleted now and then.
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/core/time_text.hpp"
#include "support/fakes/model_member.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::kSourcePartitions;
using testing::kStatePartitions;
using testing::Member;
using testing::MemoryLog;
using testing::ModelWorld;
using testing::visible;

constexpr std::int64_t kSize = 60'000;  // of a window
constexpr std::int64_t kGrace = 5'000;

Job unique_job(std::int64_t within_s) {
    return testing::make_statement_job(
        "SELECT k, window_start AS de, sum(v) AS s, count(*) AS n FROM tumble(t, "
        "to_timestamp(tempo * 0.001), INTERVAL '1 minute', grace => INTERVAL '5 seconds', "
        "max_ahead => 'never', unique_by => id, within => INTERVAL '" +
            std::to_string(within_s) +
            " seconds') WHERE metodo IS DISTINCT FROM 'nenhum' GROUP BY k, window_start",
        kStatePartitions, kSourcePartitions);
}

struct Row {
    std::int64_t sum = 0;
    std::int64_t count = 0;
};

// The input, and what the log says of it.
struct Expected {
    // A record that counts, of a partition.
    struct Remembered {
        Offset at;
        std::string id;
        std::int64_t seen_before = kNoTime;  // the newest time in front of it
        std::int64_t seen = kNoTime;         // and with it
    };
    struct Partition {
        RecordCounts counts;
        std::int64_t seen = kNoTime;
        std::vector<Remembered> remembered;
    };

    void add(ModelWorld& world) {
        const auto p = static_cast<std::int32_t>(world.random.below(kSourcePartitions));
        Partition& in = partitions[PartitionId{p}];
        ++in.counts.read;
        now += static_cast<std::int64_t>(world.random.below(3'000));
        const std::int64_t time = std::max<std::int64_t>(
            0, now - static_cast<std::int64_t>(
                         world.random.below(world.random.chance(20) ? 180'000 : 3'000)));
        const std::string key = world.random.text(1, 4);
        const auto value = static_cast<std::int64_t>(world.random.below(1000));
        const std::string id = std::to_string(world.random.below(25));
        std::string text = R"({"k":")" + key + R"(","v":)" + std::to_string(value) + R"(,"id":)" +
                           id + R"(,"tempo":)" + std::to_string(time);
        const Offset at = world.log.end(TopicRole::source, PartitionId{p});
        const std::int64_t before = in.seen;
        if (world.random.chance(4)) {
            ++in.counts.dead_lettered;
            text =
                R"({"k":"a","v":"muito","id":)" + id + R"(,"tempo":)" + std::to_string(time) + "}";
            in.seen = std::max(before, time);
        } else if (world.random.chance(8)) {
            ++in.counts.filtered;
            text += R"(,"metodo":"nenhum"})";
            in.seen = std::max(before, time);
        } else {
            text += "}";
            in.seen = std::max(before, time);
            const bool copied = std::ranges::any_of(in.remembered, [&](const Remembered& one) {
                return one.id == id && before - one.seen <= within;
            });
            in.remembered.push_back({at, id, before, in.seen});
            const std::int64_t start = time - time % kSize;
            if (copied) {
                ++in.counts.duplicates;
            } else if (start + kSize + kGrace <= before) {
                ++in.counts.late;
            } else {
                ++in.counts.aggregated;
                Row& row = rows[{key, start}];
                row.sum += value;
                ++row.count;
            }
        }
        world.log.append(TopicRole::source, p, "tx", text, world.clock.wall_ms());
    }

    // Where all of a partition has been read.
    [[nodiscard]] Horizon horizon(PartitionId partition, Offset position) const {
        const Partition& in = partitions.at(partition);
        for (const Remembered& one : in.remembered) {
            if (in.seen - one.seen <= within) {
                return {one.at, one.seen_before};
            }
        }
        return {position, in.seen};
    }

    std::int64_t within = 0;
    std::int64_t now = 1'700'000'000'000;
    std::map<std::pair<std::string, std::int64_t>, Row> rows;  // by key and start of the window
    std::map<PartitionId, Partition> partitions;
};

std::string utc(std::int64_t ms) {
    std::string text;
    append_timestamp(text, ms);
    return text;
}

void check_results(const ModelWorld& world, const Expected& expected) {
    std::map<std::string, std::string> published;
    for (std::int32_t r = 0; r < 3; ++r) {
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::results, r)) {
            published[*entry->key] = entry->value.value();
        }
    }
    REQUIRE(published.size() == expected.rows.size());
    for (const auto& [group, row] : expected.rows) {
        const std::string start = utc(group.second);
        const std::string key = R"([")" + group.first + R"(",")" + start + R"("])";
        CAPTURE(key);
        REQUIRE(published[key] == R"({"k":")" + group.first + R"(","de":")" + start + R"(","s":)" +
                                      std::to_string(row.sum) + R"(,"n":)" +
                                      std::to_string(row.count) + "}");
    }
}

void check_meta(const ModelWorld& world, const Job& job, const Expected& expected) {
    for (std::int32_t q = 0; q < kStatePartitions; ++q) {
        std::optional<Meta> meta;
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::changelog, q)) {
            if (*entry->key == meta_key()) {
                Result<Meta> read = decode_meta_value(*entry->value, job.form());
                REQUIRE(read);
                meta = *read;
            }
        }
        REQUIRE(meta);
        for (const SourceProgress& source : meta->sources) {
            REQUIRE(source.counts == expected.partitions.at(source.partition).counts);
            REQUIRE(source.horizon == expected.horizon(source.partition, source.applied));
        }
    }
    for (const auto& [partition, committed] : world.map_group) {
        const Result<OffsetMetadata> metadata = parse_offset_metadata(committed.metadata);
        REQUIRE(metadata);
        REQUIRE(metadata->mark->source->horizon == expected.horizon(partition, committed.offset));
    }
}

// What no committed position needs any more.
void delete_some(ModelWorld& world) {
    for (const auto& [partition, committed] : world.map_group) {
        const Result<OffsetMetadata> metadata = parse_offset_metadata(committed.metadata);
        REQUIRE(metadata);
        world.log.delete_below(TopicRole::source, partition.value,
                               metadata->mark->source->horizon->offset.value);
    }
}

testing::RecordingLog run_history(std::uint64_t seed, std::map<std::string, std::size_t>& seen) {
    ModelWorld world{seed};
    const auto within_s = static_cast<std::int64_t>(world.random.below(4) * 40 + 1);
    const Job job = unique_job(within_s);
    Expected expected;
    expected.within = within_s * 1000;
    auto map = std::make_unique<Member>(world, job, Stage::map);
    auto totals = std::make_unique<Member>(world, job, Stage::totals);
    const auto crash = [&world, &job](std::unique_ptr<Member>& member, Stage stage) {
        member->sink.end_orphan();
        if (world.random.chance(20)) {
            member->group.clear();
        }
        member = std::make_unique<Member>(world, job, stage);
    };
    for (int tick = 0; tick < 600; ++tick) {
        if (world.random.chance(40)) {
            expected.add(world);
        }
        if (world.random.chance(10)) {
            world.write_marker();
        }
        for (Member* member : {map.get(), totals.get()}) {
            member->rebalance();
            if (world.random.chance(3)) {
                member->fetch_again();
            }
            for (std::size_t i = world.random.below(4); i > 0; --i) {
                member->run_once();
            }
        }
        if (world.random.chance(1)) {
            crash(map, Stage::map);
        }
        if (world.random.chance(1)) {
            crash(totals, Stage::totals);
        }
        // A takeover may have asked before it.
        if (world.random.chance(2) && map->takeover->idle()) {
            delete_some(world);
        }
    }
    world.calm = true;
    world.write_marker();
    const auto done = [&] {
        return map->at_end() && totals->at_end() && totals->fold->more_to_write().empty();
    };
    for (int tick = 0; tick < 5000 && !done(); ++tick) {
        for (Member* member : {map.get(), totals.get()}) {
            member->rebalance();
            member->run_once();
        }
    }
    REQUIRE(done());
    for (int tick = 0; tick < 50; ++tick) {
        totals->run_once();
    }
    check_results(world, expected);
    check_meta(world, job, expected);
    for (const auto& [partition, in] : expected.partitions) {
        seen["duplicates"] += in.counts.duplicates;
        seen["late"] += in.counts.late;
    }
    return world.recorded;
}

}  // namespace

TEST_CASE("through any history of faults duplicates are those that the log alone says") {
    // What has to have happened, again and again, or the test shows nothing.
    std::map<std::string, std::size_t> events{{"reason=aborted", 0},
                                              {"outcome=not committed", 0},
                                              {"partitions lost", 0},
                                              {"ids read back", 0},
                                              {"where its chain ends", 0}};
    std::map<std::string, std::size_t> seen;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        CAPTURE(seed);
        const testing::RecordingLog recorded = run_history(seed, seen);
        for (auto& [event, count] : events) {
            count += recorded.count(event);
        }
    }
    CHECK(seen["duplicates"] > 5'000);
    CHECK(seen["late"] > 1'000);
    for (const auto& [event, count] : events) {
        CAPTURE(event);
        CHECK(count >= 10);
    }
}

}  // namespace kstream
