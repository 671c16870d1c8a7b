// Everything outside of the loops of a randomized test: one log, two groups, one clock, and
// producers whose transactions end as a seed has it.
#pragma once

#include "kstream/ports/transaction_sink.hpp"
#include "support/fakes/capturing_status.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/fake_source.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/step_parts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kstream::testing {

struct ModelWorld {
    explicit ModelWorld(std::uint64_t seed) : random(seed) {}

    // The marker of a transaction that ends now is written later: its records stay unread.
    void delay_marker(TopicRole topic, PartitionId partition) {
        if (!calm && !late_marker) {
            late_marker = {topic, partition};
            log.hold(topic, partition.value, log.end(topic, partition).value);
        }
    }
    void write_marker() {
        if (late_marker) {
            log.hold(late_marker->first, late_marker->second.value, std::nullopt);
            late_marker.reset();
        }
    }

    Seeded random;
    bool calm = false;  // no faults any more
    FakeClock clock;
    MemoryLog log;
    GroupOffsets map_group;
    GroupOffsets totals_group;
    testing::RecordingLog recorded;
    testing::CapturingStatus status;
    std::uint64_t runs = 0;
    std::optional<std::pair<TopicRole, PartitionId>> late_marker;
};

// A producer whose transactions end as chance has it.
class ModelSink final : public TransactionSink {
public:
    ModelSink(ModelWorld& world, const FakeSource& source, GroupOffsets& group)
        : world_(world), source_(source), group_(group) {}

    [[nodiscard]] State state() const override { return state_; }
    [[nodiscard]] Error error() const override { return {}; }

    void write_ahead(StepPart part) override {
        REQUIRE(state_ == State::ready);
        parts_.take(part);
    }
    void submit(Step step) override {
        REQUIRE(state_ == State::ready);
        parts_.join(step);
        step_ = std::move(step);
        state_ = State::in_flight;
    }

    std::optional<StepResult> poll() override {
        if (state_ == State::in_flight && world_.random.chance(40)) {
            end();
        } else if (state_ == State::starting && world_.random.chance(20)) {
            // Only from here on is the fate of the old producer's transaction sealed (P6).
            end_orphan();
            state_ = State::ready;
        }
        return std::exchange(result_, std::nullopt);
    }

    void rebuild() override {
        if (state_ == State::in_flight) {
            give_up();
        }
        state_ = State::starting;
    }

    void close(Duration) override {}

    // An answer about these partitions' offsets has to wait (require_stable).
    [[nodiscard]] bool pending(const std::vector<PartitionId>& partitions) const {
        return step_ && std::ranges::any_of(step_->ranges, [&partitions](const StepRange& range) {
                   return std::ranges::find(partitions, range.partition) != partitions.end();
               });
    }

    // The process is gone; its transaction is committed or aborted without it.
    void end_orphan() {
        if (!step_) {
            return;
        }
        if (world_.random.chance(50)) {
            land();
        } else {
            drop();
        }
    }

private:
    void end() {
        const bool same_generation =
            static_cast<const FakeMembership&>(*step_->membership).generation == source_.generation;
        const std::size_t chance = world_.calm ? 0 : world_.random.below(100);
        if (!same_generation || (chance >= 70 && chance < 85)) {
            result_ = StepResult{step_->number, TransactionResult::aborted, retriable("aborted")};
            drop();
            state_ = State::ready;
        } else if (chance < 70) {
            result_ = StepResult{step_->number, TransactionResult::committed, {}};
            land();
            state_ = State::ready;
        } else {
            give_up();
            if (chance < 90) {
                land();
            } else if (chance < 95) {
                drop();
            }
            state_ = State::starting;
        }
    }

    void give_up() {
        result_ = StepResult{step_->number, TransactionResult::uncertain, retriable("no answer")};
        // So that rebuilds are few in a minute: what happens else is another test's.
        world_.clock.advance(std::chrono::seconds{15});
    }

    void land() {
        const auto& records = step_->outputs.records();
        const auto& some = records[world_.random.below(records.size())];
        if (world_.random.chance(20)) {
            world_.delay_marker(some.topic, some.partition);
        }
        world_.log.append_transaction(step_->outputs, true, world_.clock.wall_ms());
        for (std::size_t i = 0; i < step_->ranges.size(); ++i) {
            group_[step_->ranges[i].partition] = {step_->ranges[i].to, step_->offset_metadata[i]};
        }
        step_.reset();
    }

    void drop() {
        world_.log.append_transaction(step_->outputs, false, world_.clock.wall_ms());
        step_.reset();
    }

    ModelWorld& world_;
    const FakeSource& source_;
    GroupOffsets& group_;
    State state_ = State::starting;
    StepParts parts_;
    std::optional<Step> step_;  // in flight, or left by a producer that was given up
    std::optional<StepResult> result_;
};

}  // namespace kstream::testing
