// What totals of sessions have beyond those of other windows. A session's key has its first time,
// its last slot the last one (job/plan.hpp), so both come and go with what the key has anyway. A
// change goes into all sessions that it touches, and they are one from then on, under the key of
// the earliest: the others are absorbed, which to their keys is the same as being closed, but that
// nothing is published of them and nothing retires. Where the change is the earliest, the key is a
// new one.
//
// A key that was absorbed never comes back while the state lives: its first time lies in the
// session that has absorbed it for as long as that is open, and afterwards nothing so old comes.
#include "kstream/codec/state_key.hpp"
#include "kstream/expr/time.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "kstream/planted_bug.hpp"

#include <algorithm>

namespace kstream {

namespace {

std::int64_t last_time_of(std::span<const Slot> slots) {
    return static_cast<std::int64_t>(slots.back().value().low);
}

}  // namespace

// Whether its times are times of records, in their order: keys and slots come out of a log.
bool TotalsState::is_session(std::string_view state_key, std::span<const Slot> slots) {
    if (!decode_state_key(state_key, job_.key_shape(), group_) || !slots.back().present()) {
        return false;
    }
    const Int192 first{*group_.window_start};
    const Int192 last = slots.back().value();
    return !(first < Int192{expr::kMinTime}) && !(last < first) && !(Int192{expr::kMaxTime} < last);
}

// A record at exactly last + gap still belongs to it.
std::int64_t TotalsState::session_end(std::span<const Slot> slots) const {
    return last_time_of(slots) + sessions_->gap() + 1;
}

// The key into which the delta goes, after all sessions that it touches have become one there. The
// delta's own slots are not in it yet.
KeyTable::Found TotalsState::join_sessions(std::string_view state_key,
                                           std::span<const Slot> delta) {
    const std::string_view group = group_part_of(state_key);
    SessionIndex::Session joined{window_start_of(state_key), last_time_of(delta), 0};
    const auto touched = sessions_->touched(group, joined.first, joined.last);
    touched_sessions_.assign(touched.begin(), touched.end());
    const bool goes_on =
        !touched_sessions_.empty() && touched_sessions_.front().first <= joined.first;
    KeyTable::Found found{0, false};
    if (goes_on) {
        found.index = touched_sessions_.front().key;
        joined.first = touched_sessions_.front().first;
        if ((marks_[found.index] & kTouched) == 0) {
            remember(found.index);
        }
    } else {
        found = touch(state_key);
    }
    for (const SessionIndex::Session& one : touched_sessions_) {
        joined.last = std::max(joined.last, one.last);
        if (one.key != found.index) {
            absorb(one.key, found.index);
        }
    }
    joined.key = found.index;
    sessions_->put(group, joined);
    if (found.inserted) {
        calendar_.file(joined.last + sessions_->gap() + 1, found.index);
    }
    return found;
}

// Its own slots stay, which an undo finds as they were.
void TotalsState::absorb(std::uint32_t key, std::uint32_t into) {
    if ((marks_[key] & kTouched) == 0) {
        remember(key);
    }
    marks_[key] |= kClosing | kAbsorbed;
    filling_.closing.push_back(key);
    for (std::size_t i = 0; i < width(); ++i) {
        if (keeps_text(job_.kinds[i])) {
            texts_.merge(job_.kinds[i], slots_of(into)[i], slots_of(key)[i]);
        } else {
            merge_slot(job_.kinds[i], slots_of(into)[i], slots_of(key)[i]);
        }
    }
    if (sets_.any()) {
        filling_.bytes += sets_.join({.key = into, .slots = slots_of(into), .merged = merged_}, key,
                                     slots_of(key), filling_.sets);
    }
}

void TotalsState::index_session(std::uint32_t key) {
    const std::string_view state_key = keys_.key(key);
    sessions_->put(group_part_of(state_key),
                   {window_start_of(state_key), last_time_of(slots_of(key)), key});
}

// What the layer has left of the sessions that it has touched, before their slots are put back.
void TotalsState::take_out_sessions(const Layer& layer) {
    for (const std::uint32_t key : layer.touched) {
        if ((marks_[key] & kClosing) == 0) {
            const std::string_view state_key = keys_.key(key);
            sessions_->take(group_part_of(state_key), window_start_of(state_key));
        }
    }
}

// After their slots were. They stand in the calendar at their end or before again: the layer may
// have taken them out, or filed them at a later one.
void TotalsState::put_back_sessions(const Layer& layer) {
    for (const std::uint32_t key : layer.touched) {
        if (key < layer.keys_before && !planted(PlantedBug::merge_not_undone)) {
            index_session(key);
            calendar_.file(closes_at(key), key);
        }
    }
}

// Nothing of it is left. Whoever reads results never sees a tombstone of a key that they did not
// have.
void TotalsState::seal_absorbed(std::uint32_t key, bool is_old, const Headers& headers,
                                OutputBatch& out) {
    seal_total(key, is_old, out);
    const bool has_result = is_old && !final_only_ && (!has_having_ || published_[key] != 0);
    if (has_result && !planted(PlantedBug::session_tombstone_missing)) {
        publish(std::nullopt, headers.of_changes, out);
    }
}

}  // namespace kstream
