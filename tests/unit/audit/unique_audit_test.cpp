// Jobs that look for duplicates, audited: what the loops found is proved, also from a base, and
// what is forged of it is found.
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "support/fakes/audited_statement.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace kstream::audit {
namespace {

using testing::Audited;
using World = testing::AuditedStatement;
using Kinds = std::vector<FindingKind>;

constexpr const char* kStatement =
    "SELECT k, window_start AS b, count(*) AS n, sum(v) AS s FROM tumble(t, to_timestamp(ts), "
    "INTERVAL '1 minute', grace => INTERVAL '5 seconds', max_ahead => 'never', unique_by => id, "
    "within => INTERVAL '30 seconds') WHERE v >= 0 GROUP BY k, window_start";

void sell(World& world, const std::string& id, std::int64_t second, int value = 1) {
    world.add(R"({"k":"a","id":)" + id + R"(,"ts":)" + std::to_string(second) + R"(,"v":)" +
              std::to_string(value) + "}");
}

World sold() {
    World world{kStatement};
    sell(world, "1", 10);
    sell(world, "2", 20, -1);  // filtered
    sell(world, "2", 20);
    sell(world, "1", 30);       // a duplicate
    sell(world, R"("1")", 40);  // not one
    world.commit();
    sell(world, "1", 60);  // a duplicate of a duplicate
    sell(world, "9", 70);
    sell(world, "8", 1);  // late
    sell(world, "8", 1);  // a duplicate
    sell(world, "null", 1);
    world.commit();
    return world;
}

Kinds found(const World& world) {
    const Audited audited = world.audit();
    UNSCOPED_INFO(audited.text);
    return audited.kinds;
}

Meta last_meta(const World& world) {
    Result<Meta> meta = decode_meta_value(*world.changelog.back().value, world.job.form());
    REQUIRE(meta.has_value());
    return *meta;
}

Kinds with_meta(const std::function<void(SourceProgress&)>& change) {
    World world = sold();
    Meta meta = last_meta(world);
    change(meta.sources.at(0));
    std::string value;
    append_meta_value(value, world.job.form(), meta);
    world.changelog.back().value = value;
    return found(world);
}

}  // namespace

TEST_CASE("the duplicates that the loops found are proved", "[audit][unique]") {
    const World world = sold();
    CHECK(found(world).empty());
    const SourceProgress source = last_meta(world).sources.at(0);
    CHECK(source.counts.duplicates == 3);
    CHECK(source.counts.late == 1);
    CHECK(source.counts.filtered == 1);
    CHECK(source.counts.dead_lettered == 1);
    CHECK(source.counts.aggregated == 4);
    // The record of the id "1" with a time of 40 is the oldest that matters.
    CHECK(source.horizon == Horizon{Offset{4}, 30'000});
}

TEST_CASE("an audit that goes on from a base reads back the ids that matter there",
          "[audit][unique]") {
    World world = sold();
    const std::string base = world.audit().base;
    sell(world, R"("1")", 71);
    sell(world, "9", 72);
    sell(world, "7", 73);
    world.commit();
    const Audited audited = world.audit(base);
    INFO(audited.text);
    CHECK(audited.kinds.empty());
    // From offset 4 on, not from 10.
    CHECK(audited.read == 9);
    CHECK(last_meta(world).sources.at(0).counts.duplicates == 5);
    CHECK(found(world).empty());
}

TEST_CASE("where a partition was moved on without records, the same ids matter",
          "[audit][unique]") {
    World world{kStatement};
    sell(world, "1", 10);
    world.commit();
    world.map->say(PartitionId{0}, {.watermark = 500'000, .idle = true});
    world.commit();
    CHECK(last_meta(world).sources.at(0).watermark == 500'000);
    CHECK(found(world).empty());
    const std::string base = world.audit().base;
    sell(world, "1", 40);  // a duplicate: of records time has gone on by 30 seconds
    sell(world, "2", 40);  // late
    world.commit();
    const SourceProgress source = last_meta(world).sources.at(0);
    CHECK(source.counts.duplicates == 1);
    CHECK(source.counts.late == 1);
    CHECK(source.horizon == Horizon{Offset{0}, kNoTime});
    CHECK(found(world).empty());
    const Audited again = world.audit(base);
    INFO(again.text);
    CHECK(again.kinds.empty());
}

TEST_CASE("what is forged of duplicates is found", "[audit][unique]") {
    CHECK(with_meta([](SourceProgress&) {}).empty());
    CHECK(with_meta([](SourceProgress& source) {
              --source.counts.duplicates;
              ++source.counts.filtered;
          }) == Kinds{FindingKind::duplicate_wrong, FindingKind::wrong_counts});
    CHECK(with_meta([](SourceProgress& source) { ++source.horizon.offset.value; }) ==
          Kinds{FindingKind::duplicate_wrong, FindingKind::duplicate_wrong});
    CHECK(with_meta([](SourceProgress& source) { --source.horizon.seen; }) ==
          Kinds{FindingKind::duplicate_wrong, FindingKind::duplicate_wrong});

    World world = sold();
    const std::int64_t last = world.log.end(TopicRole::repartition, PartitionId{0}).value - 1;
    DeltaBatch batch;
    REQUIRE(decode_delta_batch(
                world.log.view(TopicRole::repartition, PartitionId{0}, Offset{last}).value(),
                world.job.form(), batch)
                .has_value());
    ++batch.header.ranges.at(0).horizon.offset.value;
    DeltaBatchWriter writer{world.job.form()};
    for (const DeltaView& delta : batch.deltas) {
        writer.add_delta(delta.state_key,
                         std::span{batch.slots}.subspan(delta.first_slot, world.job.kinds.size()));
    }
    world.forged_batches[last] = writer.finish(batch.header);
    CHECK(found(world) == Kinds{FindingKind::duplicate_wrong});
}

}  // namespace kstream::audit
