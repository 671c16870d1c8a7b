#include "app/lateness_report.hpp"

#include "app/bad_rows.hpp"
#include "app/page.hpp"
#include "job/times.hpp"
#include "kstream/core/time_text.hpp"
#include "kstream/job/statement_text.hpp"
#include "text/json_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace kstream::app {
namespace {

// Shares of the records that a grace is to keep: all but one of so many.
struct Kept {
    std::string_view percent;
    std::uint64_t one_of;  // 0: not even one is given up
};
constexpr auto kKept =
    std::to_array<Kept>({{"99", 100}, {"99.9", 1'000}, {"99.99", 10'000}, {"100", 0}});

std::int64_t least_grace(const Lateness& lateness, const Kept& kept) {
    return lateness.least_grace(kept.one_of == 0 ? 0 : lateness.judged() / kept.one_of);
}

std::string percent(std::uint64_t part, std::uint64_t of) {
    if (part == 0) {
        return "0 %";
    }
    const double share = 100.0 * static_cast<double>(part) / static_cast<double>(of);
    return share < 0.0001 ? "below 0.0001 %" : fmt::format("{:.4f} %", share);
}

std::string time_text(std::optional<std::int64_t> time) {
    std::string text;
    if (time) {
        append_timestamp(text, *time);
    }
    return text;
}

std::uint64_t timed(const Lateness& lateness) {
    std::uint64_t records = 0;
    for (const Lateness::Partition& partition : lateness.partitions()) {
        records += partition.timed;
    }
    return records;
}

void append_records(Page& page, const LatenessReport& report) {
    const RecordTally& counts = report.counts;
    const std::uint64_t late = report.lateness.refused_by_own();
    page.title(fmt::format("Records of {}, to its present end", report.statement.source_topic));
    page.line(
        "{} records at {} offsets: {} aggregated, {} late, {} filtered by WHERE, {} tombstones",
        counts.read, report.offsets, counts.aggregated - late, late, counts.filtered,
        counts.tombstones);
    append_bad(page, bad_rows(counts, report.firsts));
    page.line(
        "{} of {} with a time are out of order: a newer one stands before them in their "
        "partition",
        report.lateness.out_of_order(), timed(report.lateness));
}

void append_graces(Page& page, const LatenessReport& report) {
    const Lateness& lateness = report.lateness;
    page.title("Refused as late, by grace");
    const std::vector<Lateness::Row> rows = lateness.table();
    std::size_t width = 0;
    for (const Lateness::Row& row : rows) {
        width = std::max(width, job::length_text(row.grace).size());
    }
    for (const Lateness::Row& row : rows) {
        page.line("{:<{}}  {:>12}  {:>14}{}", job::length_text(row.grace), width, row.refused,
                  percent(row.refused, lateness.judged()),
                  row.own ? "  <- the statement's own" : "");
    }
    const std::uint64_t late = lateness.refused_by_own();
    const std::string own = job::length_text(report.statement.event_time->grace);
    if (late > 0) {
        page.line("The statement's own grace, {}, REFUSES {} of {} records.", own, late,
                  lateness.judged());
    } else {
        page.line("The statement's own grace, {}, refuses none of {} records.", own,
                  lateness.judged());
    }
    page.title("Least grace that keeps");
    for (const Kept& kept : kKept) {
        page.line("{:<7}  {}", kept.one_of == 0 ? "all" : fmt::format("{} %", kept.percent),
                  job::length_text(least_grace(lateness, kept)));
    }
    if (lateness.unit() > 1) {
        page.line(
            "but for the last one rounded up to a multiple of {}: there are more than {} "
            "different ones",
            job::length_text(lateness.unit()), Lateness::kMaxNeeds);
    }
    page.title("The latest record");
    if (const auto& worst = lateness.worst()) {
        page.line("partition {} offset {} needs a grace of {}", worst->partition.value,
                  worst->record_offset.value, job::length_text(worst->needed));
        page.line("the clock of its partition stood at {}", time_text(worst->clock));
    } else {
        page.line("none: no record needs any grace");
    }
}

void append_partitions(Page& page, const Lateness& lateness) {
    page.title("Partitions");
    page.line("{:>9}  {:>11}  {:>12}  {:<24}  {:<24}  {}", "partition", "with a time",
              "out of order", "oldest", "newest", "needs");
    for (std::size_t i = 0; i < lateness.partitions().size(); ++i) {
        const Lateness::Partition& one = lateness.partitions()[i];
        page.line("{:>9}  {:>11}  {:>12}  {:<24}  {:<24}  {}", i, one.timed, one.out_of_order,
                  one.oldest ? time_text(one.oldest) : "none",
                  one.newest ? time_text(one.newest) : "none",
                  one.most_needed == 0 ? "0" : job::length_text(one.most_needed));
    }
    if (const auto behind = lateness.furthest_behind()) {
        const auto& clock = lateness.partitions()[static_cast<std::size_t>(behind->value)].newest;
        if (clock) {
            page.line(
                "Partition {} is furthest behind: no window closes that ends, with its "
                "grace, after {}.",
                behind->value, time_text(clock));
        } else {
            page.line("Partition {} has no record with a time: no window closes before it has one.",
                      behind->value);
        }
    }
}

}  // namespace

std::string lateness_text(const LatenessReport& report) {
    Page page;
    page.text = job::to_sql(report.statement);
    append_records(page, report);
    append_graces(page, report);
    append_partitions(page, report.lateness);
    page.title("Not in these figures");
    page.line("idle => ...: what moves the clocks of silent partitions on refuses more");
    if (report.statement.event_time->unique_by) {
        page.line("unique_by => ...: duplicates are not looked for, a late one counts as late");
    }
    return std::move(page.text);
}

std::string lateness_json(const LatenessReport& report) {
    const Lateness& lateness = report.lateness;
    const RecordTally& counts = report.counts;
    const std::uint64_t late = lateness.refused_by_own();
    text::JsonWriter json;
    json.begin_object()
        .field("statement", job::to_sql(report.statement))
        .field("topic", report.statement.source_topic)
        .field("offsets", report.offsets)
        .field("records", counts.read)
        .field("aggregated", counts.aggregated - late)
        .field("late", late)
        .field("filtered", counts.filtered)
        .field("tombstones", counts.tombstones);
    append_bad(json, bad_rows(counts, report.firsts));
    json.field("with_time", timed(lateness)).field("out_of_order", lateness.out_of_order());
    json.array("graces", lateness.table(), [&](const Lateness::Row& row) {
        json.begin_object()
            .field("grace_ms", row.grace)
            .field("refused", row.refused)
            .fixed("share",
                   lateness.judged() == 0
                       ? 0.0
                       : static_cast<double>(row.refused) / static_cast<double>(lateness.judged()),
                   9)
            .field("own", row.own)
            .end_object();
    });
    json.array("least_graces", kKept, [&](const Kept& kept) {
        json.begin_object()
            .key("keeps_percent")
            .raw(kept.percent)
            .field("grace_ms", least_grace(lateness, kept))
            .end_object();
    });
    json.field("rounded_up_to_ms", lateness.unit());
    json.key("latest");
    if (const auto& worst = lateness.worst()) {
        json.begin_object()
            .field("partition", worst->partition.value)
            .field("offset", worst->record_offset.value)
            .field("grace_ms", worst->needed)
            .field("clock", time_text(worst->clock))
            .end_object();
    } else {
        json.null();
    }
    std::int32_t number = 0;
    json.array("partitions", lateness.partitions(), [&](const Lateness::Partition& one) {
        const auto maybe = [](std::optional<std::int64_t> time) {
            return time ? std::optional{time_text(time)} : std::nullopt;
        };
        json.begin_object()
            .field("partition", number++)
            .field("with_time", one.timed)
            .field("out_of_order", one.out_of_order)
            .field("oldest", maybe(one.oldest))
            .field("newest", maybe(one.newest))
            .field("largest_grace_ms", one.most_needed)
            .end_object();
    });
    const auto behind = lateness.furthest_behind();
    json.field("furthest_behind", behind ? std::optional{behind->value} : std::nullopt)
        .field("advances_of_idle_partitions", false)
        .field("duplicates_looked_for", false);
    return json.end_object().take() + '\n';
}

}  // namespace kstream::app
