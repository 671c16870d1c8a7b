// Windows of event time as the audit reckons them, from its own clocks: those of the loops
// (expr/window) are another reading of docs/adr/0057.
#pragma once

#include "audit/clocks.hpp"
#include "kstream/audit/window_span.hpp"
#include "kstream/error.hpp"
#include "kstream/job/statement.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace kstream::audit {

class Windows {
public:
    // Of a statement with windows. An error names a zone that there is not.
    [[nodiscard]] static Result<Windows> make(const job::Window& window, const ZoneBytes& zones);

    // What a record of that time goes into whole: the window that it lies in; of hopping windows
    // the pane, the longest piece of time that all windows are whole numbers of; of sessions that
    // millisecond, which may be all of one.
    [[nodiscard]] WindowSpan at(std::int64_t time) const;
    // The windows that the instant lies in, the earliest first: of hopping ones one or more.
    [[nodiscard]] std::vector<WindowSpan> over(std::int64_t time) const;
    // The window that begins there; none where none does.
    [[nodiscard]] std::optional<WindowSpan> from(std::int64_t start) const;

private:
    explicit Windows(const job::Window& window) : window_(window), pane_(window.size) {}

    job::Window window_;
    std::int64_t pane_;
    std::optional<ZoneClock> zone_;  // of calendar
};

}  // namespace kstream::audit
