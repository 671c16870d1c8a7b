// A member of a consumer group of the simulated cluster, as the adapter over librdkafka is one: the
// group is served in the background, the loop is told by events, and a revocation waits for it. A
// topic that is re-created is read on at the position of the old one, as librdkafka does.
#pragma once

#include "kstream/ports/generation_watch.hpp"
#include "kstream/ports/record_source.hpp"
#include "sim/cluster.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kstream::sim {

// A loop that waits.
class Waker {
public:
    virtual ~Waker() = default;
    virtual void wake() = 0;
};

class SimMembership final : public Membership {
public:
    SimMembership(MemberName name_in, std::int32_t generation_in)
        : name(std::move(name_in)), generation(generation_in) {}
    MemberName name;
    std::int32_t generation;
};

class SimSource final : public RecordSource, public GroupClient {
public:
    SimSource(Cluster& cluster, const Swarm& swarm, Tally& tally, Owner owner, TopicRole input,
              std::string name, std::string instance, Waker& waker);

    [[nodiscard]] Result<SourceEvent> poll(Duration wait) override;
    void start(std::span<const PartitionPosition> positions) override;
    void rewind(std::span<const PartitionPosition> positions) override;
    void release(std::span<const PartitionId> partitions) override;
    void set_flow(Flow flow) override { flow_ = flow; }
    [[nodiscard]] Offset position(PartitionId partition, Offset last) const override;
    [[nodiscard]] LogEnd log_end(PartitionId partition) const override;
    [[nodiscard]] std::unique_ptr<Membership> membership(
        std::span<const StepRange> ranges) override;
    void close(Duration deadline) override;

    // How long the last poll would have waited; nothing when it had something to give.
    [[nodiscard]] std::optional<Duration> waits() const { return waits_; }

private:
    struct Track {
        bool started = false;
        Offset position;     // after what was handed out
        Offset eof;          // after all that was read, at the last stable offset
        Instant fetched_at;  // what was asked for comes then
    };

    void on_join(std::uint64_t request, Code code, std::int32_t generation) override;
    void on_sync(std::uint64_t request, Code code,
                 const std::vector<PartitionId>& assigned) override;
    void on_heartbeat(std::uint64_t request, Code code) override;

    void join();
    void send_join();
    void send_sync();
    void beat();
    void begin_rebalance();
    void lose_all(bool new_member);
    void ask_back(std::vector<PartitionId> partitions, bool lost);
    void give(std::vector<PartitionId> partitions);
    void on_no_answer(std::uint64_t request);
    [[nodiscard]] std::uint64_t new_request();
    [[nodiscard]] Link to_coordinator();

    Track& track(PartitionId partition);
    void fetch(PartitionId partition, Track& track);
    void fetch_again(PartitionId partition, const Track& track);

    Cluster& cluster_;
    const Swarm& swarm_;
    Tally& tally_;
    const Owner owner_;
    const TopicRole input_;
    const std::string base_name_;
    Waker& waker_;
    testing::Seeded dice_;

    enum class Stage : std::uint8_t { joining, syncing, stable, asking_back, closed };
    Stage stage_ = Stage::joining;
    MemberName name_;
    std::uint64_t names_ = 0;
    bool fresh_ = true;
    std::int32_t generation_ = -1;
    std::int32_t owned_as_of_ = -1;
    std::uint64_t request_ = 0;    // the join or sync that is waited for
    std::uint64_t heartbeat_ = 0;  // the heartbeat that is waited for
    Instant heard_;                // last answer to a heartbeat
    bool lost_ = false;
    std::vector<PartitionId> owned_;
    std::vector<PartitionId> asked_back_;
    std::vector<PartitionId> to_give_;  // once what was asked back is there

    std::deque<SourceEvent> events_;
    GenerationWatch generations_;
    std::optional<Error> failure_;
    Flow flow_ = Flow::open;
    std::vector<Track> tracks_;
    std::vector<RecordView> views_;
    std::size_t next_partition_ = 0;
    std::optional<Duration> waits_;
};

}  // namespace kstream::sim
