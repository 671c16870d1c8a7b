// A transactional producer of the simulated cluster, with the adapter's rules of when a producer is
// given up (P6): the requests of librdkafka, its silent retries, and its error classes.
#pragma once

#include "kstream/ports/transaction_sink.hpp"
#include "sim/cluster.hpp"
#include "sim/sim_source.hpp"
#include "support/fakes/step_parts.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kstream::sim {

class SimSink final : public TransactionSink {
public:
    // `wake` is called when something has happened that the loop waits for.
    SimSink(Cluster& cluster, const Swarm& swarm, Tally& tally, Owner owner, TopicRole input,
            std::string transactional_id, Waker& waker);

    [[nodiscard]] State state() const override;
    [[nodiscard]] Error error() const override { return error_; }
    void write_ahead(StepPart part) override;
    void submit(Step step) override;
    [[nodiscard]] std::optional<StepResult> poll() override;
    void rebuild() override;
    void close(Duration) override;

private:
    // One batch to one partition.
    struct Target {
        TopicPartition to;
        std::int64_t sequence = 0;
        std::vector<std::uint32_t> records;
    };
    // All of a transaction; requests on their way hold on to it, also those of a producer that was
    // given up.
    struct Flight {
        std::string id;
        TopicRole input = TopicRole::source;
        TopicId input_id;
        ProducerId producer;
        Step step;
        std::vector<Target> targets;
        MemberName member;
        std::int32_t generation = -1;
    };
    enum class Kind : std::uint8_t {
        init,
        add_partitions,
        add_offsets,
        offsets,
        proof,  // which topic the input is (P4)
        end,
        produce
    };
    // A request that waits for its answer; produce requests are numbered from Kind::produce on.
    struct Call {
        std::uint64_t number = 0;  // of the request; 0: none is open
        bool done = false;
    };

    void start_producer();
    void begin_transaction(bool outputs, bool offsets);
    void issue(std::size_t call);
    void send(std::size_t call, std::uint64_t number);
    [[nodiscard]] Brokers asked_of(std::size_t call) const;
    static Code add_partitions(Cluster& cluster, const Flight& flight);
    static Code produce(Cluster& cluster, const Flight& flight, const Target& target, Offset& at);
    static Code commit_offsets(Cluster& cluster, const Flight& flight);
    void on_answer(std::size_t call, std::uint64_t number, Code code, const ProducerId& producer,
                   Offset at);
    void note_written(const Target& target, Offset at);
    void on_timeout(std::size_t call, std::uint64_t number);
    void on_success(std::size_t call, const ProducerId& producer);
    void again(std::size_t call);
    void end(bool commit, Error cause);
    void finish(TransactionResult outcome, Error error);
    void give_up();
    [[nodiscard]] bool all_written() const;
    [[nodiscard]] static bool is_of_transaction(std::size_t call);

    Cluster& cluster_;
    const Swarm& swarm_;
    Tally& tally_;
    const Owner owner_;
    const TopicRole input_;
    std::array<TopicId, kTopicRoleCount> ids_{};  // of all topics, as they were at the start
    const std::string id_;
    Waker& waker_;

    bool ready_ = false;
    bool closed_ = false;
    std::optional<Error> failure_;
    Error error_;
    ProducerId producer_;
    std::map<TopicPartition, std::int64_t> sequences_;
    std::map<TopicPartition, Offset> ends_;  // after what was written, whoever the producer was
    std::optional<Error> cut_off_;           // a log goes on below that
    bool unanswered_ = false;                // a request of this producer was never answered

    testing::StepParts parts_;  // of the step that comes
    std::shared_ptr<const Flight> flight_;
    std::vector<Call> calls_;
    std::uint64_t requests_ = 0;
    bool committing_ = false;
    bool other_half_ = false;  // of a step that is written in two transactions, by a planted bug
    bool offsets_written_ = false;
    Error abort_cause_;
    Instant deadline_;
    std::uint64_t step_ = 0;
    std::optional<StepResult> result_;
    bool give_up_after_ = false;
};

}  // namespace kstream::sim
