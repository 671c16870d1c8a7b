// kstream bench: environment -> scenarios -> table or JSON -> --against.
#include "app/commands.hpp"
#include "bench/bench_report.hpp"
#include "bench/figures/comparison.hpp"
#include "bench/run.hpp"
#include "bench/scenarios.hpp"
#include "cli/values.hpp"
#include "kstream/ports/explain.hpp"
#include "kstream/version.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::app {

namespace {

bench::BenchReport empty_report(const cli::BenchConfig& config, const Clock& clock) {
    bench::BenchReport report;
    report.kstream = fmt::format("kstream {} (revision {})", version().number, version().revision);
    report.librdkafka = kafka::library_version();
    report.at = cli::print_rfc3339(clock.wall_ms());
    report.machine = bench::read_machine();
    report.settings = bench::settings_of(config);
    return report;
}

// The verdict of --against, to stderr's side of the output only when stdout is for machines.
ExitCode compare_with(const bench::EarlierResult& earlier, const bench::BenchReport& report,
                      const cli::BenchConfig& config) {
    const std::vector<bench::Compared> compared =
        bench::compare(earlier.scenarios, report.scenarios);
    const std::string text = bench::comparison_text(earlier, report, compared);
    std::fputs(text.c_str(), config.json ? stderr : stdout);
    return std::ranges::any_of(
               compared,
               [](const bench::Compared& one) { return one.verdict == bench::Verdict::worse; })
               ? ExitCode::slower
               : ExitCode::ok;
}

}  // namespace

ExitCode run_command(const cli::BenchConfig& config, AppContext& context) {
    std::optional<bench::EarlierResult> earlier;
    if (!config.against.empty()) {  // before minutes are spent
        auto read = bench::read_earlier(config.against, config);
        if (!read) {
            return explain(context.log, read.error(), "nothing to compare with");
        }
        earlier = std::move(*read);
        if (const std::string found =
                bench::settings_difference(*earlier, empty_report(config, context.clock));
            !found.empty()) {
            return explain(context.log,
                           Error::stop(ExitCode::usage,
                                       fmt::format("--against {}: measured with other settings: {}",
                                                   config.against, found)),
                           "nothing to compare with");
        }
    }
    bench::BenchReport report = empty_report(config, context.clock);
    const Result<void> measured =
        bench::measure(config, {context.log, context.stop, context.clock}, report);
    if (!measured) {
        // A stop makes whatever goes on fail in its own words.
        const bool stopped =
            context.stop.requested() && measured.error().exit_code != ExitCode::proved_wrong;
        return explain(context.log, stopped ? bench::interrupted_bench() : measured.error(),
                       "nothing is reported");
    }
    std::fputs((config.json ? bench::bench_json(report) : bench::bench_text(report)).c_str(),
               stdout);
    return earlier ? compare_with(*earlier, report, config) : ExitCode::ok;
}

}  // namespace kstream::app
