// Windows of event time: in which one an instant lies, and which instants a window has. Everything
// in milliseconds since 1970, before it too. Nothing here fails or allocates but make().
#pragma once

#include "kstream/error.hpp"
#include "kstream/expr/time.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/statement.hpp"

#include <cstdint>
#include <optional>

namespace kstream::expr {

// From its start to before its end, which is later.
struct TimeSpan {
    std::int64_t start = 0;
    std::int64_t end = 0;
    friend bool operator==(const TimeSpan&, const TimeSpan&) = default;
};

// The starts of windows: `first`, and every slide from there on to `last`.
struct WindowStarts {
    std::int64_t first = 0;
    std::int64_t last = 0;
    friend bool operator==(const WindowStarts&, const WindowStarts&) = default;
};

class Windows {
public:
    // Of a statement with windows. An error names a zone that there is not.
    [[nodiscard]] static Result<Windows> make(const job::Window& window, const ZoneFiles& zones);

    // What a record of that time goes into, whole: the window that it lies in; of hop a pane, of
    // which windows are whole numbers; of session the one millisecond, until it meets others.
    // Panes of one job tile the line: each instant lies in one, and it ends where the next begins.
    [[nodiscard]] TimeSpan pane(std::int64_t time) const;

    // The end of the window that begins there, which is none of a pane's: of session, of one in
    // which nothing has come since.
    [[nodiscard]] std::int64_t end_from(std::int64_t start) const;

    // Of hop: the windows that a pane of it is part of, 1 or more. Each is `size` long.
    [[nodiscard]] WindowStarts over(const TimeSpan& pane) const;

    // Of tumble and hop, the length of a pane: the window, and what divides both size and slide.
    [[nodiscard]] std::int64_t pane_length() const { return pane_; }

private:
    Windows(const job::Window& window, TimeUnit unit, std::optional<Zone> zone);
    [[nodiscard]] TimeSpan calendar(std::int64_t time) const;

    job::WindowKind kind_;
    std::int64_t size_;
    std::int64_t slide_;
    std::int64_t origin_;
    std::int64_t pane_;
    TimeUnit unit_;
    std::optional<Zone> zone_;  // of calendar
};

}  // namespace kstream::expr
