#include "bench/bench_report.hpp"

#include "bench/figures/json_document.hpp"
#include "text/json_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

namespace kstream::bench {

namespace {

constexpr int kFormat = 1;

std::string machine_text(const std::string& cpu, int cores) {
    return fmt::format("{}, {} core(s)", cpu, cores);
}

// Few digits for what is large, more for what is small.
std::string number_text(double value) {
    const double size = std::abs(value);
    const int digits = size >= 1000 ? 0 : size >= 100 ? 1 : 3;
    return fmt::format("{:.{}f}", value, digits);
}

void write_figure(text::JsonWriter& out, const Figure& figure) {
    const Summary summary = summarize(figure.rounds);
    out.begin_object()
        .field("name", figure.name)
        .field("unit", figure.unit)
        .field("better", better_name(figure.better))
        .field("median", summary.median)
        .field("min", summary.least)
        .field("max", summary.most)
        .field("spread", summary.spread)
        .array("rounds", figure.rounds)
        .end_object();
}

void write_surroundings(text::JsonWriter& out, const BenchReport& report) {
    out.key("machine")
        .begin_object()
        .field("cpu", report.machine.cpu)
        .field("cores", report.machine.cores)
        .field("kernel", report.machine.kernel)
        .field("memory", report.machine.memory)
        .field("load", report.machine.load)
        .end_object();
    out.key("cluster");
    if (report.cluster) {
        out.begin_object()
            .field("id", report.cluster->id)
            .field("brokers", report.cluster->brokers)
            .field("replication_factor", report.cluster->replication_factor)
            .field("partitions", report.cluster->partitions)
            .end_object();
    } else {
        out.null();
    }
    out.key("settings").begin_object();
    for (const auto& [name, value] : report.settings) {
        out.field(name, value);
    }
    out.end_object();
}

Better better_of(const std::string& name) {
    for (const Better better : {Better::higher, Better::lower}) {
        if (name == better_name(better)) {
            return better;
        }
    }
    return Better::neither;
}

Figure read_figure(const JsonDocument& from, const std::string& place) {
    Figure figure;
    figure.name = from.text(place + "/name").value_or("");
    figure.unit = from.text(place + "/unit").value_or("");
    figure.better = better_of(from.text(place + "/better").value_or(""));
    for (std::size_t i = 0; i < from.size(place + "/rounds"); ++i) {
        figure.rounds.push_back(from.number(fmt::format("{}/rounds/{}", place, i)).value_or(0));
    }
    return figure;
}

std::vector<ScenarioResult> read_scenarios(const JsonDocument& from) {
    std::vector<ScenarioResult> scenarios;
    for (std::size_t i = 0; i < from.size("/scenarios"); ++i) {
        const std::string place = fmt::format("/scenarios/{}", i);
        ScenarioResult& scenario = scenarios.emplace_back();
        scenario.name = from.text(place + "/name").value_or("");
        scenario.checked = from.text(place + "/checked").value_or("");
        for (std::size_t k = 0; k < from.size(place + "/figures"); ++k) {
            scenario.figures.push_back(read_figure(from, fmt::format("{}/figures/{}", place, k)));
        }
    }
    return scenarios;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> settings_of(const cli::BenchConfig& config) {
    std::vector<std::pair<std::string, std::string>> settings{
        {"records", fmt::format("{}", config.records)},
        {"rounds", fmt::format("{}", config.rounds)},
        {"rate", fmt::format("{}", config.rate)},
        {"duration_ms", fmt::format("{}", config.duration.count())},
        {"keys", fmt::format("{}", config.keys)},
        {"seed", fmt::format("{}", config.seed)},
        {"sellers", fmt::format("{}", config.sellers)},
        {"threads", fmt::format("{}", config.threads)},
        {"workers", fmt::format("{}", config.workers)},
        {"compression", config.compression}};
    // Names only: values may be secrets.
    std::string names;
    for (const auto& [name, value] : config.common.client_properties) {
        names += (names.empty() ? "" : ",") + name;
    }
    settings.emplace_back("client_properties", names);
    if (config.query.job) {
        settings.emplace_back("statement", config.query.job->text);
    }
    return settings;
}

std::string bench_text(const BenchReport& report) {
    std::string out;
    const auto line = [&out]<typename... Args>(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
        out.push_back('\n');
    };
    line("{}, librdkafka {}, {}", report.kstream, report.librdkafka, report.at);
    line("{}, {:.1f} GB, {}, load {:.2f} at the start",
         machine_text(report.machine.cpu, report.machine.cores),
         static_cast<double>(report.machine.memory) / 1e9, report.machine.kernel,
         report.machine.load);
    if (report.cluster) {
        line("cluster {}: {} broker(s); source of {} partitions, {} replica(s)", report.cluster->id,
             report.cluster->brokers, report.cluster->partitions,
             report.cluster->replication_factor);
    }
    std::string settings;
    for (const auto& [name, value] : report.settings) {
        settings += value.empty() ? "" : fmt::format("  {} {}", name, value);
    }
    line("settings:{}", settings);
    for (const ScenarioResult& scenario : report.scenarios) {
        line("\n{}  (checked: {})", scenario.name, scenario.checked);
        line("  {:<28} {:>13} {:>13} {:>13} {:>7}", "", "median", "min", "max", "spread");
        for (const Figure& figure : scenario.figures) {
            const Summary summary = summarize(figure.rounds);
            line("  {:<28} {:>13} {:>13} {:>13} {:>6.1f}%  {}", figure.name,
                 number_text(summary.median), number_text(summary.least), number_text(summary.most),
                 summary.spread * 100, figure.unit);
        }
    }
    return out;
}

std::string bench_json(const BenchReport& report) {
    text::JsonWriter out;
    out.begin_object()
        .field("format", kFormat)
        .field("kstream", report.kstream)
        .field("librdkafka", report.librdkafka)
        .field("at", report.at);
    write_surroundings(out, report);
    out.array("scenarios", report.scenarios, [&out](const ScenarioResult& scenario) {
        out.begin_object().field("name", scenario.name).field("checked", scenario.checked);
        out.array("figures", scenario.figures,
                  [&out](const Figure& figure) { write_figure(out, figure); });
        out.end_object();
    });
    return out.end_object().take() + "\n";
}

Result<EarlierResult> read_earlier(const std::string& path, const cli::BenchConfig& config) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return fail(ExitCode::usage, fmt::format("--against {}: cannot be read", path));
    }
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const auto document = JsonDocument::read(text);
    if (!document || document->number("/format") != kFormat) {
        return fail(ExitCode::usage,
                    fmt::format("--against {}: no result of bench in format {}", path, kFormat),
                    "give it the output of an earlier `kstream bench --json`");
    }
    EarlierResult earlier;
    for (const auto& [name, value] : settings_of(config)) {
        earlier.settings.emplace_back(name, document->text("/settings/" + name).value_or(""));
    }
    earlier.machine =
        machine_text(document->text("/machine/cpu").value_or(""),
                     static_cast<int>(document->number("/machine/cores").value_or(0)));
    earlier.scenarios = read_scenarios(*document);
    return earlier;
}

std::string settings_difference(const EarlierResult& earlier, const BenchReport& report) {
    std::string found;
    for (const auto& [name, value] : report.settings) {
        const auto before =
            std::ranges::find(earlier.settings, name, &std::pair<std::string, std::string>::first);
        const std::string old = before == earlier.settings.end() ? "" : before->second;
        // More rounds make a result better, not another one.
        if (name != "rounds" && old != value) {
            found += fmt::format("{}{} {}, now {}", found.empty() ? "" : "; ", name,
                                 old.empty() ? "none" : old, value.empty() ? "none" : value);
        }
    }
    return found;
}

std::string comparison_text(const EarlierResult& earlier, const BenchReport& report,
                            const std::vector<Compared>& compared) {
    std::string out = "\nagainst the earlier result";
    if (const std::string now = machine_text(report.machine.cpu, report.machine.cores);
        now != earlier.machine) {
        out += fmt::format(", which is of another machine ({})", earlier.machine);
    }
    out += "\n";
    for (const Compared& one : compared) {
        const char* const verdict = one.verdict == Verdict::worse    ? "worse"
                                    : one.verdict == Verdict::better ? "better"
                                                                     : "same";
        fmt::format_to(std::back_inserter(out),
                       "  {:<10} {:<26} {:>13} -> {:>13} {:>+7.1f}% (noise {:.1f}%)  {}\n",
                       one.scenario, one.figure, number_text(one.before), number_text(one.now),
                       one.change * 100, one.noise * 100, verdict);
    }
    return out;
}

}  // namespace kstream::bench
