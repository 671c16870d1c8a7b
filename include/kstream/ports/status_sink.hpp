// Where a loop's snapshots go (design decision 12).
#pragma once

#include "kstream/status.hpp"

namespace kstream {

class StatusSink {
public:
    virtual ~StatusSink() = default;
    // Takes a snapshot; readers on other threads see it whole or not at all. From any thread.
    virtual void publish(const LoopStatus& status) = 0;
};

}  // namespace kstream
