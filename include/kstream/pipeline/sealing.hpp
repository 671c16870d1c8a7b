// From what fills to a step on its way: when it is due, what ranges it has, and with whose
// membership it is committed. Of StepLoop, which says whether a step may be submitted at all.
#pragma once

#include "kstream/codec/identity.hpp"
#include "kstream/error.hpp"
#include "kstream/pipeline/filling_step.hpp"
#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/loop_report.hpp"
#include "kstream/pipeline/positions.hpp"
#include "kstream/pipeline/step_in_flight.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/record_source.hpp"
#include "kstream/ports/step.hpp"
#include "kstream/ports/transaction_sink.hpp"

#include <string>

namespace kstream {

class Sealing {
public:
    struct Parts {
        RecordSource& source;
        TransactionSink& sink;
        const Clock& clock;
        Fold& fold;
        Positions& positions;
        StepInFlight& step;
        FillingStep& filling;
        LoopReport& report;
    };
    // `tail_at_once`: control records are followed without waiting for records (P11).
    Sealing(const Identity& identity, bool tail_at_once, Parts parts);

    // What steps do not wait for: the loop stops, or partitions are being revoked.
    struct Leaving {
        bool all = false;
        bool some = false;
    };
    // Submits the next step, if one is due. Precondition: none is in flight, the producer is ready.
    [[nodiscard]] Result<void> submit_if_due(Leaving leaving);

    // How long a loop with nothing to do may wait before it asks again.
    [[nodiscard]] Duration idle_wait() const { return tail_interval_; }

private:
    void look_for_control_records(Instant now, bool at_once);
    [[nodiscard]] Result<void> submit(Step step, bool opens);

    [[nodiscard]] std::string metadata_of(const StepRange& range) const;

    Identity identity_;
    Parts parts_;
    Duration tail_interval_;
    Instant tail_checked_;
};

}  // namespace kstream
