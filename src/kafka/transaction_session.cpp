#include "kafka/transaction_session.hpp"

#include "kafka/transaction_producer.hpp"

#include <algorithm>
#include <utility>

namespace kstream::kafka {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Result<std::unique_ptr<TransactionSession>> TransactionSession::make(
    const ClientConfig& client, TransactionSessionConfig config) {
    // Once here, so that a bad property is an error of the start and not of a thread.
    if (Result<ConfPtr> conf = make_conf(client, ClientKind::transactional_producer, {}); !conf) {
        return std::unexpected(std::move(conf.error()));
    }
    std::unique_ptr<TransactionSession> session{new TransactionSession(client, std::move(config))};
    session->start_producer();
    return session;
}

TransactionSession::TransactionSession(ClientConfig client, TransactionSessionConfig config)
    : client_(std::move(client)),
      config_(std::move(config)),
      written_(std::make_shared<WrittenEnds>()) {}

TransactionSession::~TransactionSession() {
    close(Duration::zero());
}

void TransactionSession::start_producer() {
    producer_ = std::make_shared<Producer>(client_, config_, written_);
    Producer::start(producer_);
}

void TransactionSession::give_up_producer() {
    producer_->give_up();
    given_up_.push_back(std::move(producer_));
    std::erase_if(given_up_, [](const std::shared_ptr<Producer>& producer) {
        return producer->ended() && producer->wait_for_end(milliseconds{0});
    });
}

TransactionSink::State TransactionSession::state() const {
    return in_flight_ || unreported_ ? State::in_flight : producer_->state();
}

Error TransactionSession::error() const {
    return producer_->error();
}

void TransactionSession::write_ahead(StepPart part) {
    begun_ = begun_.value_or(Clock::now());
    producer_->write_ahead(std::move(part));
}

void TransactionSession::submit(Step step) {
    in_flight_ = step.number;
    begun_ = begun_.value_or(Clock::now());
    producer_->submit(std::move(step));
}

std::optional<StepResult> TransactionSession::poll() {
    if (unreported_) {
        return std::exchange(unreported_, std::nullopt);
    }
    if (!in_flight_) {
        return std::nullopt;
    }
    std::optional<StepResult> result = producer_->take_result();
    if (result) {
        in_flight_.reset();
        begun_.reset();
        if (producer_->is_given_up()) {
            give_up_producer();
            start_producer();
        }
        return result;
    }
    // The watchdog (librdkafka #5456). The producer's own deadline comes first when calls keep
    // time.
    if (Clock::now() - *begun_ > config_.transaction_timeout * 95 / 100) {
        rebuild();
        return std::exchange(unreported_, std::nullopt);
    }
    return std::nullopt;
}

void TransactionSession::rebuild() {
    if (in_flight_) {
        unreported_ = given_up_result(*in_flight_);
        in_flight_.reset();
    }
    begun_.reset();
    give_up_producer();
    start_producer();
}

void TransactionSession::close(Duration deadline) {
    if (!producer_) {
        return;
    }
    give_up_producer();
    const Clock::time_point end = Clock::now() + deadline;
    for (const std::shared_ptr<Producer>& producer : given_up_) {
        const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
        if (!producer->wait_for_end(std::max(left, milliseconds{1}))) {
            producer->leave_behind();
        }
    }
    given_up_.clear();
}

}  // namespace kstream::kafka
