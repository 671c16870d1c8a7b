// The ceiling that aggregate is compared with: bare consumers of the same client library.
#pragma once

#include "bench/scenarios.hpp"
#include "kafka/bare_consumer.hpp"

#include <string>

namespace kstream::bench {

class Ceiling {
public:
    // Tries 1, 2 and 4 handles with three fetch settings on a part of the records and keeps the
    // fastest: that is its warm-up as well.
    [[nodiscard]] static Result<Ceiling> choose(Bench& bench, const Dataset& data);

    // Reads everything once and adds the figures.
    Result<void> run_round(Bench& bench, const Dataset& data, ScenarioResult& result) const;

    [[nodiscard]] ScenarioResult empty_result() const;

private:
    int handles_ = 1;
    std::string name_;
    kafka::Properties settings_;
};

}  // namespace kstream::bench
