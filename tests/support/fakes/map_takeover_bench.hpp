// A MapTakeover between fakes. In a namespace of its own: other tests have benches too.
#pragma once

#include "kstream/codec/changelog.hpp"
#include "kstream/pipeline/map_takeover.hpp"
#include "support/fakes/batches.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_reader.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::testing::map_takeover {

inline constexpr TopicRole kSource = TopicRole::source;
inline constexpr TopicRole kChangelog = TopicRole::changelog;
inline constexpr TopicRole kRepartition = TopicRole::repartition;

inline std::vector<PartitionId> partitions(std::initializer_list<std::int32_t> numbers) {
    std::vector<PartitionId> list;
    for (const std::int32_t number : numbers) {
        list.push_back(PartitionId{number});
    }
    return list;
}

struct Bench {
    explicit Bench(StartPolicy from = {}) : from_policy(from) {}

    // Records with timestamps 1000, 1001, ...
    void fill(std::int32_t partition, int count) {
        for (int i = 0; i < count; ++i) {
            log.append(kSource, partition, "tx", "v", 1000 + i);
        }
    }
    void committed(std::int32_t partition, std::int64_t offset) {
        group[PartitionId{partition}] = {Offset{offset}, identity_text(job.identity)};
    }
    // Meta of state partition 0: these source partitions applied so far.
    void write_meta(const std::vector<std::pair<std::int32_t, std::int64_t>>& applied,
                    std::int64_t repartition_position, const Identity& identity) {
        Meta meta;
        meta.identity = identity;
        meta.spec_text = job.spec_text;
        meta.repartition_position = Offset{repartition_position};
        meta.slots.resize(2);
        for (const auto& [partition, position] : applied) {
            SourceProgress source;
            source.partition = PartitionId{partition};
            source.applied = Offset{position};
            source.slots.resize(2);
            meta.sources.push_back(source);
        }
        std::string value;
        append_meta_value(value, job.kinds, meta);
        log.append(kChangelog, 0, meta_key(), value);
        log.append_invisible(kChangelog, 0);
    }
    void write_batch(const BatchHeader& header) {
        log.append(kRepartition, 0, std::nullopt, batch_value(header));
        log.append_invisible(kRepartition, 0);
    }

    Result<void> advance(int times = 40) {
        for (int i = 0; i < times; ++i) {
            if (Result<void> done = takeover.advance(ready); !done) {
                return done;
            }
        }
        return {};
    }
    Error error() {
        const Result<void> done = advance();
        REQUIRE_FALSE(done);
        return done.error();
    }
    // "0:5 1:0 open", sorted.
    [[nodiscard]] std::string found() const {
        std::vector<std::string> parts;
        for (const ReadyPartition& partition : ready) {
            parts.push_back(std::to_string(partition.partition.value) + ":" +
                            std::to_string(partition.position.value) +
                            (partition.open ? " open" : ""));
        }
        std::ranges::sort(parts);
        std::string text;
        for (const std::string& part : parts) {
            text += (text.empty() ? "" : ", ") + part;
        }
        return text;
    }

    StartPolicy from_policy;
    Job job = make_job();
    MemoryLog log;
    GroupOffsets group;
    FakeQueries queries{log, group, job};
    FakeReader reader{log};
    FakeClock clock;
    RecordingLog recorded;
    MapTakeover takeover{
        job, from_policy, queries, reader, clock, recorded, std::chrono::seconds{30}};
    std::vector<ReadyPartition> ready;
};

}  // namespace kstream::testing::map_takeover
