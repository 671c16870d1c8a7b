// A member of a group that reads one topic of a MemoryLog. It holds its user to the port's
// contract: what is started was assigned, what is released was asked for, and so on.
#pragma once

#include "kstream/ports/record_source.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/memory_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace kstream::testing {

struct FakeMembership final : Membership {
    int generation = 0;
};

class FakeSource final : public RecordSource {
public:
    FakeSource(MemoryLog& log, TopicRole topic, FakeClock& clock)
        : log_(log), topic_(topic), clock_(clock) {}

    // ---- what the group does

    void assign(const std::vector<std::int32_t>& partitions) {
        ++generation;
        events_.push_back(event(SourceEvent::Kind::assigned, partitions, false));
    }
    void revoke(const std::vector<std::int32_t>& partitions, bool lost = false) {
        events_.push_back(event(SourceEvent::Kind::revoking, partitions, lost));
    }
    // Retention, or another owner's purge, has overtaken these positions.
    void overtake(const std::vector<std::int32_t>& partitions) {
        events_.push_back(event(SourceEvent::Kind::out_of_range, partitions, false));
    }
    void miss_generation() {
        events_.push_back(event(SourceEvent::Kind::generation_missed, {}, false));
    }
    // Hands these out as the next batch, wherever the position is: a stale fetch.
    void inject(std::vector<RecordView> records) { injected_.push_back(std::move(records)); }
    void fail_next_poll(Error error) { failure_ = std::move(error); }

    // ---- the port

    Result<SourceEvent> poll(Duration wait) override {
        REQUIRE_FALSE(closed);
        ++polls;
        last_wait = wait;
        SourceEvent next;
        if (failure_) {
            Error error = std::move(*failure_);
            failure_.reset();
            return std::unexpected(std::move(error));
        }
        if (!events_.empty()) {
            next = std::move(events_.front());
            events_.pop_front();
            for (const PartitionId partition : next.partitions) {
                if (next.kind == SourceEvent::Kind::assigned) {
                    REQUIRE_FALSE(tracks_.contains(partition));
                    tracks_[partition] = Track{};
                } else if (next.kind == SourceEvent::Kind::revoking) {
                    tracks_.at(partition).revoking = true;
                } else {
                    tracks_.at(partition).started = false;
                }
            }
            return next;
        }
        batch_.clear();
        if (!injected_.empty()) {
            batch_ = std::move(injected_.front());
            injected_.pop_front();
        } else if (flow == Flow::open && !stalled) {
            for (auto& [partition, track] : tracks_) {
                if (track.started && !track.revoking) {
                    track.position =
                        log_.read(topic_, partition, track.position, most_records, batch_);
                }
            }
        }
        if (batch_.empty()) {
            clock_.advance(wait);
            return next;
        }
        next.kind = SourceEvent::Kind::records;
        next.records = batch_;
        return next;
    }

    void start(std::span<const PartitionPosition> positions) override {
        REQUIRE_FALSE(positions.empty());
        injected_.clear();
        for (const PartitionPosition& at : positions) {
            Track& track = tracks_.at(at.partition);
            REQUIRE_FALSE(track.revoking);
            track.started = true;  // again, when it was taken over anew
            track.position = at.position;
            starts.push_back(at);
        }
    }

    void rewind(std::span<const PartitionPosition> positions) override {
        REQUIRE_FALSE(positions.empty());
        injected_.clear();  // what was fetched before is dropped
        for (const PartitionPosition& at : positions) {
            Track& track = tracks_.at(at.partition);
            REQUIRE(track.started);
            REQUIRE_FALSE(track.revoking);
            track.position = at.position;
            rewinds.push_back(at);
        }
    }

    void release(std::span<const PartitionId> partitions) override {
        for (const PartitionId partition : partitions) {
            REQUIRE(tracks_.at(partition).revoking);
            tracks_.erase(partition);
            released.push_back(partition);
        }
    }

    void set_flow(Flow wanted) override {
        REQUIRE(wanted != flow);
        flow = wanted;
        ++flow_changes;
    }

    [[nodiscard]] Offset position(PartitionId partition, Offset last) const override {
        const Track& track = tracks_.at(partition);
        REQUIRE(track.started);
        return std::max(track.position, last);
    }

    [[nodiscard]] LogEnd log_end(PartitionId partition) const override {
        return {log_.stable_end(topic_, partition).value, log_.end(topic_, partition).value};
    }

    std::unique_ptr<Membership> membership(std::span<const StepRange>) override {
        ++membership_calls;
        if (!member) {
            return nullptr;
        }
        auto membership = std::make_unique<FakeMembership>();
        membership->generation = generation;
        return membership;
    }

    void close(Duration) override { closed = true; }

    // ---- what happened

    [[nodiscard]] bool owns(std::int32_t partition) const {
        return tracks_.contains(PartitionId{partition});
    }
    [[nodiscard]] bool has_events() const { return !events_.empty(); }
    // The position of a partition whose records flow.
    [[nodiscard]] std::optional<Offset> flowing(std::int32_t partition) const {
        const auto found = tracks_.find(PartitionId{partition});
        const bool flows =
            found != tracks_.end() && found->second.started && !found->second.revoking;
        return flows ? std::optional{found->second.position} : std::nullopt;
    }

    std::size_t most_records = 1000;  // of a partition in one poll
    bool member = true;               // false: no valid generation
    bool stalled = false;             // nothing is fetched
    int generation = 0;
    std::vector<PartitionPosition> starts;
    std::vector<PartitionPosition> rewinds;
    std::vector<PartitionId> released;
    Flow flow = Flow::open;
    std::size_t flow_changes = 0;
    std::size_t membership_calls = 0;
    std::size_t polls = 0;
    Duration last_wait = Duration::zero();
    bool closed = false;

private:
    struct Track {
        bool started = false;
        bool revoking = false;
        Offset position;
    };

    static SourceEvent event(SourceEvent::Kind kind, const std::vector<std::int32_t>& partitions,
                             bool lost) {
        SourceEvent made;
        made.kind = kind;
        made.lost = lost;
        for (const std::int32_t partition : partitions) {
            made.partitions.push_back(PartitionId{partition});
        }
        return made;
    }

    MemoryLog& log_;
    TopicRole topic_;
    FakeClock& clock_;
    std::map<PartitionId, Track> tracks_;
    std::deque<SourceEvent> events_;
    std::deque<std::vector<RecordView>> injected_;
    std::vector<RecordView> batch_;
    std::optional<Error> failure_;
};

}  // namespace kstream::testing
