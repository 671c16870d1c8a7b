#include "kstream/audit/ledger.hpp"

#include "support/fakes/audited.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace kstream;
using namespace kstream::audit;
using namespace kstream::testing;

namespace {

using Kinds = std::vector<FindingKind>;

// The log of state partition 0, step by step, one source partition, one sale of 1 per offset.
struct World : AuditedWorld {
    explicit World(std::int64_t log_start = 0) : ledger{job, 0, Offset{log_start}, findings} {}

    Ledger ledger;
    LedgerReport report;
    std::uint64_t step = 0;
    std::int64_t offset = 0;
    Identity identity = job.identity;
    std::string seller = of_state(0);

    // A key of state partition q.
    [[nodiscard]] std::string of_state(std::int32_t q) const {
        std::string key = "a";
        while (state_of(key).value != q) {
            key += "a";
        }
        return key;
    }

    void write(BatchHeader header, Int128 sales) {
        header.identity = identity;
        DeltaBatchWriter writer{job.kinds};
        if (sales > 0) {
            writer.add_delta(state_key(seller), row(sales, sales));
        }
        ledger.take(bytes.record(PartitionId{0}, offset++, std::nullopt,
                                 std::string{writer.finish(header)}));
    }
    static SourceRange range(std::int64_t from, std::int64_t to) {
        const auto read = static_cast<std::uint64_t>(to - from);
        SourceRange made;
        made.partition = PartitionId{0};
        made.from = Offset{from};
        made.to = Offset{to};
        made.slots = row(to - from, to - from);
        made.counts.read = made.counts.aggregated = read;
        if (read == 0) {
            made.slots = std::vector<Slot>(2);
        }
        return made;
    }
    void open(std::int64_t base) {
        BatchHeader header;
        header.kind = BatchKind::open;
        header.step = ++step;
        header.ranges = {range(base, base)};
        write(header, 0);
    }
    void cover(std::int64_t from, std::int64_t to) {
        BatchHeader header;
        header.step = ++step;
        header.ranges = {range(from, to)};
        write(header, to - from);
    }
    Kinds close(std::int64_t applied, std::int64_t base = 0) {
        Meta made = meta(0);
        SourceProgress& progress = made.sources[0];
        progress.base = Offset{base};
        progress.applied = Offset{applied};
        progress.counts = range(base, applied).counts;
        progress.slots = made.slots = row(applied - base, applied - base);
        ledger.close(made, report);
        return kinds();
    }
};

}  // namespace

TEST_CASE("Ranges that tile the source, and deltas that add up, are fine") {
    World world;
    world.open(0);
    world.cover(0, 10);
    world.cover(10, 12);
    world.cover(12, 30);
    CHECK(world.close(30) == Kinds{});
    CHECK(world.report.steps == 4);
    CHECK(world.report.chains == 1);
    CHECK(world.report.purged == 0);
}

TEST_CASE("A gap is found, and where") {
    World world;
    world.open(0);
    world.cover(0, 10);
    world.cover(11, 20);
    CHECK(world.close(20) == Kinds{FindingKind::gap, FindingKind::wrong_counts,
                                   FindingKind::wrong_counts, FindingKind::broken_state});
    CHECK(world.findings.kept()[0] ==
          Finding{FindingKind::gap, "state partition 0, source partition 0, repartition offset 2",
                  "[10, ..)", "[11, 20)"});
}

TEST_CASE("An overlap is found") {
    World world;
    world.open(0);
    world.cover(0, 10);
    world.cover(9, 20);
    const Kinds found = world.close(20);
    REQUIRE_FALSE(found.empty());
    CHECK(found.front() == FindingKind::overlap);
}

TEST_CASE("A step that was written twice is a duplicate and counts once") {
    World world;
    world.open(0);
    world.cover(0, 10);
    world.cover(0, 10);
    world.cover(10, 20);
    CHECK(world.close(20) == Kinds{});
    CHECK(world.report.duplicates == 1);
}

TEST_CASE("A chain that ends before or behind what meta says is found") {
    World world;
    world.open(0);
    world.cover(0, 10);
    SECTION("before") {
        CHECK(world.close(11).front() == FindingKind::gap);
    }
    SECTION("behind") {
        CHECK(world.close(9).front() == FindingKind::overlap);
    }
}

TEST_CASE("Another base than the one that was opened is found") {
    World world;
    world.open(3);
    world.cover(3, 10);
    CHECK(world.close(10, 2).front() == FindingKind::gap);
}

TEST_CASE("A source partition that was never opened, or opened twice, is found") {
    SECTION("never") {
        World world;
        world.cover(0, 10);
        CHECK(world.close(10) == Kinds{FindingKind::gap});
    }
    SECTION("twice") {
        World world;
        world.open(0);
        world.cover(0, 10);
        world.open(10);
        CHECK(world.close(10) == Kinds{FindingKind::overlap});
    }
}

TEST_CASE("What the owner has purged is no gap") {
    World world{500};
    world.cover(100, 110);
    world.cover(110, 120);
    CHECK(world.close(120) == Kinds{});
    CHECK(world.report.purged == 1);
}

TEST_CASE("A doubled step whose first time was purged is neither a gap nor an overlap") {
    World world{10};
    world.cover(40, 49);  // again; the chain was at 56
    SECTION("and the chain goes on") {
        world.cover(56, 59);
        world.cover(59, 60);
        CHECK(world.close(60) == Kinds{});
    }
    SECTION("and nothing follows") {
        CHECK(world.close(56) == Kinds{});
    }
    SECTION("and a gap behind it is one") {
        world.cover(56, 59);
        world.cover(60, 61);
        CHECK(world.close(61) == Kinds{FindingKind::gap});
    }
}

TEST_CASE("A doubled step of which only one range is known to be behind is a duplicate") {
    World world{10};
    world.cover(40, 49);
    BatchHeader header;
    header.step = 77;
    header.ranges = {World::range(20, 30), World::range(5, 9)};
    header.ranges[1].partition = PartitionId{1};
    world.write(header, 0);
    CHECK(world.close(49) == Kinds{});
    CHECK(world.report.duplicates == 1);
}

TEST_CASE("Deltas that are not those of the totals are found") {
    World world;
    world.open(0);
    BatchHeader header;
    header.step = 2;
    header.ranges = {World::range(0, 10)};
    world.write(header, 9);
    CHECK(world.close(10) == Kinds{FindingKind::broken_state});
}

TEST_CASE("Chunks of a step count once as ranges and each as deltas") {
    World world;
    world.open(0);
    BatchHeader header;
    header.step = 2;
    header.chunks = 2;
    header.ranges = {World::range(0, 10)};
    world.write(header, 4);
    header.chunk = 1;
    world.write(header, 6);
    // The same step once more, all of it.
    header.chunk = 0;
    world.write(header, 4);
    header.chunk = 1;
    world.write(header, 6);
    CHECK(world.close(10) == Kinds{});
    CHECK(world.report.duplicates == 1);
}

TEST_CASE("Damaged batches and those of another job are found") {
    World world;
    world.open(0);
    world.ledger.take(world.bytes.record(PartitionId{0}, 7, std::nullopt, "nonsense"));
    CHECK(world.kinds() == Kinds{FindingKind::damaged});
    world.identity.spec_hash ^= 1;
    world.cover(0, 10);
    CHECK(world.kinds() == Kinds{FindingKind::damaged, FindingKind::damaged});
}

TEST_CASE("A delta in a partition where its key cannot be, and a batch with a key, are found") {
    World world;
    world.open(0);
    world.cover(0, 10);
    world.seller = world.of_state(1);
    world.cover(10, 20);
    CHECK(world.close(20) == Kinds{FindingKind::misplaced});
    CHECK(world.findings.kept()[0].what == "repartition partition 0, offset 2");
    BatchHeader header;
    header.identity = world.identity;
    header.step = 9;
    header.ranges = {World::range(20, 20)};
    DeltaBatchWriter writer{world.job.kinds};
    world.ledger.take(
        world.bytes.record(PartitionId{0}, 3, "key", std::string{writer.finish(header)}));
    CHECK(world.kinds() == Kinds{FindingKind::misplaced, FindingKind::foreign});
}
