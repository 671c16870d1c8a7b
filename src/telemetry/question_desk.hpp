// StateDesk between threads: the HTTP thread leaves questions and looks for answers, a totals loop
// takes and answers them. One desk per totals loop.
#pragma once

#include "kstream/ports/state_desk.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace kstream::telemetry {

class QuestionDesk final : public StateDesk {
public:
    // What somebody waits for. Who does not want to wait any more drops it.
    class Ticket {
    public:
        // The answer, once it is there.
        [[nodiscard]] std::optional<StateAnswer> take();

    private:
        friend class QuestionDesk;
        explicit Ticket(StateQuestion question) : question_(std::move(question)) {}
        std::mutex mutex_;
        StateQuestion question_;
        std::optional<StateAnswer> answer_;
    };

    // From any thread. nullptr when kMaxOpen questions wait already: the loop does not come.
    [[nodiscard]] std::shared_ptr<Ticket> ask(StateQuestion question);

    std::optional<StateQuestion> take() override;
    void answer(StateAnswer answer) override;

    static constexpr std::size_t kMaxOpen = 32;

private:
    std::mutex mutex_;
    std::deque<std::weak_ptr<Ticket>> open_;
    std::atomic<std::size_t> waiting_{0};  // open_.size(): a loop looks here first, at no cost
    std::weak_ptr<Ticket> taken_;          // of the loop's thread
};

}  // namespace kstream::telemetry
