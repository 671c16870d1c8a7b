// Clients whose destruction waits for a broker, when the process wants to end or go on without
// them. LeaveGroup, say, is answered after the JoinGroup that is open on the same connection, and
// that one only when the coordinator has missed a dead member: up to its session timeout.
//
// They end on threads of their own, and get the time that is left of a stop. When it is over the
// process ends without them (std::_Exit): they use the log and their adapters, which must not go
// first.
#pragma once

#include "kafka/handles.hpp"

#include <chrono>

namespace kstream::kafka {

// Counts one thing that goes on after its owner; destroyed when that has ended. From any thread.
class Detached {
public:
    Detached();
    ~Detached();
    Detached(const Detached&) = delete;
    Detached& operator=(const Detached&) = delete;
};

// Answers what a consumer that is being closed (rd_kafka_consumer_close_queue) asks for, until it
// has left its group; false when the deadline came first. `queue` is the one it was closed with.
[[nodiscard]] bool serve_close(rd_kafka_t* consumer, rd_kafka_queue_t* queue,
                               std::chrono::steady_clock::time_point deadline);

// Gives a consumer that is being closed some more seconds for it, on a thread of its own: a member
// that has not left is waited for by its group until its session ends. Then it is destroyed as it
// is; at once without a queue.
void leave_behind(HandlePtr consumer, QueuePtr queue);

// Waits until nothing is left behind; false when the deadline came first.
[[nodiscard]] bool wait_for_detached(std::chrono::steady_clock::time_point deadline);

}  // namespace kstream::kafka
