// The words for the stages of a worker and for the roles of topics, wherever they are read or
// written: options, reports, log lines, metrics.
#pragma once

#include "kstream/model/ids.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kstream {

// Which of the two loops of a worker.
enum class Stage : std::uint8_t { map, totals };
inline constexpr std::array<std::string_view, 2> kStageNames{"map", "totals"};

constexpr std::string_view stage_name(Stage stage) {
    return kStageNames[static_cast<std::size_t>(stage)];
}

// In the order of TopicRole.
inline constexpr std::array<std::string_view, kTopicRoleCount> kTopicRoleNames{
    "source", "repartition", "changelog", "results", "dead-letters", "late"};
// As labels of metrics and members of /status have them.
inline constexpr std::array<std::string_view, kTopicRoleCount> kTopicRoleLabels{
    "source", "repartition", "changelog", "results", "dead_letters", "late"};

constexpr std::string_view role_name(TopicRole role) {
    return kTopicRoleNames[static_cast<std::size_t>(role)];
}

constexpr std::string_view role_label(TopicRole role) {
    return kTopicRoleLabels[static_cast<std::size_t>(role)];
}

constexpr std::optional<TopicRole> parse_role(std::string_view name) {
    const auto found = std::ranges::find(kTopicRoleNames, name);
    return found == kTopicRoleNames.end()
               ? std::nullopt
               : std::optional(static_cast<TopicRole>(found - kTopicRoleNames.begin()));
}

}  // namespace kstream
