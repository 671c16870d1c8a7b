#include "kafka/throttle_watch.hpp"

#include <fmt/format.h>

namespace kstream::kafka {

namespace {

constexpr std::chrono::minutes kBetweenLines{1};

}  // namespace

void ThrottleWatch::add_up(std::vector<BrokerStatus>& brokers, TimePoint now) {
    for (BrokerStatus& broker : brokers) {
        auto known = brokers_.find(broker.name);
        if (known == brokers_.end()) {
            if (broker.throttle_seconds == 0) {
                continue;
            }
            known = brokers_.emplace(broker.name, Throttled{0, 0, now - kBetweenLines}).first;
        }
        Throttled& throttled = known->second;
        throttled.seconds += broker.throttle_seconds;
        broker.throttle_seconds = throttled.seconds;
        if (log_ != nullptr && throttled.seconds > throttled.said &&
            now - throttled.said_at >= kBetweenLines) {
            log_->write(LogLevel::warn, "a quota of the broker makes this client wait",
                        {{"client", client_},
                         {"broker", broker.name},
                         {"seconds", fmt::format("{:.3f}", throttled.seconds - throttled.said)},
                         {"hint",
                          "kafka-configs.sh --describe --entity-type users --entity-type "
                          "clients shows the quotas"}});
            throttled.said = throttled.seconds;
            throttled.said_at = now;
        }
    }
}

}  // namespace kstream::kafka
