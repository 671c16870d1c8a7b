#include "kstream/pipeline/intake.hpp"

#include "kstream/planted_bug.hpp"

#include <algorithm>

namespace kstream {

namespace {

constexpr Duration kIdlePoll = std::chrono::milliseconds{50};
// While an outcome or an answer is awaited, the loop looks for it this often.
constexpr Duration kBusyPoll = std::chrono::milliseconds{1};

}  // namespace

void Intake::steer(bool closed, RecordSource& source) {
    const auto wanted = closed ? RecordSource::Flow::closed : RecordSource::Flow::open;
    if (wanted != flow_ && (closed || !planted(PlantedBug::flow_stays_closed))) {
        flow_ = wanted;
        source.set_flow(wanted);
    }
}

Duration Intake::wait(bool busy, Duration idle_wait) const {
    if (busy) {
        return kBusyPoll;
    }
    if (filling_.empty()) {
        return std::min(idle_wait, kIdlePoll);
    }
    // Due, but not to be sealed now (back-off, no membership, half a map step): looked at often,
    // without spinning.
    const Duration left = filling_.left(clock_.now());
    return left > Duration::zero() ? std::min(left, kIdlePoll) : kBusyPoll;
}

// In slices, so that a batch of a million empty bad records, which is a few kilobytes in the log,
// does not become a step that no memory holds and no transaction carries: what would come on top of
// a step that is overfull is forgotten, and read again when the step is on its way.
Result<bool> Intake::take(RecordBatch records) {
    while (!records.empty()) {
        if (fold_.overfull()) {
            return false;
        }
        const std::size_t size = std::min(together_, records.size());
        if (Result<void> done = fold_slice(records.first(size)); !done) {
            return std::unexpected(std::move(done.error()));
        }
        records = records.subspan(size);
    }
    return true;
}

// Folds what is new; what was folded already would be counted twice.
Result<void> Intake::fold_slice(RecordBatch records) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
        if (!positions_.take(records[i])) {
            if (Result<void> done = fold_.fold(records.subspan(begin, i - begin)); !done) {
                return done;
            }
            begin = i + 1;
            continue;
        }
        filling_.note_record(clock_);
    }
    if (planted(PlantedBug::last_record_skipped) && begin < records.size()) {
        records = records.first(records.size() - 1);
    }
    return fold_.fold(records.subspan(begin));
}

}  // namespace kstream
