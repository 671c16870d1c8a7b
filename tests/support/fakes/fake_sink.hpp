// A transactional producer whose outcomes a test decides. It keeps every step that it was given.
#pragma once

#include "kstream/ports/transaction_sink.hpp"
#include "support/fakes/step_parts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::testing {

inline Error retriable(std::string message) {
    Error error;
    error.disposition = Disposition::retry;
    error.exit_code = ExitCode::kafka_fatal;
    error.message = std::move(message);
    return error;
}

class FakeSink final : public TransactionSink {
public:
    // ---- what the brokers do

    // Ends the step in flight. After anything but committed and aborted the producer is gone, and
    // a new one stands with stand().
    void finish(TransactionResult outcome, Error error = retriable("as the test wants it")) {
        REQUIRE(state_ == State::in_flight);
        result_ = StepResult{steps.back().number, outcome, std::move(error)};
        const bool stands =
            outcome == TransactionResult::committed || outcome == TransactionResult::aborted;
        state_ = stands ? State::ready : State::starting;
    }
    // The same after OUT_OF_ORDER_SEQUENCE_NUMBER.
    void finish_at_a_gap(TransactionResult outcome) {
        finish(outcome);
        result_->gap_in_log = true;
    }
    void start_anew() { state_ = State::starting; }
    void stand() {
        REQUIRE(state_ == State::starting);
        state_ = State::ready;
    }
    void fail(Error error) {
        state_ = State::failed;
        error_ = std::move(error);
    }

    // ---- the port

    [[nodiscard]] State state() const override { return state_; }
    [[nodiscard]] Error error() const override { return error_; }

    void write_ahead(StepPart part) override {
        REQUIRE(state_ == State::ready);
        parts_.take(part);
    }
    void submit(Step step) override {
        REQUIRE(state_ == State::ready);
        parts_.join(step);
        REQUIRE_FALSE(step.ranges.empty());
        REQUIRE(step.membership != nullptr);
        state_ = State::in_flight;
        steps.push_back(std::move(step));
    }

    std::optional<StepResult> poll() override { return std::exchange(result_, std::nullopt); }

    void rebuild() override {
        ++rebuilds;
        if (state_ == State::in_flight) {
            result_ = StepResult{steps.back().number, TransactionResult::uncertain,
                                 retriable("the producer was given up")};
        }
        state_ = State::starting;
    }

    void close(Duration) override { closed = true; }

    // ---- what happened

    [[nodiscard]] bool in_flight() const { return state_ == State::in_flight; }
    [[nodiscard]] const Step& last() const { return steps.back(); }

    std::vector<Step> steps;
    std::size_t rebuilds = 0;
    bool closed = false;

private:
    State state_ = State::ready;
    Error error_;
    StepParts parts_;
    std::optional<StepResult> result_;
};

}  // namespace kstream::testing
