// A named time zone, from the bytes of its file (TZif, RFC 9636), which somebody else reads: this
// room touches no files. (std::chrono has zones only from GCC 14 on.)
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::expr {

// The bytes of a zone's file by its name, America/Sao_Paulo; none where there is no such zone.
using ZoneFiles = std::function<std::optional<std::string>(std::string_view name)>;

class Zone {
public:
    // None: not a file of version 2 or later, or a broken one.
    [[nodiscard]] static std::optional<Zone> parse(std::string_view file);

    // What clocks there show at an instant, in milliseconds since the beginning of 1970 by them.
    [[nodiscard]] std::int64_t local(std::int64_t utc_ms) const;
    // The first instant at which clocks there show `local_ms` or later, having shown earlier than
    // that: also where they go past it at once, and of two the earlier.
    [[nodiscard]] std::int64_t first_instant(std::int64_t local_ms) const;

    // Names the offsets of its clocks from 1968-12-30 to the year 10000: the same of any two files
    // by which all windows are the same, whatever else they say. Part of a job's identity: never
    // changes for the same offsets.
    [[nodiscard]] std::uint64_t fingerprint() const;

private:
    struct Transition {
        std::int64_t at_s = 0;
        std::int32_t offset_s = 0;  // from there on
    };
    [[nodiscard]] bool extend(std::string_view rule);
    [[nodiscard]] std::vector<Transition>::const_iterator at(std::int64_t utc_s) const;

    std::vector<Transition> transitions_;  // the first one begins before everything
};

}  // namespace kstream::expr
