// What TotalsState does otherwise where windows hop: its keys are panes, and what is closed and
// published are the windows that are made of them.
#include "kstream/check.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/pipeline/totals_state.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kstream {

void TotalsState::index_panes() {
    panes_->clear();
    for (std::uint32_t key = 0; key < keys_.size(); ++key) {
        if (is_gone(key)) {
            panes_->add_gone();
        } else {
            panes_->add(keys_.key(key));
        }
    }
}

// A window counts as a key, and so does a pane that goes with it.
void TotalsState::close_windows(std::int64_t until, std::uint64_t& keys, std::size_t& bytes) {
    const std::size_t charged = filling_.bytes;
    while ((keys > 0 && filling_.bytes - charged < bytes) || panes_->goes_on()) {
        const auto closed = panes_->close_next(until, filling_.panes);
        if (!closed) {
            break;
        }
        filling_.bytes += charge_.of_result(keys_.key(closed->panes.front().key));
        for (const TotalsPanes::Pane& dying : closed->dying) {
            if ((marks_[dying.key] & kTouched) == 0) {
                remember(dying.key);
            }
            marks_[dying.key] |= kClosing;
            filling_.closing.push_back(dying.key);
        }
        keys -= std::min<std::uint64_t>(keys, 1 + closed->dying.size());
    }
    bytes -= std::min(bytes, filling_.bytes - charged);
    to_close_ = panes_->to_close(clock_ - grace_);
}

// For the last time those that the filling step has closed; where each change is published, those
// over the panes that it has touched, each once.
void TotalsState::seal_windows(const Headers& headers, OutputBatch& out) {
    for (const TotalsPanes::Place& window : filling_.panes.closed) {
        seal_window(window, headers.of_finals, out);
    }
    if (final_only_) {
        return;
    }
    std::vector<TotalsPanes::Place> changed;
    for (const std::uint32_t key : filling_.touched) {
        panes_->append_open(key, window_start_of(keys_.key(key)), changed);
    }
    std::ranges::sort(changed);
    changed.erase(std::ranges::unique(changed).begin(), changed.end());
    for (const TotalsPanes::Place& window : changed) {
        seal_window(window, headers.of_changes, out);
    }
}

void TotalsState::seal_window(const TotalsPanes::Place& window, std::uint32_t headers,
                              OutputBatch& out) {
    const std::span<const TotalsPanes::Pane> panes = panes_->panes_of(window);
    KSTREAM_CHECK(!panes.empty(), "a window without panes is none");
    window_.assign(width(), Slot{});
    for (const TotalsPanes::Pane& pane : panes) {
        merge_pane(window_, slots_of(pane.key));
    }
    std::vector<std::uint64_t> numbers;
    if (sets_.any()) {
        sets_.put_sizes(panes_->group_part(window), window.start, window_);
        numbers = numbers_of(panes);
    }
    KSTREAM_CHECK(decode_state_key(keys_.key(panes.front().key), job_.key_shape(), group_),
                  "state keys were checked when they came in");
    group_.window_start = window.start;
    result_.clear();
    if (results_->append(result_, group_, window_, texts_, sets_.values_of(numbers))) {
        publish(result_, headers, out);
    }
}

// Of sets and multisets how many values all panes have: of a set that is more than the window has
// (TotalsSets::put_sizes). Where a pane has too many, so has the window.
void TotalsState::merge_pane(std::vector<Slot>& into, std::span<const Slot> pane) const {
    for (std::size_t i = 0; i < width(); ++i) {
        if (!lies_beside(job_.kinds[i])) {
            merge_slot(job_.kinds[i], into[i], pane[i]);
        } else if (keeps_text(job_.kinds[i])) {
            texts_.merge(job_.kinds[i], into[i], pane[i]);
        } else if (is_over(into[i]) || is_over(pane[i])) {
            into[i] = kOverSlot;
        } else if (pane[i].present()) {
            into[i] = Slot{into[i].value() + pane[i].value(), true};
        }
    }
}

std::vector<std::uint64_t> TotalsState::numbers_of(std::span<const TotalsPanes::Pane> panes) const {
    std::vector<std::uint64_t> numbers;
    for (const TotalsPanes::Pane& pane : panes) {
        if (const std::optional<std::uint64_t> number = sets_.number(pane.key); number) {
            numbers.push_back(*number);
        }
    }
    return numbers;
}

// ---- looking -----------------------------------------------------------------------------------

bool TotalsState::is_listed(std::uint32_t index) const {
    if (is_gone(index) || !panes_) {
        return !is_gone(index);
    }
    const auto window =
        panes_->newest_over(index, window_start_of(keys_.key(index)), committed_keys());
    return window && !panes_->is_closed(*window, committed_cursor());
}

std::vector<TotalsState::CommittedWindow> TotalsState::newest_windows(
    std::span<const std::uint32_t> indexes) const {
    std::vector<CommittedWindow> found;
    for (const std::uint32_t index : indexes) {
        const auto window =
            panes_->newest_over(index, window_start_of(keys_.key(index)), committed_keys());
        KSTREAM_CHECK(window.has_value(), "it is listed");
        found.push_back(
            {.index = index, .window = *window, .group = {}, .slots = {}, .numbers = {}});
    }
    return committed_ones(std::move(found));
}

std::optional<TotalsState::CommittedWindow> TotalsState::find_window(
    std::string_view state_key) const {
    const auto window = panes_->find(group_part_of(state_key), window_start_of(state_key));
    std::vector<CommittedWindow> found;
    if (window) {
        const std::uint32_t index = panes_->panes_of(*window).front().key;
        found.push_back(
            {.index = index, .window = *window, .group = {}, .slots = {}, .numbers = {}});
        found = committed_ones(std::move(found));
    }
    return found.empty() ? std::nullopt : std::optional{std::move(found.front())};
}

// Those that are there and open, with all that they have. One look at the open steps for all.
std::vector<TotalsState::CommittedWindow> TotalsState::committed_ones(
    std::vector<CommittedWindow> windows) const {
    std::vector<std::uint32_t> keys;
    for (const CommittedWindow& one : windows) {
        for (const TotalsPanes::Pane& pane : panes_->panes_of(one.window)) {
            if (pane.key < committed_keys()) {
                keys.push_back(pane.key);
            }
        }
    }
    std::ranges::sort(keys);
    keys.erase(std::ranges::unique(keys).begin(), keys.end());
    const std::vector<std::span<const Slot>> rows = committed_slots(keys);
    std::erase_if(windows, [&](CommittedWindow& one) {
        bool is_there = false;
        one.slots.resize(width());
        for (const TotalsPanes::Pane& pane : panes_->panes_of(one.window)) {
            const auto at = std::ranges::lower_bound(keys, pane.key);
            if (at != keys.end() && *at == pane.key) {
                is_there = true;
                merge_pane(one.slots, rows[static_cast<std::size_t>(at - keys.begin())]);
            }
        }
        if (sets_.any()) {
            const std::array<const TotalsSets::Layer*, 2> open{&filling_.sets, &in_flight_.sets};
            sets_.put_sizes(panes_->group_part(one.window), one.window.start, one.slots, open);
            one.numbers = numbers_of(panes_->panes_of(one.window));
        }
        KSTREAM_CHECK(decode_state_key(keys_.key(one.index), job_.key_shape(), one.group),
                      "state keys were checked when they came in");
        one.group.window_start = one.window.start;
        return !is_there || panes_->is_closed(one.window, committed_cursor());
    });
    return windows;
}

}  // namespace kstream
