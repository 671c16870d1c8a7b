// What a loop tells those outside: the lines of its log, where its time goes, and the snapshot of
// all its parts. Of StepLoop, which says what has happened. It decides nothing.
#pragma once

#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/positions.hpp"
#include "kstream/pipeline/step_in_flight.hpp"
#include "kstream/pipeline/takeover.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_source.hpp"
#include "kstream/ports/status_sink.hpp"
#include "kstream/status.hpp"

#include <span>
#include <string_view>

namespace kstream {

class LoopReport {
public:
    LoopReport(Stage stage, int worker, const Clock& clock, Log& log, StatusSink& sink);

    void say(LogLevel level, std::string_view what);
    void say(LogLevel level, std::string_view what, LogField more);
    void say(LogLevel level, std::string_view what, std::span<const PartitionId> partitions);

    // From now on the loop's time goes there.
    void enter(LoopPhase phase);

    // The step is committed.
    void committed(const StepInFlight& step, Duration took);
    StepStatus& steps() { return status_.steps; }
    MemberStatus& member() { return status_.member; }

    // The next publish() does not wait for its time.
    void hurry() { due_ = true; }
    // A snapshot after each step, and once a second.
    void publish(const Positions& positions, const RecordSource& source, const Fold& fold,
                 const Takeover& takeover);

private:
    void look_at(const Positions& positions, const RecordSource& source, const Fold& fold);

    const Clock& clock_;
    Log& log_;
    StatusSink& sink_;
    LoopStatus status_;
    LoopPhase phase_ = LoopPhase::other;
    Instant phase_since_;
    Instant published_;
    bool due_ = false;
};

}  // namespace kstream
