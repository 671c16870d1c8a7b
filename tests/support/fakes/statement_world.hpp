// A job that only a statement says, through both loops: one source partition, one state partition,
// and all that is written on the way.
#pragma once

#include "kstream/codec/result_record.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::testing {

// A record of a topic that the job wrote.
struct WrittenRecord {
    PartitionId partition;
    std::string key;
    std::optional<std::string> value;
    std::string transaction;  // of a result: what its headers say
    std::string run_id;
    std::optional<std::string> is_final{};
};

// Of each record: of one name the last header counts.
inline constexpr std::string_view kRegion = "south";
class RegionHeaders final : public HeaderReader {
public:
    [[nodiscard]] Result<std::vector<HeaderView>> headers(const RecordView&) const override {
        return std::vector<HeaderView>{{"region", "north"}, {"region", kRegion}};
    }
};

struct StatementWorld {
    // `cells` takes the place of the job's where it is not 0.
    explicit StatementWorld(std::string_view text, MapFoldConfig config = {}, std::size_t cells = 0,
                            TotalsFoldConfig totals_config = {.shown_keys = 10})
        : job(make_statement_job(text)) {
        if (cells != 0) {
            job.cells_in_cache = cells;
        }
        map = std::make_unique<MapFold>(job, config, recorded,
                                        MapFoldPorts{.headers = &headers, .tally = nullptr});
        totals = std::make_unique<TotalsFold>(job, totals_config, recorded);
        totals->install(std::make_unique<TotalsState>(job, PartitionId{0}));
        Step open;
        open.ranges.push_back({PartitionId{0}, Offset{0}, Offset{0}});
        REQUIRE(map->seal_open(open));
        hand_on(open);
    }

    void add(std::string_view value) {
        log.append(TopicRole::source, 0, "tx", value, 1'700'000'000'123);
        fold_last();
    }

    // The last record, once more where it was folded already.
    void fold_last() {
        const Offset at{log.end(TopicRole::source, PartitionId{0}).value - 1};
        const std::vector<RecordView> records{log.view(TopicRole::source, PartitionId{0}, at)};
        REQUIRE(map->fold(records));
    }

    // All that was added, through to the results.
    void commit() {
        Step step;
        const Offset end = log.end(TopicRole::source, PartitionId{0});
        step.ranges.push_back({PartitionId{0}, sealed, end});
        sealed = end;
        REQUIRE(map->seal(step));
        hand_on(step);
        Step out;
        out.ranges.push_back(
            {PartitionId{0}, Offset{0}, log.end(TopicRole::repartition, PartitionId{0})});
        REQUIRE(totals->seal(out));
        totals->committed(0);
        for (const OutputBatch::Record& record : out.outputs.records()) {
            keep(out.outputs, record);
        }
    }

    Job job;
    MemoryLog log;
    RecordingLog recorded;
    RegionHeaders headers;
    std::unique_ptr<MapFold> map;
    std::unique_ptr<TotalsFold> totals;
    Offset sealed{0};
    std::vector<WrittenRecord> changelog;
    std::vector<WrittenRecord> results;
    std::vector<std::string> dead_letters;  // why, and what about where that can be said
    std::vector<std::string> fields;        // what they are about

private:
    void keep(const OutputBatch& out, const OutputBatch::Record& record) {
        WrittenRecord written{.partition = record.partition,
                              .key = std::string{*out.key(record)},
                              .value = {},
                              .transaction = {},
                              .run_id = {}};
        if (const auto value = out.value(record)) {
            written.value = std::string{*value};
        }
        if (record.topic != TopicRole::results) {
            changelog.push_back(written);
            return;
        }
        for (const auto& [name, value] : out.header_sets()[record.headers]) {
            written.transaction = name == kTransactionHeader ? *value : written.transaction;
            written.run_id = name == kRunIdHeader ? *value : written.run_id;
            written.is_final = name == kFinalHeader ? value : written.is_final;
        }
        results.push_back(written);
    }

    void hand_on(const Step& step) {
        for (const OutputBatch::Record& record : step.outputs.records()) {
            if (record.topic == TopicRole::dead_letters) {
                keep_letter(step.outputs.header_sets()[record.headers]);
                continue;
            }
            if (record.topic == TopicRole::late) {
                continue;
            }
            const Offset at =
                log.append(TopicRole::repartition, 0, std::nullopt, *step.outputs.value(record));
            const std::vector<RecordView> records{
                log.view(TopicRole::repartition, PartitionId{0}, at)};
            REQUIRE(totals->fold(records));
        }
    }

    void keep_letter(const OutputBatch::Headers& of_letter) {
        std::string letter;
        for (const auto& [name, value] : of_letter) {
            if (name == "kstream.reason" || name == "kstream.field") {
                letter += (letter.empty() ? "" : " ") + value.value_or("NULL");
            }
            if (name == "kstream.field") {
                fields.push_back(value.value_or("NULL"));
            }
        }
        dead_letters.push_back(letter);
    }
};

}  // namespace kstream::testing
