#include "kstream/pipeline/window_sizes.hpp"

#include "kstream/check.hpp"
#include "kstream/planted_bug.hpp"

#include <algorithm>

namespace kstream {

bool WindowSizes::add(std::string_view group, std::uint8_t accumulator,
                      const expr::WindowStarts& windows, Layer* layer) {
    if (windows.first > windows.last) {
        return false;
    }
    auto of_group = groups_.find(group);
    if (of_group == groups_.end()) {
        of_group = groups_.try_emplace(std::string{group}).first;
    }
    bool goes_over = false;
    auto at = of_group->second.lower_bound(windows.first);
    for (std::int64_t start = windows.first; start <= windows.last; start += slide_, ++at) {
        if (at == of_group->second.end() || at->first != start) {
            at =
                of_group->second.emplace_hint(at, start, std::vector<std::uint64_t>(accumulators_));
            ++windows_;
        }
        if (++at->second[accumulator] == max_distinct_ + 1) {
            ++over_;
            goes_over = true;
        }
    }
    if (layer != nullptr) {
        auto changes = layer->changes_.find(group);
        if (changes == layer->changes_.end()) {
            changes = layer->changes_.try_emplace(std::string{group}).first;
        }
        changes->second.push_back({accumulator, windows});
        ++layer->count_;
    }
    return goes_over;
}

std::uint64_t WindowSizes::size(std::string_view group, std::uint8_t accumulator,
                                std::int64_t start) const {
    const auto of_group = groups_.find(group);
    if (of_group == groups_.end()) {
        return 0;
    }
    const auto window = of_group->second.find(start);
    return window == of_group->second.end() ? 0 : window->second[accumulator];
}

std::uint64_t WindowSizes::added(const Layer& layer, std::string_view group,
                                 std::uint8_t accumulator, std::int64_t start) {
    const auto changes = layer.changes_.find(group);
    if (changes == layer.changes_.end()) {
        return 0;
    }
    return static_cast<std::uint64_t>(
        std::ranges::count_if(changes->second, [&](const Layer::Change& change) {
            return change.accumulator == accumulator && change.windows.first <= start &&
                   start <= change.windows.last;
        }));
}

void WindowSizes::forget(std::string_view group, std::int64_t start) {
    const auto of_group = groups_.find(group);
    if (of_group == groups_.end()) {
        return;
    }
    if (const auto window = of_group->second.find(start); window != of_group->second.end()) {
        over_ -= static_cast<std::uint64_t>(std::ranges::count_if(
            window->second, [this](std::uint64_t size) { return size > max_distinct_; }));
        forget(of_group, window);
    }
}

void WindowSizes::forget(Groups::iterator group, Windows::iterator window) {
    group->second.erase(window);
    --windows_;
    if (group->second.empty()) {
        groups_.erase(group);
    }
}

// In any order: what was added is taken out.
void WindowSizes::undo(const Layer& layer) {
    if (planted(PlantedBug::window_sizes_not_undone)) {
        return;
    }
    for (const auto& [group, changes] : layer.changes_) {
        for (const Layer::Change& change : changes) {
            take_out(group, change);
        }
    }
}

void WindowSizes::take_out(std::string_view group, const Layer::Change& change) {
    for (std::int64_t start = change.windows.first; start <= change.windows.last; start += slide_) {
        const auto of_group = groups_.find(group);
        KSTREAM_CHECK(of_group != groups_.end(), "a step that is taken back has closed nothing");
        const auto window = of_group->second.find(start);
        KSTREAM_CHECK(window != of_group->second.end(),
                      "a step that is taken back has closed nothing");
        if (window->second[change.accumulator]-- == max_distinct_ + 1) {
            --over_;
        }
        if (std::ranges::all_of(window->second, [](std::uint64_t size) { return size == 0; })) {
            forget(of_group, window);
        }
    }
}

void WindowSizes::clear() {
    groups_.clear();
    windows_ = 0;
    over_ = 0;
}

std::size_t WindowSizes::memory_bytes() const {
    constexpr std::size_t kOfWindow = 96;  // a node, and what two allocations add
    return groups_.size() * kGroupBytes +
           windows_ * (kOfWindow + accumulators_ * sizeof(std::uint64_t));
}

}  // namespace kstream
