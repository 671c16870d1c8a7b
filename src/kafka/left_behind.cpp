#include "kafka/left_behind.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace kstream::kafka {
namespace {

struct Count {
    std::mutex mutex;
    std::condition_variable changed;
    int value = 0;
};

// Never destroyed: a thread may outlive main().
Count& count() {
    static Count* const instance = new Count;
    return *instance;
}

}  // namespace

LeftBehind::LeftBehind() {
    const std::lock_guard lock{count().mutex};
    ++count().value;
}

LeftBehind::~LeftBehind() {
    const std::lock_guard lock{count().mutex};
    --count().value;
    count().changed.notify_all();
}

void leave_behind(HandlePtr consumer) {
    auto counted = std::make_unique<LeftBehind>();
    std::thread([counted = std::move(counted), client = consumer.release()] {
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }).detach();
}

bool wait_for_left_behind(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock{count().mutex};
    return count().changed.wait_until(lock, deadline, [] { return count().value == 0; });
}

}  // namespace kstream::kafka
