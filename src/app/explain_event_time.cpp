#include "app/explain_event_time.hpp"

#include "job/times.hpp"
#include "kstream/core/recent_ids.hpp"
#include "kstream/core/time_text.hpp"
#include "kstream/job/statement_text.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace kstream::app {
namespace {

using job::WindowKind;

constexpr int kBoundaries = 5;
// What a state key has of its window: which kind, and its start.
constexpr std::size_t kWindowBytes = 1 + sizeof(std::uint64_t);

std::string_view name_of(WindowKind kind) {
    switch (kind) {
        case WindowKind::none:
            return "none";
        case WindowKind::tumble:
            return "tumble";
        case WindowKind::calendar:
            return "calendar";
        case WindowKind::hop:
            return "hop";
        case WindowKind::session:
            return "session";
    }
    return {};
}

std::string utc(std::int64_t ms) {
    std::string text;
    append_timestamp(text, ms);
    return text;
}

std::vector<EventTimeReport::Boundary> boundaries(const job::Window& window,
                                                  const expr::Windows& windows, std::int64_t now,
                                                  const expr::ZoneFiles& zones) {
    std::vector<EventTimeReport::Boundary> next;
    if (window.kind == WindowKind::session) {
        return next;
    }
    std::optional<expr::Zone> zone;
    if (window.kind == WindowKind::calendar) {
        zone = expr::Zone::parse(zones(window.zone).value_or(""));
    }
    std::int64_t at = window.kind == WindowKind::hop ? windows.over(windows.pane(now)).last
                                                     : windows.pane(now).start;
    for (int i = 0; i < kBoundaries; ++i) {
        at = window.kind == WindowKind::hop ? at + window.slide : windows.pane(at).end;
        std::string local = zone ? utc(zone->local(at)) : std::string{};
        if (!local.empty()) {
            local.pop_back();  // not UTC's
        }
        next.push_back({utc(at), std::move(local)});
    }
    return next;
}

std::string window_text(const job::Window& window) {
    switch (window.kind) {
        case WindowKind::none:
            break;
        case WindowKind::tumble:
            return fmt::format("of {} each, counted from {}", job::interval_text(window.size),
                               utc(window.origin));
        case WindowKind::calendar:
            return fmt::format("a {} of {}, whose clocks are {:016x}", window.unit, window.zone,
                               window.zone_fingerprint);
        case WindowKind::hop:
            return fmt::format("of {} each, one every {}, counted from {}",
                               job::interval_text(window.size), job::interval_text(window.slide),
                               utc(window.origin));
        case WindowKind::session:
            return fmt::format("a session, until nothing comes for more than {}",
                               job::interval_text(window.size));
    }
    return "none";
}

void append_windows(std::vector<std::string>& lines, const EventTimeReport& report) {
    const job::EventTime& event = report.event;
    const bool hop = event.window.kind == WindowKind::hop;
    const bool session = event.window.kind == WindowKind::session;
    if (!report.next.empty()) {
        std::string next = "windows begin next at:";
        for (const EventTimeReport::Boundary& one : report.next) {
            next += "\n    " + one.utc;
            next += one.local.empty() ? "" : " (" + one.local + " there)";
        }
        lines.push_back(std::move(next));
    }
    if (hop) {
        lines.push_back(
            fmt::format("a record goes into one pane of {}; a window consists of {} "
                        "panes, and a record is in {}{} windows",
                        job::interval_text(report.pane_ms), report.panes_per_window,
                        event.window.size % event.window.slide == 0 ? "" : "at most ",
                        report.windows_per_record));
    }
    lines.push_back(fmt::format(
        "grace: {}; late is a record whose {} ended that long, or longer, before the newest time "
        "in front of it in its partition",
        job::interval_text(event.grace),
        hop       ? "pane"
        : session ? "own millisecond"
                  : "window"));
    if (session && event.grace == 0) {
        lines.emplace_back("without grace every record out of order in its partition is late");
    }
    if (event.emit == job::Emit::final_only) {
        lines.emplace_back("emit: final, one result for each key and window, when it is closed");
    } else {
        lines.push_back(fmt::format(
            "emit: updates, with each commit those windows that have changed: a record changes at "
            "most {}{}",
            report.windows_per_record,
            session ? ", and a tombstone deletes each that has become part of another" : ""));
    }
    lines.push_back(event.idle ? fmt::format("idle: a partition without records for {} follows "
                                             "the others",
                                             job::interval_text(*event.idle))
                               : "idle: never; a partition without records holds up all windows");
    if (event.quiet_wall) {
        lines.emplace_back("quiet: while all partitions are idle, time goes on by the wall clock");
    }
}

}  // namespace

Result<EventTimeReport> report_event_time(const job::Statement& statement,
                                          const std::string& late_topic, std::size_t bytes_per_key,
                                          std::int64_t now, const expr::ZoneFiles& zones) {
    EventTimeReport report;
    report.event = *statement.event_time;
    const job::Window& window = report.event.window;
    report.time = job::to_sql(report.event.time, statement);
    if (report.event.unique_by) {
        report.unique_by = job::to_sql(*report.event.unique_by, statement);
    }
    if (window.kind == WindowKind::none) {
        report.bytes = bytes_per_key;
        return report;
    }
    const Result<expr::Windows> windows = expr::Windows::make(window, zones);
    if (!windows) {
        return std::unexpected(windows.error());
    }
    report.next = boundaries(window, *windows, now, zones);
    report.bytes = bytes_per_key + kWindowBytes;
    report.late_topic = late_topic;
    if (window.kind == WindowKind::hop) {
        report.pane_ms = windows->pane_length();
        report.panes_per_window = window.size / report.pane_ms;
        report.windows_per_record = (window.size + window.slide - 1) / window.slide;
    }
    return report;
}

std::vector<std::string> lines_of(const EventTimeReport& report) {
    const job::EventTime& event = report.event;
    const bool windows = event.window.kind != WindowKind::none;
    std::vector<std::string> lines{"time of a record: " + report.time,
                                   "windows: " + window_text(event.window)};
    if (windows) {
        append_windows(lines, report);
    }
    lines.push_back(event.max_ahead
                        ? fmt::format("max_ahead: a time more than {} after the record's timestamp "
                                      "in Kafka makes a bad record",
                                      job::interval_text(*event.max_ahead))
                        : "max_ahead: never; one wrong clock can make all other records late");
    if (event.unique_by) {
        const std::string within = job::interval_text(event.within);
        lines.push_back(
            fmt::format("duplicates: records of a partition with the same {} within "
                        "{}; copies in another partition are not found",
                        report.unique_by, within));
        lines.push_back(
            fmt::format("about {} bytes in memory for each record of the last {} of event time, "
                        "which a new owner of a partition reads back: the topic has to keep it",
                        RecentIds::kBytesPerId, within));
    }
    if (windows) {
        lines.push_back(
            fmt::format("{} bytes in memory for each key and open {}, plus the key "
                        "itself",
                        report.bytes, event.window.kind == WindowKind::hop ? "pane" : "window"));
        lines.push_back("late records: " + report.late_topic);
    }
    return lines;
}

void append(text::JsonWriter& json, const EventTimeReport& report) {
    const job::EventTime& event = report.event;
    const job::Window& window = event.window;
    json.begin_object().field("time", report.time);
    json.key("window").begin_object().field("kind", name_of(window.kind));
    if (window.kind == WindowKind::calendar) {
        json.field("unit", window.unit)
            .field("zone", window.zone)
            .field("clocks", fmt::format("{:016x}", window.zone_fingerprint));
    } else if (window.kind == WindowKind::session) {
        json.field("gap_ms", window.size);
    } else if (window.kind != WindowKind::none) {
        json.field("size_ms", window.size).field("origin_ms", window.origin);
    }
    if (window.kind == WindowKind::hop) {
        json.field("slide_ms", window.slide)
            .field("pane_ms", report.pane_ms)
            .field("panes", report.panes_per_window);
    }
    json.end_object();
    if (window.kind != WindowKind::none) {
        json.field("grace_ms", event.grace)
            .field("emit", event.emit == job::Emit::updates ? "updates" : "final")
            .field("idle_ms", event.idle)
            .field("quiet_wall", event.quiet_wall);
        json.array("next", report.next, [&json](const EventTimeReport::Boundary& one) {
            json.begin_object().field("utc", one.utc);
            if (!one.local.empty()) {
                json.field("local", one.local);
            }
            json.end_object();
        });
        json.field("windows_per_record", report.windows_per_record)
            .field("bytes_per_open_window", report.bytes)
            .field("late_topic", report.late_topic);
    }
    json.field("max_ahead_ms", event.max_ahead);
    if (event.unique_by) {
        json.field("unique_by", report.unique_by)
            .field("within_ms", event.within)
            .field("bytes_per_id", RecentIds::kBytesPerId);
    }
    json.end_object();
}

Result<expr::TimeSpan> example_window(const job::Window& window, std::int64_t time,
                                      const expr::ZoneFiles& zones) {
    if (window.kind == WindowKind::session) {
        return expr::TimeSpan{time, time + window.size};
    }
    const Result<expr::Windows> windows = expr::Windows::make(window, zones);
    if (!windows) {
        return std::unexpected(windows.error());
    }
    const expr::TimeSpan pane = windows->pane(time);
    if (window.kind != WindowKind::hop) {
        return pane;
    }
    const std::int64_t start = windows->over(pane).last;
    return expr::TimeSpan{start, start + window.size};
}

}  // namespace kstream::app
