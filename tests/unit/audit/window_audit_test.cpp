// Jobs with event time, audited: what the loops make of tumbling windows is proved, and what is
// forged of it is found. Others have hopping windows, sessions, and any history of faults.
#include "kstream/audit/statement_audit.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "support/fakes/audited_statement.hpp"
#include "support/fakes/audited_windows.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::audit {
namespace {

using testing::Audited;
using testing::audited_windows::forge_meta;
using testing::audited_windows::found;
using testing::audited_windows::hopped;
using testing::audited_windows::is_element;
using testing::audited_windows::is_of;
using testing::audited_windows::Kinds;
using testing::audited_windows::kStart;
using testing::audited_windows::last_element;
using testing::audited_windows::last_meta;
using testing::audited_windows::last_of;
using testing::audited_windows::move;
using testing::audited_windows::proved;
using testing::audited_windows::sell;
using testing::audited_windows::windowed;
using testing::audited_windows::with_early_tombstone;
using testing::audited_windows::without_tombstone;
using testing::audited_windows::World;
using testing::audited_windows::Written;

// The first minute of six keys, which is closed; the second one of two, which is open.
World sold(std::string_view emit) {
    World world{windowed(emit)};
    int value = 0;
    for (const char* const key : {"a", "b", "c", "d", "e", "f"}) {
        sell(world, key, value, value + 1);
        ++value;
        sell(world, key, 30, 10 * value);
    }
    world.commit();
    sell(world, "a", 70, 1);
    sell(world, "b", 20, 5);  // late
    // These move the clock, whatever else is wrong with them.
    sell(world, "b", 75, -1);
    world.add(R"({"k":"c","ts":)" + std::to_string(kStart + 80) + R"(,"v":"x"})");
    // These do not.
    world.add(R"({"k":"c","ts":"x","v":1})");
    world.add(R"({"k":"c","ts":0,"v":1})");
    world.add(R"({"k":"c","v":1})");
    sell(world, "c", 10'000, 1);
    world.log.append(TopicRole::source, 0, "tx", std::nullopt);
    world.fold_last();
    sell(world, "g", 90, 4);
    world.commit();
    return world;
}

// The batch that so many come after.
void forge_batch(World& world, std::int64_t from_end,
                 const std::function<void(SourceRange&)>& change) {
    const std::int64_t offset =
        world.log.end(TopicRole::repartition, PartitionId{0}).value - 1 - from_end;
    DeltaBatch batch;
    REQUIRE(decode_delta_batch(
                world.log.view(TopicRole::repartition, PartitionId{0}, Offset{offset}).value(),
                world.job.form(), batch)
                .has_value());
    change(batch.header.ranges.at(0));
    DeltaBatchWriter writer{world.job.form()};
    for (const DeltaView& delta : batch.deltas) {
        writer.add_delta(delta.state_key,
                         std::span{batch.slots}.subspan(delta.first_slot, world.job.kinds.size()));
    }
    world.forged_batches[offset] = writer.finish(batch.header);
}

// The key of a total, with another window.
std::string with_start(const World& world, const std::string& total_key, std::int64_t start) {
    GroupKey group;
    REQUIRE(decode_state_key(total_state_key(total_key), world.job.key_shape(), group));
    std::string key;
    encode_state_key(group, start, key);
    std::string made;
    append_total_key(made, key);
    return made;
}

}  // namespace

TEST_CASE("what the loops make of windows is proved", "[audit][window]") {
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        const World world = sold(emit);
        proved(world);
        const Meta meta = last_meta(world);
        CHECK(meta.keys == 2);
        CHECK(meta.clock == (kStart + 90) * 1'000);
        CHECK(meta.sources.at(0).counts.late == 1);
        CHECK(meta.sources.at(0).counts.filtered == 1);
        CHECK(meta.sources.at(0).counts.dead_lettered == 5);
        CHECK(std::ranges::count_if(
                  world.results, [](const Written& one) { return one.is_final.has_value(); }) == 6);
    }
}

TEST_CASE("the audit has a record's time wherever the loops have it, and the same reasons",
          "[audit][window]") {
    const World world = sold("updates");
    const auto statement = testing::audit_of(world.job);
    const auto fields = make_record_fields(statement->job().statement);
    std::vector<std::string> letters;
    std::vector<std::int64_t> times;
    for (const RecordView& record : world.all_of(TopicRole::source)) {
        if (record.is_tombstone()) {
            continue;
        }
        REQUIRE_FALSE(fields->read(record.value()).has_value());
        const auto judged = statement->judge(fields->values(), record, {});
        if (judged.fate == StatementAudit::Fate::bad) {
            letters.push_back(std::string{bad_reason_name(judged.reason)} + " " + judged.subject);
        }
        if (judged.fate != StatementAudit::Fate::aggregated && judged.time) {
            times.push_back(*judged.time / 1'000 - kStart);
        }
    }
    CHECK(letters == world.dead_letters);
    CHECK(letters == std::vector<std::string>{
                         "number_type v", "number_type ts", "time_null to_timestamp(nullif(ts, 0))",
                         "missing_field ts", "time_future to_timestamp(nullif(ts, 0))"});
    CHECK(times == std::vector<std::int64_t>{75, 80});
    // Of a record without a timestamp nobody knows.
    const std::string value = R"({"k":"a","ts":1,"v":1})";
    RecordView record;
    record.value_data = value.data();
    record.value_size = static_cast<std::uint32_t>(value.size());
    REQUIRE_FALSE(fields->read(value).has_value());
    CHECK(statement->judge(fields->values(), record, {}).reason == BadReason::time_future);
}

TEST_CASE("what is forged of windows is found, whatever is emitted", "[audit][window]") {
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        const auto forged = [emit](const std::function<void(World&)>& forge) {
            World world = sold(emit);
            forge(world);
            return found(world);
        };
        // A last result that is missing.
        CHECK(forged([](World& world) {
                  std::erase_if(world.results, [](const Written& one) {
                      return is_of(one, "b") && one.is_final.has_value();
                  });
              }) == Kinds{FindingKind::window_missing});
        // One that came too early.
        CHECK(forged([](World& world) {
                  Written early = last_of(world.results, "b");
                  move(world, early, R"("b","2023-11-14T22:13)", R"("g","2023-11-14T22:14)");
                  early.value = R"({"k":"g","b":"2023-11-14T22:14:00Z","e":"2023-11-14T22:15:00Z",)"
                                R"("n":1,"s":4,"m":4})";
                  std::erase_if(world.results, [](const Written& one) { return is_of(one, "g"); });
                  world.results.push_back(early);
              }) == Kinds{FindingKind::window_early});
        CHECK(forged([](World& world) {
                  std::string& value = *last_of(world.results, "b").value;
                  value.replace(value.find(R"("s":22)"), 6, R"("s":23)");
              }) == Kinds{FindingKind::wrong_result});
        CHECK(forged([](World& world) { last_of(world.results, "b").is_final = "yes"; }) ==
              Kinds{FindingKind::foreign});
        // A total of a window that is closed.
        CHECK(forged(without_tombstone) ==
              Kinds{FindingKind::extra_total, FindingKind::broken_state});
        // Of one that is open the total was taken out, before and after meta was written.
        CHECK(forged(with_early_tombstone) ==
              Kinds{FindingKind::missing_total, FindingKind::broken_state});
        CHECK(forged([](World& world) {
                  Written gone = last_of(world.changelog, "g");
                  gone.value.reset();
                  world.changelog.push_back(gone);
              }) == Kinds{FindingKind::wrong_total});
        // A total of a window that no job has.
        CHECK(forged([](World& world) {
                  Written other = last_of(world.changelog, "g");
                  other.key = with_start(world, other.key, (kStart + 61) * 1'000);
                  world.changelog.insert(world.changelog.end() - 1, other);
                  other.value.reset();
                  world.changelog.insert(world.changelog.end() - 1, other);
              }) == Kinds{FindingKind::damaged, FindingKind::damaged});
        // What was late, and how far time has come, in meta.
        CHECK(forged([](World& world) {
                  forge_meta(world, [](Meta& meta) {
                      --meta.sources.at(0).counts.late;
                      ++meta.sources.at(0).counts.filtered;
                  });
              }) == Kinds{FindingKind::late_wrong, FindingKind::wrong_counts});
        CHECK(forged([](World& world) {
                  forge_meta(world, [](Meta& meta) { ++meta.sources.at(0).watermark; });
              }) == Kinds{FindingKind::late_wrong, FindingKind::late_wrong});
        CHECK(forged([](World& world) { forge_meta(world, [](Meta& meta) { ++meta.clock; }); }) ==
              Kinds{FindingKind::late_wrong});
        CHECK(forged([](World& world) { forge_meta(world, [](Meta& meta) { --meta.clock; }); }) ==
              Kinds{FindingKind::late_wrong});
        // And in ranges: one that does not begin where the other ends, and the last one.
        CHECK(forged([](World& world) {
                  forge_batch(world, 0, [](SourceRange& range) { ++range.watermark_before; });
              }) == Kinds{FindingKind::late_wrong});
        CHECK(forged([](World& world) {
                  forge_batch(world, 1, [](SourceRange& range) { ++range.watermark; });
              }) == Kinds{FindingKind::late_wrong});
        CHECK(forged([](World& world) {
                  forge_batch(world, 0, [](SourceRange& range) { ++range.watermark; });
              }) == Kinds{FindingKind::late_wrong});
        // What was closed, as the ledger and as the source has it.
        CHECK(forged([](World& world) {
                  forge_meta(world, [](Meta& meta) {
                      meta.retired.at(0) = Slot{meta.retired[0].value() + Int192{1}, true};
                  });
              }) == Kinds{FindingKind::broken_state, FindingKind::broken_state});
        // The result of a window that no record was in, and of one that there is not.
        CHECK(forged([](World& world) {
                  Written other = last_of(world.results, "b");
                  move(world, other, "22:13", "22:12");
                  world.results.push_back(other);
              }) == Kinds{FindingKind::extra_result});
        CHECK(forged([](World& world) {
                  Written other = last_of(world.results, "b");
                  move(world, other, "22:13:00", "22:13:07");
                  world.results.push_back(other);
              }) == Kinds{FindingKind::extra_result});
        // In a partition that is not its own.
        CHECK(forged([](World& world) {
                  Written other = last_of(world.results, "b");
                  other.partition.value = (other.partition.value + 1) % 3;
                  world.results.push_back(other);
              }) == Kinds{FindingKind::extra_result});
    }
}

TEST_CASE("nothing comes after the last result of a window", "[audit][window]") {
    for (const bool is_final : {true, false}) {
        World world = sold("updates");
        sell(world, "a", 91, 1);
        world.commit();
        proved(world);
        Written again = last_of(world.results, "b");
        again.transaction = "3";
        again.is_final = is_final ? again.is_final : std::nullopt;
        world.results.push_back(again);
        CHECK(found(world) == Kinds{is_final ? FindingKind::foreign : FindingKind::window_missing});
    }
}

TEST_CASE("windows that are closed in so many steps are proved after each", "[audit][window]") {
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        World world{windowed(emit), {}, 0, {.max_closed_keys = 2}};
        for (const char* const key : {"a", "b", "c", "d", "e", "f"}) {
            sell(world, key, 10, 3);
        }
        world.commit();
        sell(world, "x", 70, 1);
        world.commit();
        CHECK(proved(world).to_close == 4);
        SECTION(std::string{"to their end, "} + std::string{emit}) {
            world.commit();
            CHECK(proved(world).to_close == 2);
            world.commit();
            CHECK(proved(world).to_close == 0);
        }
        SECTION(std::string{"one that has its last result already, "} + std::string{emit}) {
            const auto waits = std::ranges::find_if(world.changelog, [&](const Written& one) {
                return one.value && one.key.front() == 1 &&
                       std::ranges::none_of(world.changelog, [&](const Written& other) {
                           return other.key == one.key && !other.value;
                       });
            });
            REQUIRE(waits != world.changelog.end());
            const std::string key{waits->key.substr(3, 1)};
            const auto closed = std::ranges::find_if(
                world.results, [](const Written& one) { return one.is_final.has_value(); });
            Written early = *closed;
            const std::string other{early.key.substr(2, 1)};
            move(world, early, "[\"" + other, "[\"" + key);
            early.value->replace(early.value->find("\"" + other + "\""), 3, "\"" + key + "\"");
            early.transaction = "2";
            std::erase_if(world.results, [&](const Written& one) { return is_of(one, key); });
            world.results.push_back(early);
            CHECK(found(world) == Kinds{FindingKind::extra_total});
        }
        SECTION(std::string{"and meta knows nothing of them, "} + std::string{emit}) {
            forge_meta(world, [](Meta& meta) { meta.to_close = 0; });
            const Audited audited = world.audit();
            const Kinds& kinds = audited.kinds;
            CHECK(std::ranges::count(kinds, FindingKind::extra_total) == 4);
            // Without updates a partition of the results may hold none of this state partition's:
            // what is missing there may have been deleted, and is excused. No window is in neither.
            const auto missing = std::ranges::count(kinds, FindingKind::window_missing);
            CHECK(missing > 0);
            CHECK(static_cast<std::uint64_t>(missing) + audited.excused == 4);
            CHECK((emit == "final" || audited.excused == 0));
            CHECK(kinds.back() == FindingKind::broken_state);
        }
    }
}

TEST_CASE("HAVING says which windows have a last result", "[audit][window]") {
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        World world{windowed(emit, " HAVING sum(v) BETWEEN 5 AND 20")};
        for (const char* const key : {"a", "b", "c", "d", "e", "f"}) {
            sell(world, key, 10, key[0] == 'f' ? 1 : 6);
        }
        world.commit();
        proved(world);
        sell(world, "a", 20, 100);  // no longer
        sell(world, "g", 70, 7);
        world.commit();
        proved(world);
        CHECK_FALSE(
            std::ranges::any_of(world.results, [](const Written& one) { return is_of(one, "f"); }));
        if (emit == "updates") {
            REQUIRE_FALSE(last_of(world.results, "a").value);
            CHECK(last_of(world.results, "a").is_final.has_value());
            world.results.erase(std::ranges::find_if(
                world.results, [](const Written& one) { return is_of(one, "a") && !one.value; }));
            CHECK(found(world) == Kinds{FindingKind::extra_result});
        }
    }
}

TEST_CASE("event time without windows is proved, and its watermark", "[audit][window]") {
    World world{"SELECT k, count(*) AS n FROM events(t, to_timestamp(nullif(ts, 0))) GROUP BY k"};
    sell(world, "a", 10, 1);
    world.add(R"({"k":"a","ts":0})");
    world.commit();
    sell(world, "a", 5, 1);
    world.commit();
    proved(world);
    forge_meta(world, [](Meta& meta) { --meta.sources.at(0).watermark; });
    CHECK(found(world) == Kinds{FindingKind::late_wrong, FindingKind::late_wrong});
}

TEST_CASE("days of a zone are proved", "[audit][window]") {
    World world{
        "SELECT k, window_start AS b, window_end AS e, count(*) AS n FROM tumble(t, "
        "ts::timestamptz, 'day', 'America/Sao_Paulo', grace => INTERVAL '0 seconds', max_ahead => "
        "'never') GROUP BY k, "
        "window_start"};
    for (const char* const time : {"2018-11-04T02:59:59Z", "2018-11-04T03:00:00Z",
                                   "2018-11-05T01:59:59Z", "2018-11-05T02:00:00Z"}) {
        world.add(R"({"k":"a","ts":")" + std::string{time} + R"("})");
    }
    world.commit();
    proved(world);
    CHECK(std::ranges::any_of(world.results, [](const Written& one) {
        return one.is_final && one.value == R"({"k":"a","b":"2018-11-04T03:00:00Z",)"
                                            R"("e":"2018-11-05T02:00:00Z","n":2})";
    }));
}

TEST_CASE("an audit of windows begins where a base ends", "[audit][window]") {
    World world = sold("final");
    const Audited first = proved(world);
    sell(world, "a", 40, 1);  // late, by what is known of before
    sell(world, "a", 100, 1);
    sell(world, "g", 130, 1);
    world.commit();
    const Audited second = world.audit(first.base);
    INFO(second.text);
    CHECK(second.kinds.empty());
    CHECK(second.read == 3);
    CHECK(last_meta(world).sources.at(0).counts.late == 2);
    CHECK(last_of(world.results, "a").is_final.has_value());
}

namespace {

void check_halves(const World& world) {
    Findings findings;
    const AuditedJob audited =
        AuditedJob::of(world.job.spec, world.job.identity, testing::audit_of(world.job));
    std::vector<KeyClass> todo{{}};
    std::size_t passes = 0;
    std::optional<StateSum> sum;
    std::optional<Meta> meta;
    for (; !todo.empty(); ++passes) {
        Accounts accounts{audited, 1'500, findings};
        accounts.begin(todo.back());
        todo.pop_back();
        const auto halve = [&] {
            while (accounts.over_memory()) {
                todo.push_back(accounts.halve());
            }
        };
        SourceFold source{audited, accounts};
        for (const Written& one : world.changelog) {
            accounts.take_changelog(world.view(one, 0));
            halve();
        }
        (void)source.aim(accounts.cut());
        source.fold(world.all_of(TopicRole::source));
        halve();
        for (const Written& one : world.results) {
            accounts.take_result(world.view(one, 0), testing::headers_of(one));
            halve();
        }
        source.arrive();
        source.compare(accounts.cut(), findings);
        sum = sum.value_or(accounts.empty_sum());
        accounts.add_sum(*sum, accounts.compare(true).by_state[0]);
        meta = accounts.cut()[0];
    }
    CHECK(passes > 1);
    CHECK(findings.count() == 0);
    CHECK(sum->fits(*meta));
    CHECK(sum->retired == meta->retired);
}

}  // namespace

TEST_CASE("halves of the windows are counted as well, closed ones too", "[audit][window]") {
    check_halves(sold("updates"));
    check_halves(hopped("updates"));
}

TEST_CASE("without the source a window's last result is taken at its word", "[audit][window]") {
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        World world = sold(emit);
        const bool early = emit == "updates";
        if (early) {
            last_of(world.results, "b").is_final.reset();
        }
        Findings findings;
        const AuditedJob audited =
            AuditedJob::of(world.job.spec, world.job.identity, testing::audit_of(world.job));
        Accounts accounts{audited, std::uint64_t{1} << 30, findings};
        for (const Written& one : world.changelog) {
            accounts.take_changelog(world.view(one, 0));
        }
        for (const Written& one : world.results) {
            accounts.take_result(world.view(one, 0), testing::headers_of(one));
        }
        accounts.believe_changelog();
        const Comparison found = accounts.compare(true);
        CHECK(found.by_state[0].fits(last_meta(world)));
        CHECK(findings.count() == (early ? 1 : 0));
        if (early) {
            CHECK(findings.kept().at(0).kind == FindingKind::window_missing);
        }
    }
}

TEST_CASE("a clock is that of the slowest partition, and none while one has none",
          "[audit][window]") {
    const Job job = testing::make_statement_job(windowed("updates"), 1, 2);
    const AuditedJob audited = AuditedJob::of(job.spec, job.identity, testing::audit_of(job));
    std::vector<std::string> values;
    std::vector<RecordView> records;
    for (const std::int64_t second : {50, 30}) {
        values.push_back(R"({"k":"a","v":1,"ts":)" + std::to_string(kStart + second) + "}");
    }
    for (std::int32_t p = 0; p < 2; ++p) {
        RecordView record;
        record.partition = PartitionId{p};
        record.timestamp_ms = kStart * 1'000;
        record.value_data = values[static_cast<std::size_t>(p)].data();
        record.value_size = static_cast<std::uint32_t>(values[static_cast<std::size_t>(p)].size());
        records.push_back(record);
    }
    // What is found of a clock, where the second partition is as far as that, and a third one that
    // was added has no record.
    const auto found = [&](std::int64_t clock_second, std::int64_t second_to, bool added) {
        Meta meta;
        meta.identity = job.identity;
        meta.clock = clock_second < 0 ? kNoTime : (kStart + clock_second) * 1'000;
        for (std::int32_t p = 0; p < (added ? 3 : 2); ++p) {
            SourceProgress source;
            source.partition = PartitionId{p};
            source.applied = Offset{p == 0 ? 1 : p == 1 ? second_to : 0};
            source.counts.read = source.counts.aggregated =
                static_cast<std::uint64_t>(source.applied.value);
            source.slots.resize(job.kinds.size());
            if (source.applied.value > 0) {
                source.slots = {Slot{1, true}, Slot{1'000'000'000, true},
                                Slot{1'000'000'000, true}};
                source.watermark = (kStart + (p == 0 ? 50 : 30)) * 1'000;
            }
            meta.sources.push_back(source);
        }
        Findings findings;
        Accounts accounts{audited, std::uint64_t{1} << 30, findings};
        SourceFold source{audited, accounts};
        const std::vector<std::optional<Meta>> cut{meta};
        (void)source.aim(cut);
        source.fold(records);
        source.arrive();
        source.compare(cut, findings);
        for (const Finding& finding : findings.kept()) {
            UNSCOPED_INFO(finding.what << ": " << finding.expected << ", " << finding.found);
            CHECK(finding.what == "state partition 0");
        }
        return findings.count();
    };
    CHECK(found(30, 1, false) == 0);
    CHECK(found(50, 1, false) == 1);
    CHECK(found(-1, 1, false) == 1);
    CHECK(found(-1, 0, false) == 0);
    CHECK(found(30, 0, false) == 1);
    // A partition that was added has none, and takes back nothing.
    CHECK(found(30, 1, true) == 0);
    CHECK(found(-1, 1, true) == 0);
    CHECK(found(50, 1, true) == 1);
}

TEST_CASE("where a partition was moved on without records, the audit knows it", "[audit][window]") {
    const auto moved = [](bool all = true) {
        World world = sold("final");
        const auto move_to = [&world](std::int64_t second) {
            world.map->say(PartitionId{0}, {.watermark = (kStart + second) * 1'000, .idle = true});
            world.commit();
        };
        move_to(100);
        move_to(200);  // at the same position
        if (all) {
            sell(world, "a", 100, 7);  // late by it
            sell(world, "a", 210, 7);
            world.commit();
            move_to(400);
        }
        return world;
    };
    const World before = moved(false);
    proved(before);
    CHECK(last_meta(before).advances == 1);
    CHECK(last_meta(before).keys == 0);
    const World world = moved();
    proved(world);
    CHECK(last_meta(world).advances == 2);
    CHECK(last_meta(world).sources.at(0).counts.late == 2);

    const auto is_advance = [](const Written& one) { return one.key.starts_with('\3'); };
    // Those that are missing: then a record should not have been late, and time is another one.
    World without = moved();
    std::erase_if(without.changelog, is_advance);
    const Kinds kinds = found(without);
    CHECK(std::ranges::count(kinds, FindingKind::late_wrong) > 0);
    CHECK(std::ranges::count(kinds, FindingKind::broken_state) > 0);
    // One that is another one.
    World other = moved();
    std::string& value = *std::ranges::find_if(other.changelog, is_advance)->value;
    value.clear();
    append_advance_value(value, 1, {PartitionId{0}, Offset{0}, (kStart + 500) * 1'000});
    std::string& again =
        *std::ranges::find_if(other.changelog.rbegin(), other.changelog.rend(), is_advance)->value;
    again = value;
    const Kinds others = found(other);
    CHECK(std::ranges::count(others, FindingKind::broken_state) > 0);
    // One that was dropped, as its keeper says; and one of which it does not.
    World dropped = moved();
    Written tombstone = *std::ranges::find_if(dropped.changelog, is_advance);
    const auto newest = std::ranges::find(dropped.changelog.rbegin(), dropped.changelog.rend(),
                                          tombstone.key, &Written::key);
    const Advance gone = decode_advance(newest->key, *newest->value).value();
    tombstone.value.reset();
    dropped.changelog.insert(dropped.changelog.end() - 1, tombstone);
    CHECK(found(dropped) == Kinds{FindingKind::broken_state});
    forge_meta(dropped, [&gone](Meta& meta) {
        --meta.advances;
        meta.advances_hash -= advance_hash(gone);
    });
    proved(dropped);
    // Meta says more of them.
    World more = moved();
    forge_meta(more, [](Meta& meta) { ++meta.advances; });
    CHECK(found(more) == Kinds{FindingKind::broken_state});
}

// ---- sets

namespace {

// Three different values of a and one of b: four records of the changelog for their sets, and for
// their multisets as many. Both windows are closed by the second step; that of g is open.
World sets_sold(std::string_view emit) {
    World world{
        "SELECT k, window_start AS b, count(*) AS n, count(DISTINCT v) AS d, percentile_disc(0.5) "
        "WITHIN GROUP (ORDER BY v) AS p FROM tumble(t, to_timestamp(nullif(ts, 0)), INTERVAL '1 "
        "minute', grace => INTERVAL '5 seconds', idle => 'never', emit => '" +
        std::string{emit} + "') WHERE v >= 0 GROUP BY k, window_start"};
    int second = 0;
    for (const auto& [key, value] : std::vector<std::pair<std::string, int>>{
             {"a", 1}, {"a", 2}, {"a", 2}, {"a", 5}, {"b", 7}}) {
        sell(world, key, ++second, value);
    }
    world.commit();
    sell(world, "g", 90, 4);
    world.commit();
    return world;
}

}  // namespace

TEST_CASE("what closed windows have kept is proved before it has gone, and afterwards",
          "[audit][window]") {
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        World world = sets_sold(emit);
        proved(world);
        const std::uint8_t set = sets_of(world.job.kinds).front();
        CHECK(last_meta(world).to_sweep == 8);
        CHECK(last_meta(world).retired.at(set) == Slot{4, true});
        check_halves(world);
        const auto forged = [emit](const std::function<void(World&)>& forge) {
            World other = sets_sold(emit);
            forge(other);
            return found(other);
        };
        CHECK(forged([](World& of) { forge_meta(of, [](Meta& meta) { meta.to_sweep = 0; }); }) ==
              Kinds{FindingKind::broken_state});
        CHECK(forged([set](World& of) {
                  forge_meta(of, [set](Meta& meta) { meta.retired.at(set) = Slot{5, true}; });
              }) == Kinds{FindingKind::broken_state});
        // One that is missing before its time, of a window that is closed.
        CHECK(forged([](World& of) {
                  std::erase_if(of.changelog, [first = true](const Written& one) mutable {
                      return is_element(one) && std::exchange(first, false);
                  });
              }) == Kinds{FindingKind::broken_state});
        // And of the one that is open.
        CHECK(forged([](World& of) { of.changelog.erase(last_element(of, false)); }) ==
              Kinds{FindingKind::wrong_total, FindingKind::broken_state});
        world.commit();
        proved(world);
        CHECK(last_meta(world).to_sweep == 0);
        // One that has not gone.
        world.changelog.erase(last_element(world, true));
        CHECK(found(world) == Kinds{FindingKind::broken_state});
    }
}

}  // namespace kstream::audit
