// A file as those see it that may not know files: read from its beginning to its end, or written
// whole or not at all.
#pragma once

#include "kstream/error.hpp"

#include <span>
#include <string_view>

namespace kstream {

class ByteSource {
public:
    virtual ~ByteSource() = default;
    // Fills all of `room` with what comes next; false when there is not so much, or it cannot be
    // read.
    [[nodiscard]] virtual bool read(std::span<char> room) = 0;
};

class ByteSink {
public:
    // What was not committed is gone.
    virtual ~ByteSink() = default;
    [[nodiscard]] virtual Result<void> write(std::string_view bytes) = 0;
    // All that was written takes the place of what was there before, also after a loss of power.
    [[nodiscard]] virtual Result<void> commit() = 0;
};

}  // namespace kstream
