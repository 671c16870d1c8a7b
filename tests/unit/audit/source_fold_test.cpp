#include "kstream/audit/source_fold.hpp"

#include "support/fakes/audited.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace kstream;
using namespace kstream::audit;
using namespace kstream::testing;

namespace {

// "s0" and "s1" are of different state partitions.
struct Sellers {
    std::string of[2];
    explicit Sellers(const AuditedWorld& world) {
        for (int i = 0; of[0].empty() || of[1].empty(); ++i) {
            const std::string name = "s" + std::to_string(i);
            of[world.state_of(name).value] = name;
        }
    }
};

std::vector<std::optional<Meta>> cut_at(const AuditedWorld& world, std::int64_t first,
                                        std::int64_t second, std::int64_t base = 0) {
    std::vector<std::optional<Meta>> cut{world.meta(0), world.meta(1)};
    cut[0]->sources[0].base = cut[1]->sources[0].base = Offset{base};
    cut[0]->sources[0].applied = Offset{first};
    cut[1]->sources[0].applied = Offset{second};
    return cut;
}

Int128 counted(AuditedWorld& world, const std::string& seller) {
    const Account* const account = world.accounts.find(state_key(seller));
    return account == nullptr ? -1 : account->source[1].value().low_128();
}

}  // namespace

TEST_CASE("Each state partition is counted up to where that one is") {
    AuditedWorld world;
    const Sellers sellers{world};
    for (int i = 0; i < 10; ++i) {
        world.sell(sellers.of[0], 1);  // offsets 0, 2, ..
        world.sell(sellers.of[1], 1);  // offsets 1, 3, ..
    }
    CHECK(world.source.aim(cut_at(world, 7, 12)) ==
          std::vector<Piece>{{PartitionId{0}, Offset{0}, Offset{12}}});
    world.source.fold(world.log);
    world.source.arrive();
    CHECK(counted(world, sellers.of[0]) == 4);  // 0, 2, 4, 6
    CHECK(counted(world, sellers.of[1]) == 6);  // 1, 3, .. 11
    CHECK(world.source.progress(0)[0].counts.read == 7);
    CHECK(world.source.progress(1)[0].counts.read == 12);
    CHECK(world.source.progress(1)[0].slots[1] == Slot{12, true});

    // From there to a later cut, in batches that break anywhere; only what is missing is read.
    CHECK(world.source.aim(cut_at(world, 20, 15)) ==
          std::vector<Piece>{{PartitionId{0}, Offset{7}, Offset{20}}});
    const std::span<const RecordView> all{world.log};
    world.source.fold(all.subspan(0, 13));
    world.source.fold(all.subspan(13));
    world.source.arrive();
    CHECK(counted(world, sellers.of[0]) == 10);
    CHECK(counted(world, sellers.of[1]) == 7);
    CHECK(world.source.progress(0)[0].counts.read == 20);
    CHECK(world.source.progress(1)[0].counts.read == 15);
    CHECK(world.source.aim(cut_at(world, 20, 15)).empty());
}

TEST_CASE("Holes in the log are no records, and a base is no beginning") {
    AuditedWorld world;
    const Sellers sellers{world};
    for (int i = 0; i < 10; ++i) {
        world.sell(sellers.of[0], 1);
    }
    std::vector<RecordView> holed;
    for (const RecordView& record : world.log) {
        if (record.record_offset.value != 5) {
            holed.push_back(record);
        }
    }
    (void)world.source.aim(cut_at(world, 9, 9, 3));
    world.source.fold(holed);
    world.source.arrive();
    CHECK(world.source.progress(0)[0].counts.read == 5);  // 3, 4, 6, 7, 8
    CHECK(counted(world, sellers.of[0]) == 5);
}

TEST_CASE("Bad records and tombstones are counted as such") {
    AuditedWorld world;
    world.sell("ana", 5);
    world.log.push_back(world.bytes.record(PartitionId{0}, 1, std::nullopt, "{}"));
    world.log.push_back(world.bytes.record(PartitionId{0}, 2, "k", std::nullopt));
    auto cut = cut_at(world, 3, 3);
    for (auto& meta : cut) {
        meta->sources[0].counts = {.read = 3, .aggregated = 1, .dead_lettered = 1, .tombstones = 1};
    }
    (void)world.source.aim(cut);
    world.source.fold(world.log);
    world.source.arrive();
    world.source.compare(cut, world.findings);
    CHECK(world.kinds().empty());
    // Whether a bad record is a dead letter or was skipped is an option of the job.
    cut[0]->sources[0].counts = {.read = 3, .aggregated = 1, .skipped = 1, .tombstones = 1};
    world.source.compare(cut, world.findings);
    CHECK(world.kinds().empty());

    SECTION("a record that nobody accounts for") {
        cut[0]->sources[0].counts.read = 4;
        world.source.compare(cut, world.findings);
        CHECK(world.kinds() == std::vector{FindingKind::unbalanced, FindingKind::wrong_counts});
        CHECK(world.findings.kept()[0].what == "state partition 0, source partition 0");
    }
    SECTION("a tombstone that became a dead letter") {
        cut[1]->sources[0].counts = {.read = 3, .aggregated = 1, .dead_lettered = 2};
        world.source.compare(cut, world.findings);
        CHECK(world.kinds() == std::vector{FindingKind::wrong_counts});
    }
    SECTION("a sum that is another") {
        add_row(world.job.kinds, cut[1]->sources[0].slots, std::vector{Slot{1, true}, Slot{}});
        world.source.compare(cut, world.findings);
        CHECK(world.kinds() == std::vector{FindingKind::wrong_counts});
    }
    SECTION("another beginning than before") {
        cut[1]->sources[0].base = Offset{1};
        world.source.compare(cut, world.findings);
        CHECK(world.kinds() == std::vector{FindingKind::wrong_counts});
    }
}

TEST_CASE("An audit that begins at a base reads only what came since") {
    AuditedWorld world;
    const Sellers sellers{world};
    for (int i = 0; i < 6; ++i) {
        world.sell(sellers.of[0], 2);
    }
    auto base = cut_at(world, 4, 4);
    for (auto& meta : base) {
        meta->sources[0].counts = {.read = 4, .aggregated = 4};
        meta->sources[0].slots = row(8, 4);
    }
    world.source.begin_at(base);
    REQUIRE(world.accounts.take_base(state_key(sellers.of[0]),
                                     Row{world.job.kinds, row(8, 4), TextStore{}}));
    const auto cut = cut_at(world, 6, 6);
    CHECK(world.source.aim(cut) == std::vector<Piece>{{PartitionId{0}, Offset{4}, Offset{6}}});
    world.source.fold(world.log);
    world.source.arrive();
    CHECK(counted(world, sellers.of[0]) == 6);
    world.source.compare(cut, world.findings);
    CHECK(world.kinds().empty());
    // Behind the base there is nothing to go back to.
    world.source.compare(cut_at(world, 3, 6), world.findings);
    CHECK(world.kinds() == std::vector{FindingKind::wrong_counts});
}

TEST_CASE("A sum past 128 bits is counted as any other") {
    AuditedWorld world;
    const std::string most = "{\"id_vendedor\":\"ana\",\"valor\":160000000000000000000000000000}";
    world.log.push_back(world.bytes.record(PartitionId{0}, 0, std::nullopt, most));
    world.log.push_back(world.bytes.record(PartitionId{0}, 1, std::nullopt, most));
    (void)world.source.aim(cut_at(world, 2, 2));
    world.source.fold(world.log);
    world.source.arrive();
    const Account* const account = world.accounts.find(state_key("ana"));
    REQUIRE(account != nullptr);
    CHECK(row_text(world.job, account->source) ==
          "valor_total_por_vendedor 320000000000000000000000000000.00, numero_transacoes 2");
    for (const std::size_t q : {0U, 1U}) {
        CHECK(world.source.progress(q).at(0).slots == account->source.slots);
    }
}
