#include "kafka/detached.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace kstream::kafka {
namespace {

constexpr int kPollMs = 10;
constexpr std::chrono::seconds kLeaveLimit{2};

struct Count {
    std::mutex mutex;
    std::condition_variable changed;
    int value = 0;
};

// Never destroyed: a thread may outlive main().
Count& count() {
    static auto* const instance = new Count;
    return *instance;
}

}  // namespace

Detached::Detached() {
    const std::lock_guard lock{count().mutex};
    ++count().value;
}

Detached::~Detached() {
    const std::lock_guard lock{count().mutex};
    --count().value;
    count().changed.notify_all();
}

bool serve_close(rd_kafka_t* consumer, rd_kafka_queue_t* queue,
                 std::chrono::steady_clock::time_point deadline) {
    bool closed = rd_kafka_consumer_closed(consumer) != 0;
    while (!closed && std::chrono::steady_clock::now() < deadline) {
        const EventPtr event{rd_kafka_queue_poll(queue, kPollMs)};
        if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
            const ErrorPtr ignored{rd_kafka_incremental_unassign(
                consumer, rd_kafka_event_topic_partition_list(event.get()))};
        }
        closed = rd_kafka_consumer_closed(consumer) != 0;
    }
    return closed;
}

void leave_behind(HandlePtr consumer, QueuePtr queue) {
    auto counted = std::make_unique<Detached>();
    std::thread([counted = std::move(counted), client = consumer.release(),
                 queue = std::move(queue)]() mutable {
        const auto deadline = std::chrono::steady_clock::now() + kLeaveLimit;
        const bool closed = queue && serve_close(client, queue.get(), deadline);
        queue.reset();
        rd_kafka_destroy_flags(client, closed ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }).detach();
}

bool wait_for_detached(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock{count().mutex};
    return count().changed.wait_until(lock, deadline, [] { return count().value == 0; });
}

}  // namespace kstream::kafka
