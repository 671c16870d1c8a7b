// What /state is made from: the desks of this process's totals loops and what is known of its
// peers. Empty until the loops are made.
#pragma once

#include "telemetry/peer_board.hpp"
#include "telemetry/question_desk.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace kstream::telemetry {

// Safe from any thread.
class StateBoard {
public:
    // A desk for one more totals loop; lives as long as the board.
    [[nodiscard]] QuestionDesk& add_desk();
    // How many state partitions the job has, 0 until it is known.
    void set_state_partitions(std::uint32_t count);

    [[nodiscard]] std::vector<QuestionDesk*> desks() const;
    [[nodiscard]] std::uint32_t state_partitions() const;
    [[nodiscard]] PeerBoard& peers() { return peers_; }

private:
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<QuestionDesk>> desks_;
    std::uint32_t state_partitions_ = 0;
    PeerBoard peers_;
};

}  // namespace kstream::telemetry
