// The producers of a session: one rd_kafka_t each, and the thread that uses it.
#pragma once

#include "kafka/client_config.hpp"
#include "kafka/detached.hpp"
#include "kafka/handles.hpp"
#include "kafka/request_watch.hpp"
#include "kafka/throttle_watch.hpp"
#include "kafka/transaction_session.hpp"
#include "kstream/check.hpp"
#include "kstream/ports/step.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kstream::kafka {

// Of a producer that was given up (P1, or the watchdog): nobody waited for how its step ended.
inline StepResult given_up_result(std::uint64_t step = 0) {
    return {step, TransactionResult::uncertain,
            Error{Disposition::rebuild_producer, ExitCode::kafka_fatal,
                  "the transaction did not end in time", "", 0}};
}

// Behind the last record that this loop has written to each partition, as brokers have acknowledged
// it, whatever became of its transaction. A log that goes on below that has lost records that
// in-sync replicas had: an unclean leader election has cut it off, or it is another topic's.
class TransactionSession::WrittenEnds {
public:
    using Ends = std::array<std::vector<Offset>, kTopicRoleCount>;  // by role and partition

    [[nodiscard]] Ends read() const {
        const std::lock_guard lock{mutex_};
        return ends_;
    }
    // A producer that was given up may come later than its successor.
    void raise(const Ends& ends) {
        const std::lock_guard lock{mutex_};
        for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
            ends_[role].resize(std::max(ends_[role].size(), ends[role].size()));
            for (std::size_t i = 0; i < ends[role].size(); ++i) {
                ends_[role][i] = std::max(ends_[role][i], ends[role][i]);
            }
        }
    }

private:
    mutable std::mutex mutex_;
    Ends ends_;
};

// One rd_kafka_t and the thread that uses it. Shared between the session and that thread, so that
// either may outlive the other.
class TransactionSession::Producer {
public:
    Producer(const ClientConfig& client, const TransactionSessionConfig& config,
             std::shared_ptr<WrittenEnds> written)
        : client_config_(client),
          config_(config),
          throttle_(config.name, client.log),
          written_(std::move(written)),
          ends_(written_->read()) {}

    static void start(const std::shared_ptr<Producer>& producer) {
        producer->thread_ = std::thread([producer] { producer->run(); });
    }

    [[nodiscard]] State state() const {
        const std::lock_guard lock{mutex_};
        return state_;
    }
    [[nodiscard]] Error error() const {
        const std::lock_guard lock{mutex_};
        return error_;
    }
    void write_ahead(StepPart part) {
        const std::lock_guard lock{mutex_};
        KSTREAM_CHECK(state_ == State::ready, "a part is given to a ready producer");
        parts_.push_back(std::move(part));
        wake_.notify_all();
    }
    void submit(Step step) {
        const std::lock_guard lock{mutex_};
        KSTREAM_CHECK(state_ == State::ready, "a step is submitted to a ready producer");
        state_ = State::in_flight;
        step_ = std::move(step);
        wake_.notify_all();
    }
    [[nodiscard]] std::optional<StepResult> take_result() {
        const std::lock_guard lock{mutex_};
        return std::exchange(result_, std::nullopt);
    }
    // The thread ends after the call that it is in. Does not wait.
    void give_up() {
        const std::lock_guard lock{mutex_};
        given_up_ = true;
        wake_.notify_all();
    }
    [[nodiscard]] bool ended() const {
        const std::lock_guard lock{mutex_};
        return ended_;
    }
    // It gave itself up after its last step.
    [[nodiscard]] bool is_given_up() const {
        const std::lock_guard lock{mutex_};
        return given_up_;
    }
    // True when the thread has ended and was joined.
    [[nodiscard]] bool wait_for_end(std::chrono::milliseconds limit) {
        std::unique_lock lock{mutex_};
        if (!wake_.wait_for(lock, limit, [this] { return ended_; })) {
            return false;
        }
        lock.unlock();
        if (thread_.joinable()) {
            thread_.join();
        }
        return true;
    }
    // For a thread that hangs in librdkafka at the end of the process: it keeps this object alive.
    void leave_behind() {
        const std::lock_guard lock{mutex_};
        thread_.detach();
        if (!ended_) {
            detached_.emplace();
        }
    }

private:
    void run();
    void serve();
    [[nodiscard]] bool make_client();
    void wait_for_broker();
    [[nodiscard]] bool init_transactions();
    void fail_with(Error error);

    [[nodiscard]] std::optional<StepResult> write_step();
    [[nodiscard]] bool wait_for_work();
    [[nodiscard]] std::optional<StepPart> next_part();
    [[nodiscard]] std::optional<StepResult> begin();
    [[nodiscard]] StepResult write(const Step& step,
                                   std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] std::optional<Error> produce(const OutputBatch& outputs,
                                               const std::vector<LogEnd>& log_ends);
    [[nodiscard]] std::optional<Error> produce_one(const OutputBatch& outputs,
                                                   const OutputBatch::Record& record);
    void note_written(const rd_kafka_message_t& message);
    Offset raise_end(const LogEnd& log);
    [[nodiscard]] std::optional<Error> wait_for_deliveries(
        std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] Error cut_off();
    [[nodiscard]] StepResult send_offsets(const Step& step,
                                          std::chrono::steady_clock::time_point deadline);
    void cut_in_two(std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] StepResult commit(std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] StepResult abort(Error cause, std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] StepResult failed(Error cause, std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] std::string where(const OutputBatch::Record& record) const;

    static void delivery_cb(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);
    static int stats_cb(rd_kafka_t*, char* json, std::size_t size, void* opaque);

    const ClientConfig client_config_;
    const TransactionSessionConfig config_;

    // Used by the thread only.
    RequestWatch watch_;
    ThrottleWatch throttle_;
    HandlePtr client_;
    std::array<TopicPtr, kTopicRoleCount> topics_;
    std::optional<Error> delivery_error_;
    bool gap_in_log_ = false;  // of the step that is written
    const std::shared_ptr<WrittenEnds> written_;
    WrittenEnds::Ends ends_;
    // The first record that was written where there had been others before.
    struct CutOff {
        TopicRole topic = TopicRole::source;
        PartitionId partition;
        Offset before;  // after what was written before
        Offset at;
    };
    std::optional<CutOff> cut_off_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    State state_ = State::starting;
    Error error_;
    std::deque<StepPart> parts_;  // of the step that comes
    std::optional<Step> step_;
    std::optional<StepResult> result_;
    bool given_up_ = false;
    bool ended_ = false;
    std::optional<Detached> detached_;
    std::thread thread_;
};

}  // namespace kstream::kafka
