// The lock is held for moving a question or an answer and nothing else.
#include "telemetry/question_desk.hpp"

#include <utility>

namespace kstream::telemetry {

std::optional<StateAnswer> QuestionDesk::Ticket::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answer_, std::nullopt);
}

std::shared_ptr<QuestionDesk::Ticket> QuestionDesk::ask(StateQuestion question) {
    const std::lock_guard lock(mutex_);
    std::erase_if(open_, [](const std::weak_ptr<Ticket>& ticket) { return ticket.expired(); });
    std::shared_ptr<Ticket> ticket;
    if (open_.size() < kMaxOpen) {
        ticket.reset(new Ticket(std::move(question)));
        open_.push_back(ticket);
    }
    waiting_.store(open_.size(), std::memory_order_relaxed);
    return ticket;
}

std::optional<StateQuestion> QuestionDesk::take() {
    // A question that is seen one iteration later loses nothing.
    if (waiting_.load(std::memory_order_relaxed) == 0) {
        return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    while (!open_.empty()) {
        const std::shared_ptr<Ticket> ticket = open_.front().lock();
        open_.pop_front();
        waiting_.store(open_.size(), std::memory_order_relaxed);
        if (ticket) {
            taken_ = ticket;
            return ticket->question_;
        }
    }
    return std::nullopt;
}

void QuestionDesk::answer(StateAnswer answer) {
    if (const std::shared_ptr<Ticket> ticket = taken_.lock()) {
        const std::lock_guard lock(ticket->mutex_);
        ticket->answer_ = std::move(answer);
    }
    taken_.reset();
}

}  // namespace kstream::telemetry
