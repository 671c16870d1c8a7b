// The way between a client and the brokers: slow, lossy, and never in order. A request that is lost
// is never handled; one that is late is handled after its client has given up waiting, and perhaps
// asked again; a lost answer leaves the client in the dark about what it did. A client may be cut
// off from some of the brokers for longer than any of its requests waits.
#pragma once

#include "kstream/ports/clock.hpp"
#include "sim/schedule.hpp"
#include "sim/swarm.hpp"
#include "sim/tally.hpp"
#include "support/fakes/seeded.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace kstream::sim {

// A set of brokers, one bit for each.
using Brokers = std::uint32_t;
inline constexpr std::size_t kBrokers = 3;
inline constexpr Brokers kAllBrokers = (1U << kBrokers) - 1;

// Where the coordinator of a group or of a transactional id is.
[[nodiscard]] constexpr Brokers coordinator_of(std::string_view id) {
    std::size_t sum = 0;
    for (const char c : id) {
        sum += static_cast<unsigned char>(c);
    }
    return 1U << (sum % kBrokers);
}

// Between a client and the brokers that it needs for a request.
struct Link {
    Owner client = kCluster;
    Brokers brokers = 0;
};

class Network {
public:
    Network(Schedule& schedule, const Swarm& swarm, Tally& tally)
        : schedule_(schedule), swarm_(swarm), tally_(tally), dice_(swarm.seed ^ 0x6e6574) {}

    // `answers_only`: what the client asks arrives, and is done.
    void cut_off(const Link& link, Instant until, bool answers_only) {
        cuts_[link.client] = {link.brokers, until, answers_only};
    }
    void heal() { cuts_.clear(); }
    // Whether nothing comes back over this link now.
    [[nodiscard]] bool is_cut_off(const Link& link) const {
        const auto cut = cuts_.find(link.client);
        return cut != cuts_.end() && (cut->second.brokers & link.brokers) != 0 &&
               schedule_.now() < cut->second.until;
    }

    // To the brokers. `held_up`: this request may be very late.
    template <typename F>
    void send(const Link& link, F&& handle, bool held_up = true) {
        if (!arrives(link) || bad(swarm_.lost_requests, Fault::lost_request)) {
            return;
        }
        Duration delay = usual();
        if (held_up && bad(swarm_.late_requests, Fault::late_request)) {
            delay += std::chrono::milliseconds{500 + dice_.below(swarm_.most_late_ms)};
        }
        schedule_.after(delay, kCluster, std::forward<F>(handle));
    }
    // A request that a seed may have come late more often than others, per ten thousand.
    template <typename F>
    void send_late(const Link& link, std::uint32_t how_often, F&& handle) {
        if (arrives(link) && bad(how_often, Fault::late_request)) {
            const Duration late = std::chrono::milliseconds{500 + dice_.below(swarm_.most_late_ms)};
            schedule_.after(usual() + late, kCluster, std::forward<F>(handle));
        } else {
            send(link, std::forward<F>(handle));
        }
    }
    // Back to the client.
    template <typename F>
    void answer(const Link& link, F&& take) {
        if (!is_cut_off(link) && !bad(swarm_.lost_answers, Fault::lost_answer)) {
            schedule_.after(usual(), link.client, std::forward<F>(take));
        }
    }

private:
    [[nodiscard]] bool arrives(const Link& link) const {
        return !is_cut_off(link) || cuts_.at(link.client).answers_only;
    }
    [[nodiscard]] Duration usual() {
        return std::chrono::microseconds{200 + dice_.below(swarm_.usual_delay_us)};
    }
    [[nodiscard]] bool bad(std::uint32_t per_ten_thousand, Fault fault) {
        if (per_ten_thousand == 0 || dice_.below(10'000) >= per_ten_thousand) {
            return false;
        }
        return tally_.fault(fault);
    }

    Schedule& schedule_;
    const Swarm& swarm_;
    Tally& tally_;
    testing::Seeded dice_;
    struct Cut {
        Brokers brokers = 0;
        Instant until;
        bool answers_only = false;
    };
    std::map<Owner, Cut> cuts_;
};

}  // namespace kstream::sim
