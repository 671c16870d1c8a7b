#include "produce/report.hpp"

#include "text/json_writer.hpp"

#include <fmt/core.h>

#include <array>
#include <optional>
#include <string_view>

namespace kstream::produce {
namespace {

struct Quantile {
    std::string_view name;       // for people
    std::string_view json_name;  // for machines
    double share;
};
constexpr std::array<Quantile, 3> kQuantiles{
    {{"p50", "p50", 0.5}, {"p99", "p99", 0.99}, {"p99.9", "p99_9", 0.999}}};

constexpr std::int64_t kMillion = 1'000'000;

double per_second(const ProduceReport& report, std::uint64_t amount) {
    return report.seconds > 0 ? static_cast<double>(amount) / report.seconds : 0;
}

double milliseconds(std::uint64_t microseconds) {
    return static_cast<double>(microseconds) / 1000;
}

std::string options_of_transactions(const ProduceReport& report) {
    std::string text = fmt::format(" --users {} --sellers {} --locations {}", report.users,
                                   report.sellers, report.locations);
    if (report.skew != Skew::even) {
        text += fmt::format(" --skew {}", skew_name(report.skew));
    }
    if (report.form != TransactionForm::flat) {
        text += fmt::format(" --form {}", form_name(report.form));
    }
    return text;
}

// Those with which another run makes the same records.
std::string options_of(const ProduceReport& report) {
    std::string text;
    if (report.shape != Shape::transactions) {
        text += fmt::format("--shape {} ", shape_name(report.shape));
    }
    text += fmt::format("--seed {} --start-time {}", report.seed, report.start_time_s);
    if (report.shape == Shape::transactions) {
        text += options_of_transactions(report);
    }
    if (report.out_of_order_millionths > 0) {
        text +=
            fmt::format(" --out-of-order {}.{:06} --out-of-order-by {}ms",
                        report.out_of_order_millionths / kMillion,
                        report.out_of_order_millionths % kMillion, report.out_of_order_by.count());
    }
    if (report.count) {
        text += fmt::format(" --count {}", *report.count);
    }
    return text;
}

// Of transactions alone.
template <typename T>
std::optional<T> where_it_is(const ProduceReport& report, T value) {
    return report.shape == Shape::transactions ? std::optional<T>(value) : std::nullopt;
}

}  // namespace

ExitCode exit_code_of(const ProduceReport& report) {
    const bool all_made = !report.asked || report.cut_off || report.made == *report.asked;
    return all_made && report.counts.acknowledged == report.made ? ExitCode::ok
                                                                 : ExitCode::incomplete;
}

std::string to_text(const ProduceReport& report) {
    const kafka::DeliveryCounts& counts = report.counts;
    std::string text;
    const auto line = [&text](std::string_view name, const std::string& value) {
        text += fmt::format("{:<13}{}\n", name, value);
    };
    line("made", fmt::format("{}{}", report.made,
                             report.asked && *report.asked != report.made
                                 ? fmt::format("  (of {} asked for)", *report.asked)
                                 : ""));
    line("acknowledged", fmt::format("{}", counts.acknowledged));
    line("failed", fmt::format("{}{}", counts.failed,
                               counts.failed > 0 ? "  (certainly not in the log)" : ""));
    line("unknown",
         fmt::format("{}{}", counts.unknown,
                     counts.unknown > 0 ? "  (sent, not surely answered: may be in the log)" : ""));
    if (report.behind > 0) {
        line("not made",
             fmt::format("{}  (due before the end: the rate was not kept)", report.behind));
    }
    line("seconds", fmt::format("{:.2f}", report.seconds));
    line("records/s", fmt::format("{:.0f}", per_second(report, counts.acknowledged)));
    line("MB/s", fmt::format("{:.1f}", per_second(report, counts.acknowledged_bytes) / 1e6));
    std::string latency;
    for (const Quantile& quantile : kQuantiles) {
        latency += fmt::format("{} {:.1f}  ", quantile.name,
                               milliseconds(report.latency_us.value_at(quantile.share)));
    }
    latency += fmt::format("max {:.1f}  (delivery, from {})", milliseconds(report.latency_us.max()),
                           report.rate ? "the intended time" : "the making of the record");
    line("latency ms", latency);
    line("same records", options_of(report));
    return text;
}

std::string to_json(const ProduceReport& report) {
    const kafka::DeliveryCounts& counts = report.counts;
    text::JsonWriter json;
    json.begin_object().field("topic", report.topic).field("made", report.made);
    json.field("acknowledged", counts.acknowledged).field("failed", counts.failed);
    json.field("unknown", counts.unknown).field("behind", report.behind);
    json.fixed("seconds", report.seconds, 6);
    json.fixed("records_per_second", per_second(report, counts.acknowledged), 1);
    json.field("bytes", counts.acknowledged_bytes);
    json.fixed("megabytes_per_second", per_second(report, counts.acknowledged_bytes) / 1e6, 3);
    json.key("latency_ms").begin_object();
    for (const Quantile& quantile : kQuantiles) {
        json.fixed(quantile.json_name, milliseconds(report.latency_us.value_at(quantile.share)), 3);
    }
    json.fixed("max", milliseconds(report.latency_us.max()), 3).end_object();
    json.field("latency_from", report.rate ? "intended_time" : "made");
    json.field("seed", report.seed).field("start_time", report.start_time_s);
    json.field("users", where_it_is(report, report.users));
    json.field("sellers", where_it_is(report, report.sellers));
    json.field("locations", where_it_is(report, report.locations));
    json.field("skew", where_it_is(report, skew_name(report.skew)));
    json.field("count", report.count).field("rate", report.rate);
    json.field("threads", report.threads).field("asked", report.asked);
    json.field("shape", shape_name(report.shape));
    json.field("form", where_it_is(report, form_name(report.form)));
    json.fixed("out_of_order", static_cast<double>(report.out_of_order_millionths) / kMillion, 6);
    json.key("out_of_order_by");
    if (report.out_of_order_millionths > 0) {
        json.value(static_cast<double>(report.out_of_order_by.count()) / 1000);
    } else {
        json.null();
    }
    return json.end_object().take() + "\n";
}

std::string progress_line(const ProduceStatus& status, double rate) {
    return fmt::format("made {}  acknowledged {}  {:.0f}/s  queued {} ({:.1f} MB){}", status.made,
                       status.acknowledged, rate, status.queued_records,
                       static_cast<double>(status.queued_bytes) / 1e6,
                       status.waiting ? "  queue full" : "");
}

}  // namespace kstream::produce
