// A fold that only remembers which records are in which layer, and a takeover that a test answers.
#pragma once

#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/takeover.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::testing {

class FakeFold final : public Fold {
public:
    // Offsets of records by partition.
    using Layer = std::map<PartitionId, std::vector<std::int64_t>>;

    Result<void> fold(RecordBatch records) override {
        for (const RecordView& record : records) {
            if (failure) {
                return std::unexpected(*failure);
            }
            filling_[record.partition].push_back(record.record_offset.value);
        }
        return {};
    }
    [[nodiscard]] bool can_seal() const override { return !half_read; }
    [[nodiscard]] bool full() const override { return count(filling_) >= most_records; }
    [[nodiscard]] bool overfull() const override { return count(filling_) >= 2 * most_records; }
    [[nodiscard]] std::uint64_t filling_keys() const override { return count(filling_); }

    [[nodiscard]] std::vector<PartitionId> more_to_write() const override { return more; }
    void say(PartitionId partition, const SourceMark& mark) override {
        more.push_back(partition);
        said[partition] = mark;
    }
    [[nodiscard]] bool offsets_tell() const override { return every_step_moves; }
    Result<void> seal(Step& step) override {
        for (int i = 0; i < written_per_step; ++i) {
            step.outputs.append(TopicRole::results, PartitionId{0}, "k", "v");
        }
        REQUIRE(in_flight_.empty());
        REQUIRE_FALSE(half_read);
        for (const auto& [partition, offsets] : filling_) {
            REQUIRE(std::ranges::any_of(step.ranges, [&](const StepRange& range) {
                return range.partition == partition && range.from.value <= offsets.front() &&
                       offsets.back() < range.to.value;
            }));
        }
        in_flight_ = std::exchange(filling_, {});
        ++seals;
        return {};
    }
    Result<void> seal_open(Step& step) override {
        for (const StepRange& range : step.ranges) {
            REQUIRE(range.from == range.to);
        }
        ++open_seals;
        return {};
    }
    void committed(std::int64_t) override {
        for (auto& [partition, offsets] : in_flight_) {
            auto& into = committed_[partition];
            into.insert(into.end(), offsets.begin(), offsets.end());
        }
        in_flight_.clear();
    }
    void undo_filling() override {
        filling_.clear();
        half_read = false;
        undone.push_back("filling");
    }
    void undo_in_flight() override {
        REQUIRE(filling_.empty());
        in_flight_.clear();
        undone.push_back("in flight");
    }
    void drop(std::span<const PartitionId> partitions) override {
        for (const PartitionId partition : partitions) {
            REQUIRE_FALSE(filling_.contains(partition));
            REQUIRE_FALSE(in_flight_.contains(partition));
            dropped.push_back(partition);
        }
    }
    void describe_time(PartitionStatus& status) const override {
        status.held_back_by = held_back_by;
    }
    [[nodiscard]] const FoldStatus& status() const override { return status_; }
    [[nodiscard]] StateStatus state() const override {
        StateStatus state;
        state.keys = count(filling_);
        return state;
    }

    [[nodiscard]] std::vector<std::int64_t> filling(std::int32_t partition) const {
        return get(filling_, partition);
    }
    [[nodiscard]] std::vector<std::int64_t> in_flight(std::int32_t partition) const {
        return get(in_flight_, partition);
    }
    [[nodiscard]] std::vector<std::int64_t> committed_records(std::int32_t partition) const {
        return get(committed_, partition);
    }

    std::size_t most_records = 1'000'000;
    int written_per_step = 0;  // result records, "k" and "v" each
    bool half_read = false;
    std::vector<PartitionId> more;
    std::map<PartitionId, SourceMark> said;
    bool every_step_moves = true;  // false: as the totals fold
    std::optional<Error> failure;
    std::int64_t held_back_by = -1;
    std::size_t seals = 0;
    std::size_t open_seals = 0;
    std::vector<std::string> undone;  // in order
    std::vector<PartitionId> dropped;

private:
    static std::size_t count(const Layer& layer) {
        std::size_t sum = 0;
        for (const auto& entry : layer) {
            sum += entry.second.size();
        }
        return sum;
    }
    static std::vector<std::int64_t> get(const Layer& layer, std::int32_t partition) {
        const auto found = layer.find(PartitionId{partition});
        return found == layer.end() ? std::vector<std::int64_t>{} : found->second;
    }

    Layer filling_;
    Layer in_flight_;
    Layer committed_;
    FoldStatus status_;
};

class FakeTakeover final : public Takeover {
public:
    void begin(std::span<const PartitionId> partitions) override {
        for (const PartitionId partition : partitions) {
            REQUIRE(std::ranges::find(under_way, partition) == under_way.end());
            under_way.push_back(partition);
            begun.push_back(partition);
        }
    }
    void cancel(std::span<const PartitionId> partitions) override {
        for (const PartitionId partition : partitions) {
            std::erase(under_way, partition);
            std::erase_if(ready_, [partition](const ReadyPartition& ready) {
                return ready.partition == partition;
            });
            canceled.push_back(partition);
        }
    }
    Result<void> advance(std::vector<ReadyPartition>& ready) override {
        ++advances;
        if (failure) {
            return std::unexpected(*failure);
        }
        for (const ReadyPartition& partition : ready_) {
            std::erase(under_way, partition.partition);
            ready.push_back(partition);
        }
        ready_.clear();
        return {};
    }
    [[nodiscard]] bool idle() const override { return under_way.empty(); }
    [[nodiscard]] const TakeoverStatus& status() const override { return status_; }

    // Partition `partition`, which is under way, is ready when it is next looked for.
    void make_ready(std::int32_t partition, std::int64_t position, bool open = false) {
        make_ready({PartitionId{partition}, Offset{position}, open});
    }
    void make_ready(const ReadyPartition& found) {
        REQUIRE(std::ranges::find(under_way, found.partition) != under_way.end());
        std::erase_if(ready_, [&found](const ReadyPartition& ready) {
            return ready.partition == found.partition;
        });
        ready_.push_back(found);
    }

    std::vector<PartitionId> under_way;
    std::vector<PartitionId> begun;
    std::vector<PartitionId> canceled;
    std::size_t advances = 0;
    std::optional<Error> failure;

private:
    std::vector<ReadyPartition> ready_;
    TakeoverStatus status_;
};

}  // namespace kstream::testing
