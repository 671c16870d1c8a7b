// The metric table for people: `kstream help metrics` and docs/METRICS.md.
#include "telemetry/metric_table.hpp"

#include <fmt/format.h>

#include <iterator>

namespace kstream::telemetry {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Metrics and health

Made from the metric table by `kstream --generate metrics-doc`; do not edit it by hand.

`kstream produce` and `kstream aggregate` serve HTTP with `--http 127.0.0.1:9404`: off by default,
and only to this machine unless `--http-allow-remote` says otherwise.

- `/metrics`: the metrics below, in Prometheus' text format.
- `/`, `/status`, `/state`: a page, figures and totals, see [STATUS.md](STATUS.md).
- `/healthz`: 200 while every loop of the process reports, at least every 30 s; else 503
  with the reason in one line: restart the process.
- `/readyz`: 200 when every loop has an assignment and nothing is being restored, and all topics of
  the job are there, for `produce` when brokers answer; else 503 with the reason in one line: wait.
  An assignment may be empty: more workers than partitions are ready, too. `kstream health` asks
  here, for health checks.

Only GET and HEAD. A request has at most 8 KiB, a connection two seconds in all, and at most 16 are
served at once.

The column `/status` says where [/status](STATUS.md) has the same figure: there a histogram is its
quantiles, and what is unknown is `null`. In `/metrics` what is unknown has no sample. `stage` is
`map` (source topic to deltas) or `totals` (deltas to totals), `worker` the number of the worker in
the process, `partition` that of the input topic of the loop. Loops report once per
step, or once a second: metrics are at most that old.
)";

std::string in_code(std::string_view text) {
    return text.empty() ? std::string() : fmt::format("`{}`", text);
}

}  // namespace

std::string metrics_help() {
    std::string out;
    for (const MetricGroup& group : metric_groups()) {
        if (!group.title.empty()) {
            fmt::format_to(std::back_inserter(out), "{}{}:\n", out.empty() ? "" : "\n",
                           group.title);
        }
        for (const MetricSpec& spec : group.metrics) {
            fmt::format_to(std::back_inserter(out), "  {}{}{}{} ({})\n      {}\n", spec.name,
                           spec.labels.empty() ? "" : "{", spec.labels,
                           spec.labels.empty() ? "" : "}", metric_type_name(spec.type), spec.help);
        }
    }
    return out;
}

std::string metrics_doc() {
    std::string out(kIntroduction);
    for (const MetricGroup& group : metric_groups()) {
        if (!group.title.empty()) {
            fmt::format_to(std::back_inserter(out),
                           "\n## {}\n\n| metric | type | labels | /status | |\n"
                           "|---|---|---|---|---|\n",
                           group.title);
        }
        for (const MetricSpec& spec : group.metrics) {
            fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} | {} |\n", spec.name,
                           metric_type_name(spec.type), in_code(spec.labels),
                           in_code(spec.place(group.object)), spec.help);
        }
    }
    return out;
}

}  // namespace kstream::telemetry
