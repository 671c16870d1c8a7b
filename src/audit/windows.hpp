// Windows of event time as the audit reckons them, from its own clocks: those of the loops
// (expr/window) are another reading of docs/adr/0057.
#pragma once

#include "audit/clocks.hpp"
#include "kstream/audit/window_span.hpp"
#include "kstream/error.hpp"
#include "kstream/job/statement.hpp"

#include <cstdint>
#include <optional>

namespace kstream::audit {

class Windows {
public:
    // Of a statement with tumbling or calendar windows, or sessions. An error names a zone that
    // there is not.
    [[nodiscard]] static Result<Windows> make(const job::Window& window, const ZoneBytes& zones);

    // The one that the instant lies in; of sessions that millisecond, which may be all of one.
    [[nodiscard]] WindowSpan at(std::int64_t time) const;

private:
    explicit Windows(const job::Window& window) : window_(window) {}

    job::Window window_;
    std::optional<ZoneClock> zone_;  // of calendar
};

}  // namespace kstream::audit
