// A window of event time, as an audit reckons it.
#pragma once

#include <cstdint>

namespace kstream::audit {

// From its start to before its end, in milliseconds since 1970, before which the first ones begin.
struct WindowSpan {
    std::int64_t start = 0;
    std::int64_t end = 0;
    [[nodiscard]] bool has(std::int64_t time) const { return start <= time && time < end; }
    friend bool operator==(const WindowSpan&, const WindowSpan&) = default;
};

}  // namespace kstream::audit
