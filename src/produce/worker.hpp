// One thread of `produce`: makes its share of the records, encodes them into its own producer, and
// counts what became of them.
#pragma once

#include "kafka/producer.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/produce_status.hpp"
#include "process/stop_signal.hpp"
#include "produce/progress.hpp"
#include "produce/record_maker.hpp"
#include "produce/send_schedule.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace kstream::produce {

// Which records a worker makes: numbers first, first + step, ... below end. The shares of all
// workers are the stripes of one run, so the records do not depend on the number of threads.
struct WorkShare {
    static constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t first = 0;
    std::uint64_t step = 1;
    std::uint64_t end = kNoEnd;
};

struct WorkPlan {
    WorkShare share;
    std::optional<SendSchedule> schedule;  // absent: as fast as the queue takes records
    std::optional<Instant> stop_at;        // no record is made from then on
    Duration flush_limit = std::chrono::seconds(10);
};

class ProduceWorker {
public:
    // Everything referred to outlives the worker. `index` is its place on the board.
    ProduceWorker(kafka::Producer& producer, const RecordMaker& maker, const WorkPlan& plan,
                  const Clock& clock, process::StopSignal& stop, ProgressBoard& board,
                  std::size_t index);

    // Until the share is made, the time is up, a stop is requested or a record failed; then until
    // every record is answered. Waiting for answers has no limit while nothing is wrong, and
    // flush_limit once a stop was requested or a record failed: what has no answer by then is
    // failed or unknown. A failure requests the stop of all workers.
    void run();

private:
    enum class Filled : std::uint8_t { turn, all_due, queue_full, share };

    Filled fill(Instant now);
    template <typename Maker>
    Filled fill_from(const Maker& maker, Instant now);
    void make_records();
    void catch_up();
    void drain();
    [[nodiscard]] bool may_make(Instant now) const;
    [[nodiscard]] Duration wait_after(Filled filled) const;
    void post(Instant now, bool waiting);

    kafka::Producer& producer_;
    const RecordMaker& maker_;
    const WorkPlan plan_;
    const Clock& clock_;
    process::StopSignal& stop_;
    ProgressBoard& board_;
    const std::size_t index_;
    std::uint64_t next_;
    Instant next_post_;
    std::array<char, kRecordRoom> record_{};  // the text of the record being made
};

}  // namespace kstream::produce
