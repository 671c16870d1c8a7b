// The way between a client and the brokers: slow, lossy, and never in order. A request that is lost
// is never handled; one that is late is handled after its client has given up waiting, and perhaps
// asked again; a lost answer leaves the client in the dark about what it did.
#pragma once

#include "kstream/ports/clock.hpp"
#include "sim/schedule.hpp"
#include "sim/swarm.hpp"
#include "sim/tally.hpp"
#include "support/fakes/seeded.hpp"

#include <chrono>
#include <utility>

namespace kstream::sim {

class Network {
public:
    Network(Schedule& schedule, const Swarm& swarm, Tally& tally)
        : schedule_(schedule), swarm_(swarm), tally_(tally), dice_(swarm.seed ^ 0x6e6574) {}

    // To the brokers. `held_up`: this request may be very late.
    template <typename F>
    void send(F&& handle, bool held_up = true) {
        if (bad(swarm_.lost_requests, Fault::lost_request)) {
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
    void send_late(std::uint32_t how_often, F&& handle) {
        if (bad(how_often, Fault::late_request)) {
            const Duration late = std::chrono::milliseconds{500 + dice_.below(swarm_.most_late_ms)};
            schedule_.after(usual() + late, kCluster, std::forward<F>(handle));
        } else {
            send(std::forward<F>(handle));
        }
    }
    // Back to a client, whose process is `owner`.
    template <typename F>
    void answer(Owner owner, F&& take) {
        if (!bad(swarm_.lost_answers, Fault::lost_answer)) {
            schedule_.after(usual(), owner, std::forward<F>(take));
        }
    }

private:
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
};

}  // namespace kstream::sim
