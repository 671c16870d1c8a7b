// Jobs with windows of all kinds, audited through any history of faults and at any moment of it.
#include "kstream/audit/ledger.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "support/fakes/audited_statement.hpp"
#include "support/fakes/model_history.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::audit {
namespace {

using testing::Audited;
using testing::AuditedLogs;
using testing::kSourcePartitions;
using testing::kStatePartitions;
using testing::ModelWorld;

void add_record(ModelWorld& world, std::int64_t& now) {
    const auto p = static_cast<std::int32_t>(world.random.below(kSourcePartitions));
    now += static_cast<std::int64_t>(world.random.below(3'000));
    const auto back = world.random.below(world.random.chance(20) ? 180'000 : 3'000);
    std::optional<std::string> value =
        R"({"k":")" + world.random.text(1, 4) + R"(","v":)" +
        (world.random.chance(5) ? R"("much")" : std::to_string(world.random.below(1000))) +
        R"(,"ms":)" +
        (world.random.chance(5) ? R"("x")"
                                : std::to_string(now - static_cast<std::int64_t>(back))) +
        (world.random.chance(5) ? R"(,"m":"none"})" : "}");
    if (world.random.chance(4)) {
        value.reset();
    }
    world.log.append(TopicRole::source, p, "tx", value, world.clock.wall_ms());
}

template <typename Take>
void each_visible(const ModelWorld& world, TopicRole topic, Take take) {
    const std::int32_t partitions = topic == TopicRole::source    ? kSourcePartitions
                                    : topic == TopicRole::results ? 3
                                                                  : kStatePartitions;
    for (std::int32_t p = 0; p < partitions; ++p) {
        for (Offset at; at < world.log.end(topic, PartitionId{p}); at = at.next()) {
            if (world.log.entry(topic, PartitionId{p}, at).visible) {
                take(world.log.view(topic, PartitionId{p}, at));
            }
        }
    }
}

AuditedLogs logs_of(const ModelWorld& world) {
    AuditedLogs logs;
    const auto into = [](std::vector<RecordView>& records) {
        return [&records](const RecordView& record) { records.push_back(record); };
    };
    each_visible(world, TopicRole::source, into(logs.source));
    each_visible(world, TopicRole::repartition, into(logs.repartition));
    each_visible(world, TopicRole::changelog, into(logs.changelog));
    each_visible(world, TopicRole::results, [&](const RecordView& record) {
        AuditedLogs::OfResults result{record, {}};
        for (const auto& [name, value] :
             world.log.entry(TopicRole::results, record.partition, record.record_offset).headers) {
            (name == kTransactionHeader ? result.headers.transaction
             : name == kRunIdHeader     ? result.headers.run_id
                                        : result.headers.is_final) = value;
        }
        logs.results.push_back(result);
    });
    return logs;
}

struct Seen {
    std::size_t audits = 0;
    std::size_t waiting = 0;  // audits while something was to be closed
    std::size_t swept = 0;    // the same of what was to be swept
    std::size_t finals = 0;
};

void audit_now(const ModelWorld& world, const Job& job, Seen& seen) {
    const AuditedLogs logs = logs_of(world);
    std::vector<bool> has_meta(kStatePartitions);
    for (const RecordView& record : logs.changelog) {
        if (record.key() == meta_key()) {
            has_meta[static_cast<std::size_t>(record.partition.value)] = true;
        }
    }
    if (std::ranges::find(has_meta, false) != has_meta.end()) {
        return;
    }
    const Audited audited = testing::audit_logs(job, logs);
    INFO(audited.text);
    REQUIRE(audited.kinds.empty());
    REQUIRE(audited.excused == 0);
    ++seen.audits;
    seen.waiting += audited.to_close > 0 ? 1 : 0;
    seen.swept += audited.to_sweep > 0 ? 1 : 0;
    seen.finals += static_cast<std::size_t>(std::ranges::count_if(
        logs.results, [](const auto& result) { return result.headers.is_final.has_value(); }));
}

// What is to be swept is gone soon after: with sets an audit looks more often.
void run_history(std::uint64_t seed, const Job& job, ModelWorld& world, Seen& seen) {
    std::int64_t now = 1'700'000'000'000;
    const int every = has_elements(job.kinds) ? 5 : 40;
    testing::run_model_history(
        world, job, [&] { add_record(world, now); },
        [&](int tick) {
            if (tick % every == static_cast<int>(seed) % every) {
                audit_now(world, job, seen);
            }
        });
    audit_now(world, job, seen);
}

// The function, and what stands behind the time.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kWindows{
    {{"session", "INTERVAL '4 seconds', grace => INTERVAL '1 minute'"},
     {"tumble", "INTERVAL '1 minute', grace => INTERVAL '5 seconds'"},
     {"hop", "INTERVAL '30 seconds', INTERVAL '1 minute', grace => INTERVAL '5 seconds'"}}};

Job history_job(bool final_only, std::size_t windows, bool sets) {
    Job job = testing::make_statement_job(
        "SELECT k, window_end AS e, sum(v) AS s, count(*) AS n, max(v) AS m" +
            std::string{sets ? ", count(DISTINCT v) AS d, percentile_disc(0.5) WITHIN GROUP (ORDER "
                               "BY v) AS p"
                             : ""} +
            " FROM " + std::string{kWindows[windows].first} + "(t, to_timestamp(ms * 0.001), " +
            std::string{kWindows[windows].second} +
            ", max_ahead => 'never', idle => 'never', emit => '" +
            (final_only ? "final" : "updates") +
            "') WHERE m IS DISTINCT FROM 'none' GROUP BY k, window_start",
        kStatePartitions, kSourcePartitions);
    job.spec.max_distinct = 2;  // of some windows it is over
    return job;
}

}  // namespace

TEST_CASE("at any moment of any history of faults windows are proved", "[audit][window]") {
    Seen seen;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        ModelWorld world{seed};
        const Job job = history_job(seed % 2 == 0, seed % kWindows.size(), seed % 4 < 2);
        run_history(seed, job, world, seen);
        if (seed > 1) {
            continue;
        }
        // Deltas are where their groups are, whatever the window: in the other partition's log all
        // of them are out of place.
        Findings findings;
        const AuditedJob audited = AuditedJob::of(job.spec, job.identity, testing::audit_of(job));
        Ledger ledger{audited, 1, Offset{0}, findings};
        each_visible(world, TopicRole::repartition, [&](const RecordView& record) {
            if (record.partition.value == 0) {
                ledger.take(record);
            }
        });
        CHECK(findings.count() > 0);
        for (const Finding& finding : findings.kept()) {
            CHECK(finding.kind == FindingKind::misplaced);
        }
    }
    CHECK(seen.audits > 500);
    CHECK(seen.waiting > 20);
    CHECK(seen.swept > 3);
    CHECK(seen.finals > 1000);
}

}  // namespace kstream::audit
