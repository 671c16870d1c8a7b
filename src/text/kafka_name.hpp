// What Kafka takes for a name, and the names that it has of one application: the one place with
// their limits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace kstream::text {

inline constexpr std::size_t kMaxTopicNameBytes = 249;  // Kafka's Topic.MAX_NAME_LENGTH

// Topics and groups of an application are its id and one of these.
inline constexpr std::string_view kRepartitionEnding = "-totals-repartition";
inline constexpr std::string_view kChangelogEnding = "-totals-changelog";
inline constexpr std::string_view kDeadLettersEnding = "-dead-letters";
inline constexpr std::string_view kLateEnding = "-late";
inline constexpr std::string_view kMapGroupEnding = "-map";
inline constexpr std::string_view kTotalsGroupEnding = "-totals";

// So that each of the topics has a name that Kafka takes: 230.
inline constexpr std::size_t kMaxApplicationIdBytes =
    kMaxTopicNameBytes - std::max({kRepartitionEnding.size(), kChangelogEnding.size(),
                                   kDeadLettersEnding.size(), kLateEnding.size()});

// Why `name` is none (Kafka's Topic.validate), to stand after it in a message: "is not a name of 1
// to 249 of a-z A-Z 0-9 . _ -"; empty when it is one.
[[nodiscard]] std::string kafka_name_problem(std::string_view name,
                                             std::size_t max_bytes = kMaxTopicNameBytes);

}  // namespace kstream::text
