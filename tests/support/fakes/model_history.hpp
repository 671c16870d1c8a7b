// One map member and one totals member through a history of faults (model_member.hpp), up to where
// everything that came is in the totals and nothing is left to be written.
#pragma once

#include "support/fakes/model_member.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <functional>
#include <memory>

namespace kstream::testing {

// `add_record` puts one into the source; `after_tick` looks at what is there, before all is calm.
inline void run_model_history(
    ModelWorld& world, const Job& job, const std::function<void()>& add_record,
    const std::function<void(int)>& after_tick = [](int) {}) {
    auto map = std::make_unique<Member>(world, job, Stage::map);
    auto totals = std::make_unique<Member>(world, job, Stage::totals);
    const auto crash = [&world, &job](std::unique_ptr<Member>& member, Stage stage) {
        member->sink.end_orphan();
        if (world.random.chance(20)) {
            member->group.clear();
        }
        member = std::make_unique<Member>(world, job, stage);
    };
    for (int tick = 0; tick < 600; ++tick) {
        if (world.random.chance(40)) {
            add_record();
        }
        if (world.random.chance(10)) {
            world.write_marker();
        }
        for (Member* member : {map.get(), totals.get()}) {
            member->rebalance();
            if (world.random.chance(3)) {
                member->fetch_again();
            }
            for (std::size_t i = world.random.below(4); i > 0; --i) {
                member->run_once();
            }
        }
        if (world.random.chance(1)) {
            crash(map, Stage::map);
        }
        if (world.random.chance(1)) {
            crash(totals, Stage::totals);
        }
        after_tick(tick);
    }
    world.calm = true;
    world.write_marker();
    const auto done = [&] {
        return map->at_end() && totals->at_end() && totals->fold->more_to_write().empty();
    };
    for (int tick = 0; tick < 5000 && !done(); ++tick) {
        for (Member* member : {map.get(), totals.get()}) {
            member->rebalance();
            member->run_once();
        }
    }
    REQUIRE(done());
    // What has nothing more to write may still be on its way.
    for (int tick = 0; tick < 50; ++tick) {
        totals->run_once();
    }
}

}  // namespace kstream::testing
