// One loop of a worker with everything that it touches, on a thread of its own.
#pragma once

#include "cli/config.hpp"
#include "kafka/client_config.hpp"
#include "kafka/group_consumer.hpp"
#include "kafka/query_service.hpp"
#include "kafka/topic_reader.hpp"
#include "kafka/transaction_session.hpp"
#include "kstream/error.hpp"
#include "kstream/pipeline/delta_purge.hpp"
#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/idle_watch.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/step_loop.hpp"
#include "kstream/pipeline/takeover.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/ports/record_tally.hpp"
#include "kstream/ports/state_desk.hpp"
#include "kstream/status.hpp"
#include "process/stop_signal.hpp"
#include "telemetry/snapshot_store.hpp"
#include "telemetry/state_board.hpp"
#include "topics/record_sizes.hpp"
#include "topics/topic_plan.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace kstream::app {

// What all loops of a process share. Outlives them.
struct LoopEnvironment {
    const cli::AggregateConfig& config;
    const topics::Names& names;
    kafka::ClientConfig client;
    kafka::TopicNames topics;
    std::string instance;  // --instance-id, or random (P5)
    Identity identity;
    expr::ZoneFiles zones;                             // that the job's statement names
    std::array<TopicId, kTopicRoleCount> topic_ids{};  // at the start, by role
    MapFoldConfig map_fold;
    topics::ProducerSizes producer_sizes;
    std::uint64_t hash_seed = 0;
    kafka::QueryService& queries;
    telemetry::SnapshotStore& snapshots;
    telemetry::StateBoard* states;  // nullptr: nobody can ask for totals
    std::string http;               // told to the other processes; may be empty
    RecordTallySink& tally;
    const Clock& clock;
    Log& log;
    process::StopSignal& stop;
    // --close: all is read, and time is to end.
    std::atomic<bool>& time_ends;
};

class LoopThread {
public:
    // Makes the clients and begins to join the group. Errors: usage for refused properties.
    [[nodiscard]] static Result<std::unique_ptr<LoopThread>> make(
        const LoopEnvironment& environment, Stage stage, int worker);
    ~LoopThread();
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;

    void start();
    // Whether the loop has ended by `deadline`. After a stop was requested, or when it has failed.
    [[nodiscard]] bool wait_until(std::chrono::steady_clock::time_point deadline) const;
    // In the group of its stage; empty before it has joined.
    [[nodiscard]] std::string member_id() const { return consumer_->member_id(); }
    [[nodiscard]] Stage stage() const { return stage_; }
    // How it ended; precondition: it has.
    [[nodiscard]] const std::optional<Error>& outcome() const { return error_; }

private:
    LoopThread(const LoopEnvironment& environment, Stage stage, int worker);
    [[nodiscard]] Result<void> make_clients();
    void make_loop();
    void run();
    void run_loop();
    [[nodiscard]] Error out_of_memory();
    void end_with(Error error);
    void answer_question();

    const LoopEnvironment& environment_;
    const Stage stage_;
    const int worker_;
    const std::string name_;  // "map-0"
    Job job_;

    std::unique_ptr<kafka::GroupConsumer> consumer_;
    std::unique_ptr<kafka::TransactionSession> session_;
    std::unique_ptr<kafka::TopicReader> reader_;
    std::unique_ptr<ClusterQueries> recovery_queries_;
    std::unique_ptr<ClusterQueries> takeover_queries_;
    std::unique_ptr<ClusterQueries> purge_queries_;
    std::unique_ptr<ClusterQueries> idle_queries_;
    std::unique_ptr<Fold> fold_;
    MapFold* map_ = nullptr;              // fold_, of a map loop
    const TotalsFold* totals_ = nullptr;  // fold_, of a totals loop
    StateDesk* desk_ = nullptr;           // of a totals loop, when somebody can ask
    std::unique_ptr<Takeover> takeover_;
    std::unique_ptr<DeltaPurge> purge_;
    std::unique_ptr<IdleWatch> idle_;  // of a map loop, when the job asks for it
    std::unique_ptr<StepLoop> loop_;

    std::thread thread_;
    std::promise<void> ended_;
    std::future<void> end_ = ended_.get_future();
    std::optional<Error> error_;  // written by the thread before it ends
};

}  // namespace kstream::app
