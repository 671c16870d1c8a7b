#include "telemetry/state_board.hpp"

namespace kstream::telemetry {

QuestionDesk& StateBoard::add_desk() {
    const std::lock_guard lock(mutex_);
    return *desks_.emplace_back(std::make_unique<QuestionDesk>());
}

void StateBoard::set_state_partitions(std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    state_partitions_ = count;
}

std::vector<QuestionDesk*> StateBoard::desks() const {
    const std::lock_guard lock(mutex_);
    std::vector<QuestionDesk*> all;
    all.reserve(desks_.size());
    for (const auto& desk : desks_) {
        all.push_back(desk.get());
    }
    return all;
}

std::uint32_t StateBoard::state_partitions() const {
    const std::lock_guard lock(mutex_);
    return state_partitions_;
}

}  // namespace kstream::telemetry
