#include "kstream/pipeline/step_in_flight.hpp"

namespace kstream {

void StepInFlight::on(StepEvent event, std::source_location where) {
    enter_phase(phase_, event, kStepTransitions, where);
    if (!held()) {
        ranges_.clear();
    }
}

void StepInFlight::submit(Step& step, bool opens, Instant now) {
    enter_phase(phase_, StepEvent::submitted, kStepTransitions);
    step.number = ++number_;
    ranges_ = step.ranges;
    volumes_ = step.outputs.volumes();
    opens_ = opens;
    submitted_ = now;
}

}  // namespace kstream
