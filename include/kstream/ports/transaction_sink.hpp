// The output side of a loop: one transactional producer. A step goes in, a large one in parts while
// it is sealed; some time later its outcome comes out. At most one step is in flight (P7).
//
// All methods are called from the loop's thread and return at once; what blocks runs on a thread of
// the adapter.
#pragma once

#include "kstream/error.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/step.hpp"
#include "kstream/status.hpp"

#include <cstdint>
#include <optional>

namespace kstream {

struct StepResult {
    std::uint64_t number = 0;
    // committed: records and offsets are in the log, and visible once markers are written.
    // aborted: nothing of the step will ever be visible.
    // uncertain: either may be true. The producer has been given up; state() is `starting` until a
    //   new one stands, whose epoch fences whatever the old one still sends (P6, KAFKA-17754). Then
    //   the committed offsets tell what happened.
    // fenced: as uncertain, and the broker has said that another producer took the id over.
    TransactionResult outcome = TransactionResult::aborted;
    Error error;  // of everything but committed
    // A broker has answered that the producer's records before these are not in the log
    // (OUT_OF_ORDER_SEQUENCE_NUMBER): steps that were committed may have lost some.
    bool gap_in_log = false;
};

class TransactionSink : public StepWriter {
public:
    enum class State : std::uint8_t {
        starting,   // a producer is being made: InitProducerId, which also ends its own orphans
        ready,      // submit() may be called
        in_flight,  // a step is being written
        failed,     // error() says why; final
    };

    [[nodiscard]] virtual State state() const = 0;
    [[nodiscard]] virtual Error error() const = 0;

    // The transaction of the next step begins with its first part. Nothing but further parts may
    // come between that and submit(), and state() stays `ready` until then: what goes wrong is the
    // step's outcome. Precondition: ready.
    void write_ahead(StepPart part) override = 0;

    // Writes the step in one transaction with its offsets, and commits it only if the input topic's
    // name, asked for after the last record of the step was read, still stands for the topic that
    // the job began with (P4, docs/adr/0035); else the outcome is `aborted`. Precondition: ready.
    virtual void submit(Step step) = 0;

    // The outcome of the step in flight, once.
    [[nodiscard]] virtual std::optional<StepResult> poll() = 0;

    // Gives the producer up at once (P1: a commit that does not end; also before leaving). The step
    // in flight, if any, gets the outcome `uncertain`; a new producer is started.
    virtual void rebuild() = 0;

    // Ends the adapter's thread, waiting at most `deadline` for what it is doing.
    virtual void close(Duration deadline) = 0;
};

}  // namespace kstream
