// The source partitions of a state partition alone: the time that they have all come to, which
// advances are kept and written, what a layer takes back of both, and what a restore finds missing.
#include "kstream/pipeline/totals_sources.hpp"

#include "support/fakes/statement_job.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using KnownTimes = std::vector<SourceWatermark>;

// Of two state partitions the one that keeps the advances of source partitions 1 and 3.
constexpr PartitionId kKeeper{1};

Job job_with_advances() {
    return testing::make_statement_job(
        "SELECT k, window_start, sum(v) AS s FROM tumble(t, to_timestamp(ms * 0.001), INTERVAL '1 "
        "minute', grace => INTERVAL '5 seconds', max_ahead => 'never') GROUP BY k, window_start",
        2, 2);
}

struct SourcesBench {
    explicit SourcesBench(Job of = job_with_advances()) : job(std::move(of)) { all.begin(layer); }

    void open(std::int32_t partition) {
        BatchHeader header;
        header.kind = BatchKind::open;
        header.ranges = {range_of(partition)};
        REQUIRE(all.check_chain(header, "here") == TotalsSources::Chain::next);
        all.apply(header, layer);
    }
    // A map step that has read so many records of an open partition; it is at that time afterwards.
    void go_on(std::int32_t partition, std::int64_t records, std::int64_t watermark) {
        const Meta now = meta();
        const auto known =
            std::ranges::find(now.sources, PartitionId{partition}, &SourceProgress::partition);
        REQUIRE(known != now.sources.end());
        SourceRange range = range_of(partition);
        range.from = known->applied;
        range.to = Offset{known->applied.value + records};
        range.watermark_before = known->watermark;
        range.watermark = watermark;
        BatchHeader header;
        header.ranges = {range};
        REQUIRE(all.check_chain(header, "here") == TotalsSources::Chain::next);
        all.apply(header, layer);
    }
    [[nodiscard]] SourceRange range_of(std::int32_t partition) const {
        SourceRange range;
        range.partition = PartitionId{partition};
        range.slots.resize(job.kinds.size());
        return range;
    }
    // Appends what the layer writes to `changelog`, and begins the next one.
    void seal(std::uint64_t transaction) {
        OutputBatch out;
        all.seal(transaction, layer, out);
        for (auto& one : testing::writes_to(TopicRole::changelog, out)) {
            changelog.push_back(std::move(one));
        }
        all.begin(layer);
    }
    [[nodiscard]] Meta meta() const {
        Meta meta;
        all.put_into(meta);
        return meta;
    }
    // The first records of the changelog into a new owner.
    [[nodiscard]] Result<void> restore(TotalsSources& into, std::size_t records, const Meta& last,
                                       const TotalsSources::LogStarts& starts) const {
        for (std::size_t i = 0; i < records; ++i) {
            if (const auto& [key, value] = changelog[i]; value) {
                REQUIRE(into.restore(key, *value));
            } else {
                into.restore_tombstone(key);
            }
        }
        return into.finish_restore(last, starts);
    }
    // The same, and whether that one knows what this one does.
    [[nodiscard]] Result<void> restore(std::size_t records) const {
        TotalsSources other{job, kKeeper};
        Result<void> done = restore(other, records, meta(), {});
        if (done) {
            Meta restored;
            other.put_into(restored);
            CHECK(restored == meta());
            CHECK(other.watermark() == all.watermark());
        }
        return done;
    }

    Job job;
    TotalsSources all{job, kKeeper};
    TotalsSources::Layer layer;
    testing::Writes changelog;
};

}  // namespace

TEST_CASE("source partitions have come to a time when all that the job began with are there") {
    SourcesBench b;
    CHECK(b.all.watermark() == kNoTime);
    b.open(0);
    b.go_on(0, 1, 20);
    CHECK(b.all.watermark() == kNoTime);
    b.open(1);
    CHECK(b.all.watermark() == kNoTime);
    b.go_on(1, 1, 10);
    CHECK(b.all.watermark() == 10);
    // One that was added holds the others back once it is opened.
    b.open(4);
    CHECK(b.all.watermark() == kNoTime);
    b.go_on(4, 1, 5);
    CHECK(b.all.watermark() == 5);
}

TEST_CASE("a state partition keeps the advances of its own source partitions") {
    SourcesBench b;
    for (const std::int32_t partition : {3, 0, 1}) {
        b.open(partition);
        b.go_on(partition, 2, 10);
        b.go_on(partition, 0, 20 + partition);
    }
    CHECK(b.meta().advances == 2);
    const Advance of_1{PartitionId{1}, Offset{2}, 21};
    const Advance of_3{PartitionId{3}, Offset{2}, 23};
    CHECK(b.meta().advances_hash == advance_hash(of_1) + advance_hash(of_3));
    b.seal(1);
    REQUIRE(b.changelog.size() == 2);
    CHECK(decode_advance(b.changelog[0].first, b.changelog[0].second.value()) == of_3);
    CHECK(decode_advance(b.changelog[1].first, b.changelog[1].second.value()) == of_1);
}

TEST_CASE("a job without windows keeps no advances") {
    SourcesBench b{testing::make_job()};
    b.open(1);
    b.go_on(1, 2, 10);
    b.go_on(1, 0, 20);
    b.seal(1);
    CHECK(b.changelog.empty());
    CHECK(b.meta().advances == 0);
    CHECK(b.meta().sources[0].watermark == 20);
}

TEST_CASE("a layer of source partitions that is taken back has moved and kept nothing") {
    SourcesBench b;
    b.open(1);
    b.go_on(1, 5, 10);
    b.go_on(1, 0, 20);
    const Meta before = b.meta();
    const TotalsSources::Layer older = std::exchange(b.layer, {});
    b.all.begin(b.layer);
    b.open(3);
    b.go_on(1, 0, 30);  // in the place of the one before
    b.go_on(1, 2, 40);
    b.go_on(1, 0, 50);
    CHECK(b.meta().advances == 2);
    CHECK(b.layer.advances.size() == 2);
    CHECK(b.all.watermarks_before(b.layer) ==
          KnownTimes{{PartitionId{0}, kNoTime}, {PartitionId{1}, 20}});
    CHECK(b.all.watermarks_before(older) ==
          KnownTimes{{PartitionId{0}, kNoTime}, {PartitionId{1}, kNoTime}});
    b.all.undo(b.layer);
    CHECK(b.meta() == before);
    b.all.undo(older);
    CHECK(b.meta() == Meta{});
}

TEST_CASE("an advance that is missing in the changelog is found, and so is an older one") {
    SourcesBench b;
    b.open(0);
    b.go_on(0, 1, 100);
    b.open(1);
    b.go_on(1, 1, 10);
    b.go_on(1, 0, 20);
    b.go_on(1, 0, 25);
    b.seal(1);
    b.go_on(1, 0, 30);
    b.seal(2);
    REQUIRE(b.changelog.size() == 2);  // of one position, which compaction leaves one of
    CHECK(b.changelog[0].first == b.changelog[1].first);
    CHECK(b.restore(2));
    const Result<void> older = b.restore(1);
    REQUIRE_FALSE(older);
    CHECK(older.error().exit_code == ExitCode::integrity);
    CHECK(older.error().message.contains("the changelog has 1 others"));
    const Result<void> missing = b.restore(0);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().exit_code == ExitCode::integrity);
    CHECK(missing.error().message.contains("meta counts 1 advances of event time"));
    const Result<void> damaged = b.all.restore(b.changelog[0].first, "x");
    REQUIRE_FALSE(damaged);
    CHECK(damaged.error().exit_code == ExitCode::integrity);
}

namespace {

// Advances of source partition 1 at 2, 5, 6 and 10 and of 3 at 1, all of them in the changelog.
struct FloorsBench : SourcesBench {
    FloorsBench() {
        open(1);
        open(3);
        for (const auto& [records, time] :
             std::vector<std::pair<int, int>>{{2, 10}, {3, 30}, {1, 50}, {4, 70}}) {
            go_on(1, records, time);
            go_on(1, 0, time + 10);
        }
        go_on(3, 1, 5);
        go_on(3, 0, 7);
        seal(1);
        REQUIRE(changelog.size() == 5);
    }
    // A new owner goes on where this one is.
    void take_over(const TotalsSources::LogStarts& starts) {
        const Meta last = meta();
        std::destroy_at(&all);
        std::construct_at(&all, job, kKeeper);
        REQUIRE(restore(all, changelog.size(), last, starts));
        CHECK(meta() == last);
        layer = {};
        all.begin(layer);
    }
    // What the next step drops, in its order.
    std::vector<Advance> dropped() {
        const std::size_t before = changelog.size();
        seal(2);
        std::vector<Advance> dropped;
        for (std::size_t i = before; i < changelog.size(); ++i) {
            REQUIRE_FALSE(changelog[i].second);
            dropped.push_back(decode_advance_key(changelog[i].first).value());
        }
        return dropped;
    }
};

Advance place(std::int32_t partition, std::int64_t position) {
    return {PartitionId{partition}, Offset{position}, kNoTime};
}

}  // namespace

TEST_CASE("a new owner drops the advances before the source begins, but for the last one") {
    FloorsBench b;
    b.take_over({{PartitionId{1}, Offset{6}}, {PartitionId{3}, Offset{0}}});
    CHECK(b.dropped() == std::vector{place(1, 5), place(1, 2)});
    CHECK(b.meta().advances == 3);
    CHECK(b.meta().advances_hash == advance_hash({PartitionId{1}, Offset{6}, 60}) +
                                        advance_hash({PartitionId{1}, Offset{10}, 80}) +
                                        advance_hash({PartitionId{3}, Offset{1}, 7}));
    b.all.committed();
    CHECK(b.dropped().empty());
    // Whoever comes next finds neither more nor less, with what was dropped in the log and without.
    CHECK(b.restore(b.changelog.size()));
    b.changelog.erase(b.changelog.begin(), b.changelog.begin() + 2);
    b.changelog.resize(3);
    CHECK(b.restore(b.changelog.size()));
    CHECK_FALSE(b.restore(2));
}

TEST_CASE("advances are kept where the source begins before them, or nobody knows where") {
    FloorsBench b;
    b.take_over({{PartitionId{1}, Offset{4}}});
    CHECK(b.dropped().empty());
    b.take_over({});
    CHECK(b.dropped().empty());
    // All of them are before the start: the last one says where the partition is.
    b.take_over({{PartitionId{1}, Offset{500}}, {PartitionId{3}, Offset{500}}});
    CHECK(b.dropped() == std::vector{place(1, 6), place(1, 5), place(1, 2)});
}

TEST_CASE("what a step that is taken back has dropped is dropped again") {
    FloorsBench b;
    b.take_over({{PartitionId{1}, Offset{6}}});
    const Meta before = b.meta();
    const TotalsSources::Layer sealed = b.layer;
    const std::vector<Advance> first = b.dropped();
    REQUIRE(first.size() == 2);
    b.all.undo(sealed);
    b.all.begin(b.layer);
    CHECK(b.meta() == before);
    CHECK(b.dropped() == first);
}

TEST_CASE("many advances are dropped by several steps") {
    FloorsBench b;
    for (int i = 1; i <= 1500; ++i) {
        b.go_on(1, 1, 100 * i);
        b.go_on(1, 0, 100 * i + 10);
    }
    b.seal(2);
    b.take_over({{PartitionId{1}, Offset{100'000}}});
    CHECK(b.dropped().size() == 1000);
    b.all.committed();
    CHECK(b.all.memory_bytes() > 0);
    CHECK(b.dropped().size() == 503);
    CHECK(b.meta().advances == 2);
    b.all.committed();
    CHECK(b.all.memory_bytes() == 0);
    CHECK(b.dropped().empty());
    CHECK(b.restore(b.changelog.size()));
}

}  // namespace kstream
