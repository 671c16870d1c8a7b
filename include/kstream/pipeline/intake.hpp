// What comes in from the source: whether it may flow, how long it is waited for, and what of it the
// fold gets. Of StepLoop, which polls and acts upon the rest of what comes. On the per-record path.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/record.hpp"
#include "kstream/pipeline/filling_step.hpp"
#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/positions.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/record_source.hpp"

#include <cstddef>

namespace kstream {

class Intake {
public:
    // `together`: records between two looks at how full the step is.
    Intake(std::size_t together, Fold& fold, Positions& positions, FillingStep& filling,
           const Clock& clock)
        : together_(together),
          fold_(fold),
          positions_(positions),
          filling_(filling),
          clock_(clock) {}

    void steer(bool closed, RecordSource& source);

    // Of the next poll. `busy`: an outcome or an answer is awaited. `idle_wait`: while there is
    // nothing to do.
    [[nodiscard]] Duration wait(bool busy, Duration idle_wait) const;

    // False: the step is overfull, and what is left of the batch was not folded.
    [[nodiscard]] Result<bool> take(RecordBatch records);

private:
    [[nodiscard]] Result<void> fold_slice(RecordBatch records);

    std::size_t together_;
    Fold& fold_;
    Positions& positions_;
    FillingStep& filling_;
    const Clock& clock_;
    RecordSource::Flow flow_ = RecordSource::Flow::open;
};

}  // namespace kstream
