// Edit distance in its restricted Damerau form; names are short, so three rows will do.
#include "text/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace kstream::text {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        last[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

namespace {

// The most that a name may differ from the one that was meant.
std::size_t farthest(std::string_view name) {
    return std::max<std::size_t>(1, name.size() / 3);
}

// What is part of everything says nothing.
constexpr std::size_t kMinPart = 4;

bool is_part_of(std::string_view part, std::string_view whole) {
    return part.size() >= kMinPart && whole.find(part) != std::string_view::npos;
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view name,
                                        std::span<const std::string_view> candidates) {
    std::optional<std::string_view> best;
    std::size_t best_distance = farthest(name) + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::vector<std::string_view> nearest_names(std::string_view name,
                                            std::span<const std::string> candidates,
                                            std::size_t most) {
    std::vector<std::pair<std::size_t, std::string_view>> near;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance <= farthest(name) || is_part_of(name, candidate) ||
            is_part_of(candidate, name)) {
            near.emplace_back(distance, candidate);
        }
    }
    std::ranges::sort(near);
    std::vector<std::string_view> names;
    for (const auto& [distance, candidate] : near) {
        if (names.size() < most) {
            names.push_back(candidate);
        }
    }
    return names;
}

std::string did_you_mean(std::string_view name, std::string_view prefix,
                         std::span<const std::string_view> candidates) {
    const auto found = nearest(name, candidates);
    return found ? fmt::format(", did you mean {}{}?", prefix, *found) : std::string();
}

}  // namespace kstream::text
