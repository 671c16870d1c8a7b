#include "kstream/pipeline/totals_panes.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/stable_hash.hpp"
#include "kstream/planted_bug.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace kstream {

TotalsPanes::TotalsPanes(const job::Window& window, expr::Windows windows, std::uint64_t hash_seed)
    : windows_(std::move(windows)),
      size_(window.size),
      slide_(window.slide),
      hash_seed_(hash_seed),
      names_(hash_seed) {}

// ---- which panes there are ---------------------------------------------------------------------

void TotalsPanes::clear() {
    // With their memory: it is done when most of them have gone.
    names_ = KeyTable{hash_seed_};
    groups_ = {};
    group_of_ = {};
    calendar_.clear();
    agenda_ = {};
}

void TotalsPanes::add(std::string_view state_key) {
    const std::string_view name = group_part_of(state_key);
    const auto [group, inserted] = names_.find_or_insert(name);
    if (inserted) {
        groups_.emplace_back().hash = stable_hash(name);
    }
    const Pane pane{window_start_of(state_key), static_cast<std::uint32_t>(group_of_.size())};
    std::vector<Pane>& panes = groups_[group].panes;
    panes.insert(std::ranges::upper_bound(panes, pane.start, {}, &Pane::start), pane);
    group_of_.push_back(group);
    file(group);
}

void TotalsPanes::remove(std::uint32_t key) {
    std::erase_if(groups_[group_of_[key]].panes, [key](const Pane& one) { return one.key == key; });
    group_of_[key] = KeyTable::kNone;
}

// A group that came with one of these keys goes with it: it is the last one then, as its key is.
void TotalsPanes::truncate(std::uint32_t keys) {
    while (group_of_.size() > keys) {
        const std::uint32_t group = group_of_.back();
        remove(static_cast<std::uint32_t>(group_of_.size() - 1));
        group_of_.pop_back();
        if (groups_[group].panes.empty() && group + 1 == groups_.size()) {
            groups_.pop_back();
            names_.truncate(group);
        }
    }
}

// ---- windows -----------------------------------------------------------------------------------

std::int64_t TotalsPanes::first_end(std::int64_t pane_start) const {
    return windows_.over(windows_.pane(pane_start)).first + size_;
}

std::int64_t TotalsPanes::last_end(std::int64_t pane_start) const {
    return windows_.over(windows_.pane(pane_start)).last + size_;
}

std::optional<TotalsPanes::Place> TotalsPanes::find(std::string_view group_part,
                                                    std::int64_t start) const {
    const std::uint32_t group = names_.find(group_part);
    const Place window{group, start};
    return group == KeyTable::kNone || windows_.over(windows_.pane(start)).last != start ||
                   panes_of(window).empty()
               ? std::nullopt
               : std::optional{window};
}

std::optional<TotalsPanes::Place> TotalsPanes::newest_over(std::uint32_t key, std::int64_t start,
                                                           std::uint32_t keys) const {
    const Place window{group_of_[key], windows_.over(windows_.pane(start)).last};
    const std::span<const Pane> panes = panes_of(window);
    const auto first =
        std::ranges::find_if(panes, [keys](const Pane& one) { return one.key < keys; });
    return first != panes.end() && first->key == key ? std::optional{window} : std::nullopt;
}

std::int64_t TotalsPanes::first_open(std::uint32_t key, std::int64_t start) const {
    return end_from(start + size_, open_from(groups_[group_of_[key]])) - size_;
}

void TotalsPanes::append_open(std::uint32_t key, std::int64_t start,
                              std::vector<Place>& out) const {
    const std::uint32_t group = group_of_[key];
    const expr::WindowStarts over = windows_.over(windows_.pane(start));
    for (std::int64_t at = over.first; at <= over.last; at += slide_) {
        if (const Place window{group, at}; !is_closed(window, cursor_)) {
            out.push_back(window);
        }
    }
}

std::span<const TotalsPanes::Pane> TotalsPanes::panes_of(const Place& window) const {
    const std::vector<Pane>& panes = groups_[window.group].panes;
    const auto first = std::ranges::lower_bound(panes, window.start, {}, &Pane::start);
    return {first,
            std::ranges::lower_bound(first, panes.end(), window.start + size_, {}, &Pane::start)};
}

// ---- closing -----------------------------------------------------------------------------------

// Of the windows of the group that are not closed yet the one that ends first. Its panes are in the
// order of time, and so are the windows over them.
std::optional<std::int64_t> TotalsPanes::next_end(const Group& group) const {
    const std::int64_t from = open_from(group);
    for (const Pane& pane : group.panes) {
        if (last_end(pane.start) >= from) {
            return end_from(first_end(pane.start), from);
        }
    }
    return std::nullopt;
}

void TotalsPanes::file(std::uint32_t group) {
    const std::optional<std::int64_t> end = next_end(groups_[group]);
    if (end && *end < groups_[group].stands_at) {
        calendar_.file(*end, group);
        groups_[group].stands_at = *end;
    }
}

// All that stand at the earliest end, in order. What steps that were taken back have left behind
// stands there too.
void TotalsPanes::make_agenda(std::int64_t until) {
    while (agenda_.empty()) {
        std::optional<EndCalendar::Ended> next = calendar_.take(until);
        if (!next) {
            return;
        }
        agenda_end_ = next->end;
        for (; next; next = calendar_.take(agenda_end_)) {
            if (next->key >= groups_.size() || groups_[next->key].stands_at != agenda_end_) {
                continue;
            }
            Group& group = groups_[next->key];
            if (next_end(group) == agenda_end_) {
                agenda_.push_back({group.hash, next->key});
            } else {
                group.stands_at = kNowhere;
                file(next->key);
            }
        }
        std::ranges::sort(agenda_, [](const Item& a, const Item& b) {
            return std::tie(b.hash, b.group) < std::tie(a.hash, a.group);
        });
        agenda_.erase(std::ranges::unique(agenda_).begin(), agenda_.end());
    }
}

std::optional<TotalsPanes::Closed> TotalsPanes::close_next(std::int64_t until, Layer& layer) {
    make_agenda(until);
    if (agenda_.empty()) {
        return std::nullopt;
    }
    const Item item = agenda_.back();
    agenda_.pop_back();
    cursor_ = {agenda_end_, item.hash};
    Group& group = groups_[item.group];
    const Place window{item.group, agenda_end_ - size_};
    layer.closed.push_back(window);
    group.stands_at = kNowhere;
    file(item.group);
    const std::span<const Pane> panes = panes_of(window);
    KSTREAM_CHECK(!panes.empty(), "a window without panes is none");
    const auto stays = std::ranges::find_if(panes, [this](const Pane& pane) {
        const bool ends = last_end(pane.start) == agenda_end_;
        return !ends &&
               !(planted(PlantedBug::pane_dies_early) && first_end(pane.start) <= agenda_end_);
    });
    return Closed{panes, {panes.begin(), stays}};
}

// Back to where they stood: the end may be one of open windows again, to which groups come.
void TotalsPanes::drop_agenda() {
    for (const Item& item : agenda_) {
        calendar_.file(agenda_end_, item.group);
    }
    agenda_.clear();
}

void TotalsPanes::undo(const Layer& layer, std::uint32_t keys_before) {
    drop_agenda();
    cursor_ = layer.cursor_before;
    truncate(keys_before);
    for (const Place& window : layer.closed) {
        if (window.group < groups_.size() && !planted(PlantedBug::closing_not_undone)) {
            file(window.group);
        }
    }
}

std::size_t TotalsPanes::memory_bytes() const {
    std::size_t bytes = names_.memory_bytes() + groups_.capacity() * sizeof(Group) +
                        group_of_.capacity() * sizeof(std::uint32_t) + calendar_.memory_bytes() +
                        agenda_.capacity() * sizeof(Item);
    for (const Group& group : groups_) {
        bytes += group.panes.capacity() * sizeof(Pane);
    }
    return bytes;
}

}  // namespace kstream
