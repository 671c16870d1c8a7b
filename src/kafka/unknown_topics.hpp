// How long a topic may be unknown. Each broker learns of a topic in its own time, and one that has
// just come back knows nothing for a while: what it says ends no takeover, until it has been said
// for as long as librdkafka's readers and writers wait too (topic.metadata.propagation.max.ms).
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string_view>

namespace kstream::kafka {

// Not thread-safe.
class UnknownTopics {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kLimit{30};

    // A broker does not know the topic, as `error` says. The error to go on with: to be asked
    // again, or, beyond the limit, to stop for.
    [[nodiscard]] Error unknown(TopicRole role, std::string_view name, Error error,
                                Time now = std::chrono::steady_clock::now());

    // A broker has answered about the topic. True when the last one had not known it.
    bool known(TopicRole role);

    // Whether unknown() has been called since the last known().
    [[nodiscard]] bool waits_for(TopicRole role) const { return since(role).has_value(); }

private:
    [[nodiscard]] const std::optional<Time>& since(TopicRole role) const {
        return since_[static_cast<std::size_t>(role)];
    }
    std::array<std::optional<Time>, kTopicRoleCount> since_;
};

}  // namespace kstream::kafka
