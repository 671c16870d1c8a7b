// Keeps the snapshots that a loop publishes.
#pragma once

#include "kstream/ports/status_sink.hpp"

#include <cstddef>

namespace kstream::testing {

class CapturingStatus final : public StatusSink {
public:
    void publish(const LoopStatus& status) override {
        last = status;
        ++count;
    }

    LoopStatus last;
    std::size_t count = 0;
};

}  // namespace kstream::testing
