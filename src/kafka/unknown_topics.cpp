#include "kafka/unknown_topics.hpp"

#include <fmt/format.h>

#include <utility>

namespace kstream::kafka {

Error UnknownTopics::unknown(TopicRole role, std::string_view name, Error error, Time now) {
    std::optional<Time>& since = since_[static_cast<std::size_t>(role)];
    if (!since) {
        since = now;
    }
    if (now - *since < kLimit) {
        error.disposition = Disposition::retry;
        return error;
    }
    since.reset();
    error.disposition = Disposition::stop;
    error.message = fmt::format("topic {} has been unknown to the brokers for {} s: {}", name,
                                kLimit.count(), error.message);
    error.hint =
        "was it deleted while this job runs? `kstream create-topics` creates it, and `kstream "
        "reset` "
        "is needed when it held state";
    return error;
}

bool UnknownTopics::known(TopicRole role) {
    return std::exchange(since_[static_cast<std::size_t>(role)], std::nullopt).has_value();
}

}  // namespace kstream::kafka
