// A whole session over a job with windows: what it reads of the logs for them, how it adds up what
// several passes have found, and what it can still say when the source has forgotten.
#include "kstream/audit/session.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/result_record.hpp"
#include "support/fakes/audited_statement.hpp"
#include "support/fakes/fake_clock.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::audit {
namespace {

using World = testing::AuditedStatement;
using Written = testing::WrittenRecord;
using Place = std::pair<TopicRole, PartitionId>;

// The logs of a job that has come to rest.
class Logs final : public Surroundings {
public:
    explicit Logs(const World& world) : world_(world) {
        for (const TopicRole topic : {TopicRole::source, TopicRole::repartition}) {
            records_[{topic, PartitionId{0}}] = world.all_of(topic);
        }
        for (const Written& one : world.changelog) {
            add(TopicRole::changelog, one);
        }
        for (const Written& one : world.results) {
            add(TopicRole::results, one);
        }
    }

    [[nodiscard]] std::string name(TopicRole topic) const override {
        return topic == TopicRole::source ? "source" : "another";
    }
    [[nodiscard]] Result<std::optional<Topic>> describe(TopicRole topic) override {
        const Identity& identity = world_.job.identity;
        const TopicId id = topic == TopicRole::source        ? identity.source_id
                           : topic == TopicRole::repartition ? identity.repartition_id
                           : topic == TopicRole::changelog   ? identity.changelog_id
                                                             : TopicId{};
        const std::uint32_t partitions =
            topic == TopicRole::results ? identity.results_partitions : 1;
        return Topic{id, static_cast<std::int32_t>(partitions)};
    }
    [[nodiscard]] std::optional<bool> compacted(TopicRole) override { return false; }
    [[nodiscard]] Result<Positions> starts(TopicRole topic, std::int32_t partitions) override {
        return each(partitions, [&](PartitionId) {
            return topic == TopicRole::source ? source_start : Offset{0};
        });
    }
    [[nodiscard]] Result<Positions> ends(TopicRole topic, std::int32_t partitions,
                                         Isolation) override {
        return each(partitions, [&](PartitionId partition) { return end_of({topic, partition}); });
    }
    [[nodiscard]] std::unique_ptr<LogReader> reader(std::string_view) override {
        return std::make_unique<Reader>(*this);
    }
    [[nodiscard]] const Clock& clock() const override { return clock_; }
    [[nodiscard]] bool stopped() const override { return false; }
    [[nodiscard]] Result<std::unique_ptr<ByteSource>> open_base() override {
        return fail(ExitCode::usage, "there is no base");
    }
    [[nodiscard]] Result<std::unique_ptr<ByteSink>> save_base() override {
        return fail(ExitCode::usage, "nothing is saved");
    }

    Offset source_start{0};

private:
    // A few records with each poll, so that what is too large is seen while there is more to come.
    class Reader final : public LogReader {
    public:
        explicit Reader(const Logs& logs) : logs_(logs) {}
        Result<void> open(TopicRole topic, PartitionId partition, Offset from) override {
            at_[{topic, partition}] = from;
            return {};
        }
        void close(TopicRole topic, PartitionId partition) override {
            at_.erase({topic, partition});
        }
        [[nodiscard]] Result<RecordBatch> poll(TopicRole topic, Duration) override {
            for (auto& [place, at] : at_) {
                if (place.first != topic || at >= logs_.end_of(place)) {
                    continue;
                }
                constexpr std::int64_t kTogether = 5;
                const std::int64_t count =
                    std::min(kTogether, logs_.end_of(place).value - at.value);
                const auto from = static_cast<std::size_t>(at.value);
                at.value += count;
                return RecordBatch{logs_.records_.at(place)}.subspan(
                    from, static_cast<std::size_t>(count));
            }
            return RecordBatch{};
        }
        [[nodiscard]] std::optional<std::string_view> header(const RecordView& record,
                                                             const char* name) const override {
            const Written& one = *logs_.results_.at({record.partition, record.record_offset});
            return name == kTransactionHeader ? std::optional<std::string_view>{one.transaction}
                   : name == kRunIdHeader     ? std::optional<std::string_view>{one.run_id}
                   : name == kFinalHeader     ? std::optional<std::string_view>{one.is_final}
                                              : std::nullopt;
        }
        [[nodiscard]] Offset position(TopicRole topic, PartitionId partition) const override {
            return at_.at({topic, partition});
        }

    private:
        const Logs& logs_;
        std::map<Place, Offset> at_;
    };

    void add(TopicRole topic, const Written& one) {
        std::vector<RecordView>& log = records_[{topic, one.partition}];
        const Offset at{static_cast<std::int64_t>(log.size())};
        log.push_back(world_.view(one, at.value));
        if (topic == TopicRole::results) {
            results_[{one.partition, at}] = &one;
        }
    }
    [[nodiscard]] Offset end_of(const Place& place) const {
        const auto found = records_.find(place);
        return Offset{found == records_.end() ? 0
                                              : static_cast<std::int64_t>(found->second.size())};
    }
    template <typename Of>
    [[nodiscard]] static Positions each(std::int32_t partitions, Of of) {
        Positions all;
        for (std::int32_t p = 0; p < partitions; ++p) {
            all[PartitionId{p}] = of(PartitionId{p});
        }
        return all;
    }

    const World& world_;
    testing::FakeClock clock_;
    std::map<Place, std::vector<RecordView>> records_;
    std::map<std::pair<PartitionId, Offset>, const Written*> results_;
};

constexpr std::int64_t kStart = 1'699'999'980;
constexpr int kKeys = 40;
constexpr std::uint64_t kMuch = std::uint64_t{1} << 30;
constexpr std::uint64_t kLittle = 4'000;  // too little for the accounts of all keys

void sell(World& world, const std::string& key, std::int64_t second, int value) {
    world.add(R"({"k":")" + key + R"(","ts":)" + std::to_string(kStart + second) + R"(,"v":)" +
              std::to_string(value) + "}");
}

// A minute of many keys, which is closed, and one record that is late for it; of the first two keys
// the next minute is open.
World sold(std::string_view from =
               "tumble(t, to_timestamp(ts), INTERVAL '1 minute', grace => "
               "INTERVAL '0 seconds') GROUP BY k, window_start") {
    World world{"SELECT k, count(*) AS n, sum(v) AS s FROM " + std::string{from}};
    for (int key = 0; key < kKeys; ++key) {
        sell(world, "k" + std::to_string(key), 1, 1 + key);
    }
    world.commit();
    sell(world, "k0", 61, 5);
    sell(world, "k1", 62, 6);
    sell(world, "k2", 2, 7);
    world.commit();
    return world;
}

Report audited(const World& world, std::uint64_t memory = kMuch, Offset source_start = Offset{0}) {
    Logs logs{world};
    logs.source_start = source_start;
    auto report = Session({.application_id = world.job.application_id,
                           .spec = world.job.spec,
                           .statement = testing::audit_of(world.job),
                           .memory = memory,
                           .base = {},
                           .save_base = {}},
                          logs)
                      .run();
    REQUIRE(report.has_value());
    for (const Finding& one : report->findings.kept()) {
        UNSCOPED_INFO(finding_name(one.kind)
                      << " " << one.what << ": " << one.expected << ", not " << one.found);
    }
    return *std::move(report);
}

void forge_meta(World& world, const std::function<void(Meta&)>& change) {
    Written& last = world.changelog.back();
    Result<Meta> meta = decode_meta_value(*last.value, world.job.form());
    REQUIRE(meta.has_value());
    change(*meta);
    last.value->clear();
    append_meta_value(*last.value, world.job.form(), *meta);
}

// A closed window has had one record more than it says.
void forge_retired(World& world) {
    forge_meta(world, [](Meta& meta) {
        meta.retired.at(0) = Slot{meta.retired[0].value() + Int192{1}, true};
    });
}

}  // namespace

TEST_CASE("a session proves windows in one pass and in several", "[audit][window]") {
    const World world = sold();
    for (const std::uint64_t memory : {kMuch, kLittle}) {
        CAPTURE(memory);
        const Report report = audited(world, memory);
        CHECK(report.findings.count() == 0);
        CHECK(report.proof == Proof::full);
        CHECK(report.exit_code() == ExitCode::ok);
        CHECK((report.passes > 1) == (memory == kLittle));
        CHECK(report.keys == kKeys + 2);
        CHECK(report.counts.late == 1);
    }
}

TEST_CASE("what was closed is added up over all passes", "[audit][window]") {
    World world = sold();
    forge_retired(world);
    for (const std::uint64_t memory : {kMuch, kLittle}) {
        CAPTURE(memory);
        const Report report = audited(world, memory);
        CHECK((report.passes > 1) == (memory == kLittle));
        CHECK(std::ranges::any_of(report.findings.kept(), [](const Finding& one) {
            return one.kind == FindingKind::broken_state && one.what == "state partition 0";
        }));
        CHECK(report.exit_code() == ExitCode::proved_wrong);
    }
}

TEST_CASE("without the source what is open and what was closed is what the ranges carried",
          "[audit][window]") {
    World world = sold();
    const Report right = audited(world, kMuch, Offset{1});
    CHECK(right.proof == Proof::ledger_only);
    CHECK(right.findings.count() == 0);
    CHECK(right.exit_code() == ExitCode::cannot_tell);
    forge_retired(world);
    const Report wrong = audited(world, kMuch, Offset{1});
    // The ledger, which is whole, finds the partition; of all of them together ranges tell the
    // same.
    REQUIRE(wrong.findings.count() == 2);
    CHECK(wrong.findings.kept()[0].what == "state partition 0");
    CHECK(wrong.findings.kept()[1].kind == FindingKind::broken_state);
    CHECK(wrong.findings.kept()[1].what == "all state partitions");
    CHECK(wrong.exit_code() == ExitCode::proved_wrong);
}

TEST_CASE("a session reads which results are the last of their windows", "[audit][window]") {
    const auto forged = [](std::optional<std::string> is_final) {
        World world = sold();
        const auto last = std::ranges::find_if(
            world.results, [](const Written& one) { return one.is_final.has_value(); });
        REQUIRE(last != world.results.end());
        last->is_final = std::move(is_final);
        const Report report = audited(world);
        REQUIRE(report.findings.count() == 1);
        return report.findings.kept()[0].kind;
    };
    CHECK(forged("yes") == FindingKind::foreign);
    CHECK(forged(std::nullopt) == FindingKind::window_missing);
    // A job without windows has none that is the last, whatever a header is called.
    World world = sold("events(t, to_timestamp(ts)) GROUP BY k");
    world.results.front().is_final = "yes";
    const Report report = audited(world);
    CHECK(report.findings.count() == 0);
    CHECK(report.keys == kKeys);
}

}  // namespace kstream::audit
