// What the threads of `produce` tell the thread that shows it: one figure sheet per worker, added
// up by the reader. And when to say that no broker answers.
#pragma once

#include "kstream/ports/clock.hpp"
#include "kstream/produce_status.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace kstream::produce {

// Safe from any thread. A worker posts a few times a second; nothing here is per record.
class ProgressBoard {
public:
    explicit ProgressBoard(std::size_t workers) : sheets_(workers) {}

    void post(std::size_t worker, const ProduceStatus& status);
    void finish();  // once per worker, as its last act

    [[nodiscard]] ProduceStatus total() const;

    // Waits until all workers have finished, at most `limit`. Says whether they have.
    [[nodiscard]] bool wait_finished(Duration limit) const;

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<ProduceStatus> sheets_;
    std::size_t finished_ = 0;
};

// Tells a stall (records wait, and none was acknowledged for a while) from work: says so once when
// it begins and once when it is over.
class StallWatch {
public:
    enum class Event : std::uint8_t { none, waiting, resumed };

    StallWatch(Instant now, Duration limit) : since_(now), limit_(limit) {}

    // A stall that ends because everything was given up is not `resumed`.
    [[nodiscard]] Event observe(Instant now, std::uint64_t acknowledged, std::uint64_t outstanding);
    [[nodiscard]] bool waiting() const { return waiting_; }

private:
    Instant since_;  // of the last acknowledgement, or when nothing was outstanding
    Duration limit_;
    std::uint64_t acknowledged_ = 0;
    bool waiting_ = false;
};

}  // namespace kstream::produce
