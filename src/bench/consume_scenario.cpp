// consume: the ceiling. Bare librdkafka consumers take batches and throw the records away: nothing
// is decoded, no group is joined, no offset is committed. Timed from assigning the partitions to
// the last record; connections and metadata come before. Of 1, 2 and 4 handles (a thread each) and
// three fetch settings the fastest on a tenth of the records is measured; a setting may be one that
// aggregate could not afford (memory) or does not want (no CRC check). CPU seconds are those of
// this process, which does nothing else meanwhile.
//
// Checked: the number of records and the sum of their bytes, each round.
#include "bench/ceiling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace kstream::bench {

namespace {

constexpr std::int64_t kShareToChoose = 10;
constexpr std::array<int, 3> kHandles{1, 2, 4};

struct FetchSettings {
    const char* name;
    kafka::Properties properties;  // over those of aggregate's consumers
};

const std::array<FetchSettings, 3>& fetch_settings() {
    static const std::array<FetchSettings, 3> settings{{
        {"as aggregate", {}},
        {"deep queue",
         {{"queued.min.messages", "1000000"},
          {"queued.max.messages.kbytes", "131072"},
          {"fetch.max.bytes", "52428800"},
          {"max.partition.fetch.bytes", "4194304"},
          {"check.crcs", "false"}}},
        {"large fetches",
         {{"fetch.min.bytes", "1000000"},
          {"fetch.wait.max.ms", "50"},
          {"max.partition.fetch.bytes", "2097152"},
          {"check.crcs", "false"}}},
    }};
    return settings;
}

kafka::BareRead read_of(Bench& bench, const Dataset& data, int handles,
                        const kafka::Properties& settings) {
    return {.topic = data.job->names().source,
            .ends = data.ends,
            .handles = handles,
            .settings = settings,
            .checksum = {},
            .canceled = [&bench] { return bench.stopped(); }};
}

}  // namespace

Result<Ceiling> Ceiling::choose(Bench& bench, const Dataset& data) {
    Ceiling best;
    double best_rate = 0;
    for (const FetchSettings& settings : fetch_settings()) {
        for (const int handles : kHandles) {
            kafka::BareRead read = read_of(bench, data, handles, settings.properties);
            for (Offset& end : read.ends) {
                end.value /= kShareToChoose;
            }
            const auto counts = kafka::read_bare(bench.client, read, bench.clock);
            if (!counts) {
                return std::unexpected(counts.error());
            }
            const double rate = static_cast<double>(counts->records) / counts->seconds;
            bench.log.write(LogLevel::debug, "tried",
                            {{"handles", std::int64_t{handles}},
                             {"settings", settings.name},
                             {"records_per_second", fmt::format("{:.0f}", rate)}});
            if (rate > best_rate) {
                best_rate = rate;
                best.handles_ = handles;
                best.name_ = settings.name;
                best.settings_ = settings.properties;
            }
        }
    }
    bench.say("the ceiling is measured with",
              {{"handles", std::int64_t{best.handles_}}, {"settings", best.name_}});
    return best;
}

ScenarioResult Ceiling::empty_result() const {
    return {.name = "consume",
            .checked =
                fmt::format("number and bytes of all records; {} handle(s), {}", handles_, name_),
            .figures = {}};
}

Result<void> Ceiling::run_round(Bench& bench, const Dataset& data, ScenarioResult& result) const {
    const std::optional<double> broker_cpu = bench.brokers.cpu_seconds();
    const double own_cpu = own_cpu_seconds();
    const auto counts =
        kafka::read_bare(bench.client, read_of(bench, data, handles_, settings_), bench.clock);
    if (!counts) {
        return std::unexpected(counts.error());
    }
    if (counts->records != data.expected.records || counts->bytes != data.expected.bytes) {
        return fail(ExitCode::integrity,
                    fmt::format("read {} records of {} bytes, {} of {} were made", counts->records,
                                counts->bytes, data.expected.records, data.expected.bytes));
    }
    std::optional<double> broker_cpu_used = bench.brokers.cpu_seconds();
    if (broker_cpu_used && broker_cpu) {
        *broker_cpu_used -= *broker_cpu;
    }
    using enum Better;
    const auto records = static_cast<double>(counts->records);
    result.add("records_per_second", "records/s", higher, records / counts->seconds);
    result.add("seconds", "s", neither, counts->seconds);
    add_cpu(result, records, own_cpu_seconds() - own_cpu, broker_cpu_used);
    return {};
}

Result<ScenarioResult> measure_consume(Bench& bench, const Dataset& data) {
    const auto ceiling = Ceiling::choose(bench, data);
    if (!ceiling) {
        return std::unexpected(ceiling.error());
    }
    ScenarioResult result = ceiling->empty_result();
    for (int i = 0; i < bench.config.rounds; ++i) {
        if (auto done = ceiling->run_round(bench, data, result); !done) {
            return std::unexpected(std::move(done.error()));
        }
    }
    return result;
}

}  // namespace kstream::bench
