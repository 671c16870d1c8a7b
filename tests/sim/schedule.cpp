#include "sim/schedule.hpp"

namespace kstream::sim {

bool Schedule::run_next() {
    while (!queue_.empty()) {
        Entry entry = queue_.top();
        queue_.pop();
        now_ = entry.at;
        const State& owner = owners_[entry.owner];
        if (owner.alive && owner.stopped_until > now_) {
            entry.at = owner.stopped_until;
            queue_.push(entry);
            continue;
        }
        Action action = std::move(actions_[entry.slot]);
        free_.push_back(entry.slot);
        if (!owner.alive) {
            continue;
        }
        ++happened_;
        action();
        return true;
    }
    return false;
}

}  // namespace kstream::sim
