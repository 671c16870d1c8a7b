// For sinks that write a step at once: the parts of it that come before (StepWriter).
#pragma once

#include "kstream/ports/step.hpp"

#include <utility>

namespace kstream::testing {

class StepParts {
public:
    void take(const StepPart& part) { outputs_.append_all(part.outputs); }
    // Puts them in front of the rest of their step.
    void join(Step& step) {
        outputs_.append_all(step.outputs);
        step.outputs = std::exchange(outputs_, {});
    }

private:
    OutputBatch outputs_;
};

}  // namespace kstream::testing
