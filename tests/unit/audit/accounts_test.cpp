#include "kstream/audit/accounts.hpp"

#include "support/fakes/audited.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <vector>

using namespace kstream;
using namespace kstream::audit;
using namespace kstream::testing;

namespace {

using Kinds = std::vector<FindingKind>;

AuditedWorld sold() {
    AuditedWorld world;
    world.sell("ana", 5);
    world.sell("rui", 7);
    world.sell("ana", 11);
    return world;
}

// Everything as it should be, but for what `forge` does after it.
template <typename Forge>
AuditedWorld& audited(AuditedWorld& world, Forge forge) {
    world.sell("ana", 5);
    world.sell("rui", 7);
    world.sell("ana", 11);
    world.commit();
    world.publish_all();
    forge();
    world.count();
    world.compare();
    return world;
}

}  // namespace

TEST_CASE("What is right is proved, and every key is compared") {
    AuditedWorld world;
    audited(world, [] {});
    CHECK(world.kinds() == Kinds{});
    CHECK(world.accounts.size() == 2);
    CHECK(world.source.records() == 3);
}

TEST_CASE("A record that the totals have lost is found") {
    AuditedWorld world;
    world.sell("ana", 5);
    world.sell("rui", 7);
    auto& ana = world.totals.at("ana");
    world.sell("ana", 11);
    ana = row(5, 1);  // the job has not seen the last one, and says it has
    world.commit();
    world.publish_all();
    world.count();
    world.compare();
    // The counts of the source partition, too, are those of the job: sums differ in both states.
    CHECK(world.kinds() == Kinds{FindingKind::wrong_counts, FindingKind::wrong_counts,
                                 FindingKind::wrong_total, FindingKind::wrong_result});
    const Finding& total = world.findings.kept()[2];
    CHECK(total.what == "key ana");
    CHECK(total.expected == "valor_total_por_vendedor 16.00, numero_transacoes 2");
    CHECK(total.found == "valor_total_por_vendedor 5.00, numero_transacoes 1");
}

TEST_CASE("A record that was counted twice is found") {
    AuditedWorld world;
    audited(world, [&] {
        ++world.transaction;
        world.write_total("rui", row(14, 2));
        world.write_meta(static_cast<std::uint32_t>(world.state_of("rui").value), world.meta(0));
        world.publish("rui", row(14, 2), world.transaction);
    });
    CHECK(world.kinds() == Kinds{FindingKind::wrong_total, FindingKind::wrong_result});
    CHECK(world.findings.kept()[1].found ==
          "{\"id_vendedor\":\"rui\",\"valor_total_por_vendedor\":14.00,\"numero_transacoes\":2}");
}

TEST_CASE("A wrong result over a right total is found") {
    AuditedWorld world;
    audited(world, [&] { world.publish("ana", row(17, 2), world.transaction); });
    CHECK(world.kinds() == Kinds{FindingKind::wrong_result});
    CHECK(world.findings.kept()[0].what == "key ana");
}

TEST_CASE("A right result of the wrong transaction is found") {
    AuditedWorld world;
    audited(world, [&] { world.publish("ana", row(16, 2), 0); });
    CHECK(world.kinds() == Kinds{FindingKind::wrong_result});
    CHECK(world.findings.kept()[0].found == "of transaction 0");
}

TEST_CASE("A stale result is found, and called so") {
    AuditedWorld world = {};
    world.sell("ana", 5);
    world.commit();
    world.publish_all();
    world.sell("ana", 7);
    world.commit();  // and its result was not published
    world.count();
    world.compare();
    CHECK(world.kinds() == Kinds{FindingKind::stale_result});
}

TEST_CASE("A key without a total, and without a result, is found") {
    AuditedWorld world;
    world.sell("ana", 5);
    world.sell("rui", 7);
    ++world.transaction;
    world.write_total("ana", row(5, 1));
    world.write_meta(0, world.meta(0));
    world.write_meta(1, world.meta(1));
    world.publish("ana", row(5, 1), 1);
    world.count();
    world.compare();
    CHECK(world.kinds() == Kinds{FindingKind::missing_total, FindingKind::missing_result});
    CHECK(world.findings.kept()[0].what == "key rui");
}

TEST_CASE("A total and a result of a key that the source does not have are found") {
    AuditedWorld world;
    audited(world, [&] {
        world.write_total("eva", row(1, 1));
        world.publish("eva", row(1, 1), world.transaction);
    });
    CHECK(world.kinds() == Kinds{FindingKind::extra_total, FindingKind::extra_result});
}

TEST_CASE("A total in the state partition of other keys is found") {
    AuditedWorld world;
    audited(world, [&] {
        std::string key;
        append_total_key(key, state_key("ana"));
        std::string value;
        append_total_value(value, 1, world.job.kinds, row(16, 2));
        const PartitionId other{1 - world.state_of("ana").value};
        world.accounts.take_changelog(world.bytes.record(other, 9, key, value));
    });
    CHECK(world.kinds() == Kinds{FindingKind::extra_total});
}

TEST_CASE("A tombstone over a result is a missing result") {
    AuditedWorld world;
    audited(world, [&] {
        world.publish_record(world.results_of("rui"), "rui", std::nullopt, 0, std::nullopt);
    });
    CHECK(world.kinds() == Kinds{FindingKind::missing_result});
}

TEST_CASE("Records that cannot be read are findings that name their place") {
    AuditedWorld world;
    audited(world, [&] {
        world.accounts.take_changelog(world.bytes.record(PartitionId{1}, 70, "\x01xx", "yy"));
        world.accounts.take_changelog(world.bytes.record(PartitionId{1}, 71, "\x07", "yy"));
        world.accounts.take_changelog(
            world.bytes.record(PartitionId{1}, 72, std::string{meta_key()}, "yy"));
        world.publish_record(PartitionId{0}, "[", "{}", 1);
    });
    CHECK(world.kinds() == Kinds{FindingKind::damaged, FindingKind::damaged, FindingKind::damaged,
                                 FindingKind::extra_result});
    CHECK(world.findings.kept()[0].what == "changelog partition 1, offset 70");
}

TEST_CASE("A result that is newer than the cut is compared at a later cut") {
    AuditedWorld world = sold();
    world.commit();
    world.publish_all();
    // While the results were read, the job went on.
    world.sell("rui", 1);
    world.publish("rui", row(8, 2), 2);
    world.count();
    const Comparison first = world.accounts.compare(false);
    CHECK(first.keys == 2);
    CHECK(first.again == 1);
    CHECK(world.kinds() == Kinds{});

    SECTION("and is right") {
        ++world.transaction;
        world.write_total("rui", row(8, 2));
        const auto q = static_cast<std::uint32_t>(world.state_of("rui").value);
        world.write_meta(q, world.meta(q));
        world.count();
        const Comparison second = world.accounts.compare(false);
        CHECK(second.keys == 1);
        CHECK(second.again == 0);
        CHECK(world.kinds() == Kinds{});
    }
    SECTION("and is wrong") {
        ++world.transaction;
        world.write_total("rui", row(9, 2));
        world.publish("rui", row(9, 2), 2);
        const auto q = static_cast<std::uint32_t>(world.state_of("rui").value);
        world.write_meta(q, world.meta(q));
        world.count();
        while (world.accounts.compare(world.accounts.round() == 3).again > 0) {
        }
        CHECK(world.kinds() == Kinds{FindingKind::wrong_total, FindingKind::wrong_result});
    }
    SECTION("and its transaction never comes") {
        world.count();
        CHECK(world.accounts.compare(false).again == 0);
        CHECK(world.kinds() == Kinds{FindingKind::wrong_result});
        CHECK(world.findings.kept()[0].found.starts_with("of transaction 2, which has no meta"));
    }
}

TEST_CASE("A total whose meta record never comes is found") {
    AuditedWorld world;
    audited(world, [&] {
        world.transaction = 7;
        world.write_total("rui", row(7, 1));
    });
    CHECK(world.kinds() == Kinds{FindingKind::wrong_total});
}

TEST_CASE("What compaction took away while it was read is found by the next look") {
    AuditedWorld world = sold();
    world.commit();
    world.publish_all();
    world.accounts.begin({});
    // Of rui there is nothing below the end that was asked for: it has been written again since.
    world.write_total("ana", row(16, 2));
    world.write_meta(0, world.meta(0));
    world.write_meta(1, world.meta(1));
    world.publish("ana", row(16, 2), 1);
    world.count();
    CHECK(world.accounts.compare(false).again == 1);
    ++world.transaction;
    world.write_total("rui", row(7, 1));
    const auto q = static_cast<std::uint32_t>(world.state_of("rui").value);
    world.write_meta(q, world.meta(q));
    world.publish("rui", row(7, 1), 2);
    world.count();
    CHECK(world.accounts.compare(false).again == 0);
    CHECK(world.kinds() == Kinds{});
}

TEST_CASE("Halving drops exactly the keys that the other half takes up") {
    AuditedWorld world;
    std::set<std::string> all;
    for (int i = 0; i < 200; ++i) {
        const std::string seller = "s" + std::to_string(i);
        all.insert(state_key(seller));
        (void)world.accounts.find_or_open(state_key(seller), seller);
    }
    Accounts small{world.job, 20'000, world.findings};
    std::vector<KeyClass> todo{{}};
    std::set<std::string> seen;
    std::size_t passes = 0;
    for (; !todo.empty(); ++passes) {
        small.begin(todo.back());
        todo.pop_back();
        for (int i = 0; i < 200; ++i) {
            const std::string seller = "s" + std::to_string(i);
            (void)small.find_or_open(state_key(seller), seller);
            while (small.over_memory()) {
                todo.push_back(small.halve());
            }
        }
        CHECK(small.bytes() <= 20'000);
        small.each([&](std::string_view key, const Account&) {
            CHECK(seen.insert(std::string{key}).second);
        });
    }
    CHECK(seen == all);
    CHECK(passes > 2);
}

// Of the totals that wait for their meta record, those that are put off must not be waited for: the
// address sanitizer sees it.
TEST_CASE("Totals that wait for their meta record may be put off") {
    AuditedWorld world;
    for (int i = 0; i < 50; ++i) {
        world.sell("s" + std::to_string(i), 1);
    }
    ++world.transaction;
    for (const auto& [seller, total] : world.totals) {
        world.write_total(seller, total);
    }
    const KeyClass other = world.accounts.halve();
    CHECK(other == KeyClass{1, 2});
    const std::size_t kept = world.accounts.size();
    CHECK((kept > 0 && kept < 50));
    world.write_meta(0, world.meta(0));
    world.write_meta(1, world.meta(1));
    world.accounts.each([](std::string_view, const Account& account) {
        CHECK(account.total.slots == row(1, 1));
        CHECK(account.newer_total.empty());
    });
}

// ---- who wrote it

TEST_CASE(
    "A result in a partition where its key cannot be is found, read before or after the right "
    "one") {
    for (const bool before : {true, false}) {
        AuditedWorld world = sold();
        world.commit();
        const PartitionId other{(world.results_of("ana").value + 1) % 3};
        if (!before) {
            world.publish_all();
        }
        world.publish_record(other, "ana", "forged", 1);
        if (before) {
            world.publish_all();
        }
        world.count();
        world.compare();
        CHECK(world.kinds() == Kinds{FindingKind::extra_result});
        CHECK(world.findings.kept()[0].what == "key ana");
        CHECK(world.findings.kept()[0].found.contains("results partition " +
                                                      std::to_string(other.value)));
    }
}

TEST_CASE("An outsider's result is found though the job has replaced it since") {
    const auto replaced = [](std::optional<std::string> value, std::uint64_t transaction,
                             std::optional<std::string> run) {
        AuditedWorld world = sold();
        world.commit();
        world.publish_all();
        world.publish_record(world.results_of("ana"), "ana", std::move(value), transaction,
                             std::move(run));
        world.sell("ana", 1);
        world.commit();
        world.publish_all();
        world.count();
        world.compare();
        return world.kinds();
    };
    const Kinds foreign{FindingKind::foreign};
    CHECK(replaced("{}", 1, std::nullopt) == foreign);        // no headers
    CHECK(replaced("{}", 0, "0000000000000000") == foreign);  // of no transaction
    CHECK(replaced("{}", 1, "00000000000000AB") == foreign);  // not as the job writes it
    CHECK(replaced("{}", 1, "ab") == foreign);
    CHECK(replaced("{}", 1, "00000000000000ab") == foreign);    // that transaction was another run
    CHECK(replaced("{}", 1, "0000000000000000") == foreign);    // the job writes a key once in one
    CHECK(replaced(std::nullopt, 0, std::nullopt) == foreign);  // a tombstone
}

TEST_CASE("Of outsiders' results that the job has replaced as many are kept as the bound says") {
    AuditedWorld world;
    const std::size_t keys = Findings::kMaxKept + 50;
    const auto sell_all = [&world, keys] {
        for (std::size_t i = 0; i < keys; ++i) {
            world.sell("k" + std::to_string(i), 1);
        }
        world.commit();
        world.publish_all();
    };
    sell_all();
    for (std::size_t i = 0; i < keys; ++i) {
        const std::string key = "k" + std::to_string(i);
        world.publish_record(world.results_of(key), key, "{}", 1, std::nullopt);
    }
    sell_all();
    world.count();
    world.compare();
    CHECK(world.findings.count() == Findings::kMaxKept);
}

TEST_CASE("Results of before a reset are nothing of an outsider") {
    AuditedWorld world = sold();
    // The topic was kept: another run, numbers of its own, and the keys that it had.
    world.publish_record(world.results_of("ana"), "ana", "old", 50, "00000000000000ab");
    world.publish_record(world.results_of("rui"), "rui", "old", 51, "00000000000000ab");
    world.publish_record(world.results_of("rui"), "rui", std::nullopt, 0, std::nullopt);
    world.commit();
    world.publish_all();
    world.count();
    world.compare();
    CHECK(world.kinds() == Kinds{});
}

TEST_CASE("Keys that only another run has published are no wrong totals") {
    for (const bool ours : {false, true}) {
        AuditedWorld world = sold();
        world.commit();
        world.publish_all();
        world.publish_record(world.results_of("eva"), "eva", "{}", 1,
                             ours ? "0000000000000000" : "00000000000000ab");
        world.count();
        const Comparison first = world.accounts.compare(false);
        const Comparison second = world.accounts.compare(true);
        CHECK(first.excused + second.excused == (ours ? 0 : 1));
        CHECK(world.kinds() == (ours ? Kinds{FindingKind::extra_result} : Kinds{}));
    }
}

TEST_CASE("A result that is missing where all around it is proves nothing") {
    AuditedWorld world = sold();
    world.commit();  // and the topic was emptied
    world.sell("ana", 3);
    const std::uint32_t q = static_cast<std::uint32_t>(world.state_of("ana").value);
    ++world.transaction;
    world.write_total("ana", row(19, 3));
    world.write_meta(q, world.meta(q));
    SECTION("nothing is left") {}
    SECTION("what came later is there") {
        world.publish("ana", row(19, 3), 2);
    }
    SECTION("records were deleted from its front") {
        world.publish("ana", row(19, 3), 2);
        world.accounts.begin_results({{world.results_of("rui"), Offset{5}}});
    }
    const bool ana = world.results_offset > 0;
    world.count();
    std::uint64_t excused = 0;
    for (const bool last : {false, true}) {
        excused += world.accounts.compare(last).excused;
    }
    CHECK(excused == (ana ? 1 : 2));
    CHECK(world.kinds() == Kinds{});
}

TEST_CASE("A total that comes twice in a transaction, or after its meta record, is found") {
    AuditedWorld world = sold();
    SECTION("twice") {
        world.transaction = 1;
        world.write_total("ana", row(16, 2));
        world.transaction = 0;
    }
    world.commit();
    SECTION("behind") {
        world.write_total("ana", row(16, 2));
    }
    world.publish_all();
    world.count();
    world.compare();
    CHECK(world.kinds() == Kinds{FindingKind::foreign});
    CHECK(world.findings.kept()[0].what.starts_with("changelog partition"));
}

TEST_CASE("Meta whose number does not follow is found, once for each break") {
    AuditedWorld world = sold();
    world.commit();
    Meta other = world.meta(0);
    other.transaction = 90;  // of another state partition, say
    world.write_meta(0, other);
    world.commit();
    world.commit();
    world.publish_all();
    world.count();
    world.compare();
    // The first totals after it seem out of place as well.
    int metas = 0;
    for (const Finding& finding : world.findings.kept()) {
        CHECK(finding.kind == FindingKind::foreign);
        metas += finding.found == "meta of transaction 2, run 0000000000000000" ? 1 : 0;
    }
    CHECK(metas == 1);
    CHECK(world.findings.count() <= 1 + world.totals.size());
}

TEST_CASE(
    "Another job's meta is reported by the options that differ, whatever its aggregates are") {
    AuditedWorld world;
    AggregationSpec spec = world.job.spec;
    spec.aggregates.erase(spec.aggregates.begin());
    const AuditedJob other = AuditedJob::of(spec, world.job.identity);
    Meta meta = world.meta(0);
    meta.spec_text = canonical_text(spec);
    meta.identity.spec_hash ^= 1;
    meta.slots.resize(1);
    for (SourceProgress& source : meta.sources) {
        source.slots.resize(1);
    }
    std::string value;
    append_meta_value(value, other.kinds, meta);
    world.accounts.take_changelog(
        world.bytes.record(PartitionId{0}, 0, std::string{meta_key()}, value));
    CHECK(world.accounts.strangers()[0] ==
          std::vector<std::string>{"--sum was not given, is valor=valor_total_por_vendedor"});
    CHECK(world.kinds() == Kinds{});
}
