// Clients whose destruction waits for a broker when the process wants to end. LeaveGroup, say, is
// answered behind the JoinGroup that is open on the same connection, and that one only when the
// coordinator has missed a dead member: up to its session timeout.
//
// They get the time that is left of a stop, on threads of their own. When it is over the process
// ends without them (std::_Exit): they use the log and their adapters, which must not go first.
#pragma once

#include "kafka/handles.hpp"

#include <chrono>

namespace kstream::kafka {

// Counts one thing that goes on after its owner; destroyed when that has ended. From any thread.
class LeftBehind {
public:
    LeftBehind();
    ~LeftBehind();
    LeftBehind(const LeftBehind&) = delete;
    LeftBehind& operator=(const LeftBehind&) = delete;
};

// Destroys a consumer without closing it, on a thread of its own.
void leave_behind(HandlePtr consumer);

// Waits until nothing is left behind; false when the deadline came first.
[[nodiscard]] bool wait_for_left_behind(std::chrono::steady_clock::time_point deadline);

}  // namespace kstream::kafka
