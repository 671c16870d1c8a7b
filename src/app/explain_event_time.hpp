// What `explain` says of a job's event time, from its statement alone.
#pragma once

#include "kstream/error.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/statement_job.hpp"
#include "text/json_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream::app {

struct EventTimeReport {
    struct Boundary {
        std::string utc;
        std::string local;  // of a calendar: by its zone's clocks
    };

    job::EventTime event;
    std::string time;            // as SQL
    std::string unique_by;       // as SQL
    std::vector<Boundary> next;  // where windows begin, five of them; of sessions nobody knows
    // Of windows. A record changes at most so many of them, and a window consists of so many panes.
    std::int64_t windows_per_record = 1;
    std::int64_t panes_per_window = 1;
    std::int64_t pane_ms = 0;  // of hop
    // Of one key, beside its values: for each window that is open, of hop for each pane of one.
    std::size_t bytes = 0;
    std::string late_topic;  // of windows
};

// `late_topic` is the name of the job's, where it has windows. `bytes_per_key` is what a key takes
// without them. `now` is milliseconds since 1970: the boundaries are the next ones after it. Of a
// statement with event time. An error names a zone that this machine does not have.
[[nodiscard]] Result<EventTimeReport> report_event_time(const job::Statement& statement,
                                                        const std::string& late_topic,
                                                        std::size_t bytes_per_key, std::int64_t now,
                                                        const expr::ZoneFiles& zones);

// For people, a line each.
[[nodiscard]] std::vector<std::string> lines_of(const EventTimeReport& report);
// The same as a JSON object.
void append(text::JsonWriter& json, const EventTimeReport& report);

// The window of the example result: one that `time` lies in; of a session, what one record makes.
[[nodiscard]] Result<expr::TimeSpan> example_window(const job::Window& window, std::int64_t time,
                                                    const expr::ZoneFiles& zones);

}  // namespace kstream::app
