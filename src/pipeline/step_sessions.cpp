#include "kstream/pipeline/step_sessions.hpp"

#include "kstream/planted_bug.hpp"

#include <algorithm>

namespace kstream {

KeyTable::Found StepSessions::find_or_insert(std::string_view group, std::uint32_t likely) {
    const KeyTable::Found found = groups_.find_or_insert(group, likely);
    if (found.inserted) {
        spans_.emplace_back();
    }
    return found;
}

// A record at exactly last + gap still goes on.
std::uint32_t StepSessions::go_on(std::uint32_t group, std::int64_t time) {
    Span& span = spans_[group];
    const std::int64_t gap = planted(PlantedBug::step_joins_sessions) ? 2 * gap_ : gap_;
    if (span.row == KeyTable::kNone || time < span.first || time > span.last + gap) {
        return KeyTable::kNone;
    }
    span.last = std::max(span.last, time);
    return span.row;
}

void StepSessions::begin(std::uint32_t group, std::uint32_t row, std::int64_t time) {
    spans_[group] = {time, time, row};
}

void StepSessions::prefetch(std::span<const std::string_view> groups,
                            std::span<std::uint32_t> likely, std::span<std::uint32_t> rows) const {
    groups_.prefetch(groups, likely);
    for (const std::uint32_t group : likely) {
        if (group < spans_.size()) {
            __builtin_prefetch(&spans_[group], 1);
        }
    }
    std::ranges::transform(likely, rows.begin(), [this](std::uint32_t group) {
        return group < spans_.size() ? spans_[group].row : KeyTable::kNone;
    });
}

void StepSessions::clear() {
    groups_.clear();
    spans_.clear();
}

}  // namespace kstream
