// Jobs that only a statement says, audited: what the loops make of any statement over any records
// is proved, and what is forged of it is found. Two readings of one page: a difference between them
// is a fault of one of the two.
#include "kstream/audit/statement_audit.hpp"

#include "kstream/audit/accounts.hpp"
#include "kstream/audit/base_file.hpp"
#include "kstream/audit/ledger.hpp"
#include "kstream/audit/source_fold.hpp"
#include "kstream/codec/element.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/job/parse.hpp"
#include "support/fakes/audited_statement.hpp"
#include "support/fakes/seeded.hpp"
#include "support/random_record.hpp"
#include "support/random_statement.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::audit {
namespace {

using testing::audit_of;
using testing::AuditHeaders;
using testing::Seeded;

using Written = testing::WrittenRecord;  // to be forged
using World = testing::AuditedStatement;

constexpr std::string_view kSales =
    "SELECT k, count(*) AS n, sum(v) AS s, round(avg(v), 2) AS a, min(name::text) AS first, "
    "max(name::text) || '!' AS last, round(stddev_samp(v), 3) AS d, "
    "bool_or(v > 100) FILTER (WHERE name IS NOT NULL) AS large, kafka_header('region') AS region "
    "FROM t WHERE v > 0 GROUP BY k, kafka_header('region')";

World sales() {
    World world{kSales};
    for (int i = 1; i <= 40; ++i) {
        world.add(R"({"k":"k)" + std::to_string(i % 4) + R"(","v":)" + std::to_string(i * 7) +
                  R"(.25,"name":"n)" + std::to_string(i % 9) + R"("})");
    }
    world.add(R"({"k":"k1","v":-1,"name":"filtered"})");
    world.add(R"({"k":"k1","v":"1","name":"bad"})");
    world.commit();
    world.add(R"({"k":"k9","v":3,"name":"zz"})");
    world.add(R"({"k":"k1","v":1000,"name":"\u00e9"})");
    world.commit();
    return world;
}

std::vector<std::string> split(const std::string& line, char by) {
    std::vector<std::string> parts;
    std::istringstream in{line};
    for (std::string part; std::getline(in, part, by);) {
        parts.push_back(part);
    }
    return parts;
}

}  // namespace

TEST_CASE("what the loops make of a statement is proved", "[statement][audit]") {
    const World world = sales();
    const testing::Audited audited = world.audit();
    INFO(audited.text);
    CHECK(audited.kinds.empty());
    CHECK(world.results.size() == 6);
    CHECK(world.dead_letters == std::vector<std::string>{"number_type v"});
}

TEST_CASE("what the loops make of random statements is proved, dead letters and all",
          "[statement][audit]") {
    std::size_t judged = 0;
    std::size_t aggregated = 0;
    std::size_t bad = 0;
    for (std::uint64_t seed = 0; judged < 150; ++seed) {
        const std::string sql = test::RandomStatement{seed}.text();
        const auto parsed = job::parse(sql);
        if (!parsed) {
            continue;
        }
        INFO("seed " << seed << ": " << sql);
        World world{sql};
        Seeded random{seed};
        for (int i = 0; i < 60; ++i) {
            world.add(testing::record_for(*parsed, random));
            if (i % 20 == 19) {
                world.commit();
            }
        }
        const testing::Audited audited = world.audit();
        INFO(audited.text);
        REQUIRE(audited.kinds.empty());

        // Why, and what about, in the order of the records.
        const auto statement = audit_of(world.job);
        const auto fields = make_record_fields(*parsed);
        const AuditHeaders headers;
        std::vector<std::string> letters;
        for (const RecordView& record : world.all_of(TopicRole::source)) {
            REQUIRE_FALSE(fields->read(record.value()).has_value());
            const auto found = statement->judge(
                fields->values(), record,
                [&](const std::string& name) { return headers.header(record, name.c_str()); });
            if (found.fate == StatementAudit::Fate::bad) {
                letters.push_back(std::string{bad_reason_name(found.reason)} +
                                  (found.subject.empty() ? "" : " " + found.subject));
            }
            aggregated += found.fate == StatementAudit::Fate::aggregated ? 1 : 0;
        }
        REQUIRE(letters == world.dead_letters);
        bad += letters.size();
        ++judged;
    }
    CHECK(aggregated > 500);
    CHECK(bad > 500);
}

TEST_CASE("what is forged of a statement's job is found", "[statement][audit]") {
    World world = sales();
    const auto found = [&] {
        const testing::Audited audited = world.audit();
        INFO(audited.text);
        CHECK_FALSE(audited.text.empty());
        return audited.kinds;
    };
    // Of the last record of the key k9, which has one.
    const auto of_k9 = [](std::vector<Written>& all) -> Written& {
        for (Written& one : all) {
            if (one.key.contains("k9")) {
                return one;
            }
        }
        FAIL("k9 was written");
        return all.front();
    };
    // Another total in the row's place, its checksum and all.
    const auto forge_total = [&](const std::function<void(Row&)>& change) {
        Written& total = of_k9(world.changelog);
        std::vector<Slot> slots;
        TextStore texts;
        const auto transaction = decode_total_value(*total.value, world.job.kinds, slots, &texts);
        REQUIRE(transaction.has_value());
        Row row{world.job.kinds, slots, texts};
        change(row);
        const StoredRow stored{world.job.kinds, row};
        total.value->clear();
        append_total_value(*total.value, *transaction, world.job.kinds, stored.slots,
                           &stored.texts);
    };
    const auto slot_of = [&](AggregateKind kind) {
        const auto at = std::ranges::find(world.job.kinds, kind);
        REQUIRE(at != world.job.kinds.end());
        return static_cast<std::size_t>(at - world.job.kinds.begin());
    };
    using Kinds = std::vector<FindingKind>;
    SECTION("a sum") {
        forge_total([&](Row& row) { row.slots[slot_of(aggregate_named("sum"))] = Slot{1, true}; });
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
    SECTION("a text") {
        forge_total([&](Row& row) { row.texts[slot_of(kMinText)] = "zy"; });
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
    SECTION("a text that is missing") {
        forge_total([&](Row& row) { row.slots[slot_of(kMaxText)] = Slot{}; });
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
    SECTION("a total that is missing") {
        std::erase_if(world.changelog, [](const Written& one) { return one.key.contains("k9"); });
        CHECK(found() == Kinds{FindingKind::missing_total, FindingKind::broken_state});
    }
    SECTION("a total of a key that no record has") {
        Written extra = of_k9(world.changelog);
        extra.key.replace(extra.key.find("k9"), 2, "k7");
        world.changelog.insert(world.changelog.end() - 1, extra);
        CHECK(found() == Kinds{FindingKind::extra_total, FindingKind::broken_state});
    }
    SECTION("a column of a result") {
        std::string& value = *of_k9(world.results).value;
        value.replace(value.find("zz!"), 3, "zy!");
        CHECK(found() == Kinds{FindingKind::wrong_result});
    }
    SECTION("a result that is missing") {
        std::erase_if(world.results, [](const Written& one) { return one.key.contains("k9"); });
        CHECK(found() == Kinds{FindingKind::missing_result});
    }
    SECTION("a result that was taken back") {
        of_k9(world.results).value.reset();
        CHECK(found() == Kinds{FindingKind::missing_result});
    }
    SECTION("a result of a key that no record has") {
        Written extra = of_k9(world.results);
        extra.key.replace(extra.key.find("k9"), 2, "k7");
        extra.partition =
            partition_for_key(extra.key, static_cast<int>(world.job.identity.results_partitions));
        world.results.push_back(extra);
        CHECK(found() == Kinds{FindingKind::extra_result});
    }
    SECTION("a record that was filtered and is counted as a dead letter") {
        Written& last = world.changelog.back();
        auto meta = decode_meta_value(*last.value, world.job.kinds);
        REQUIRE(meta.has_value());
        RecordCounts& counts = meta->sources[0].counts;
        REQUIRE(counts.filtered == 1);
        --counts.filtered;
        ++counts.dead_lettered;
        last.value->clear();
        append_meta_value(*last.value, world.job.kinds, *meta);
        // By the source, and by the ledger.
        CHECK(found() == Kinds{FindingKind::wrong_counts, FindingKind::wrong_counts});
    }
}

TEST_CASE("an audit of a statement begins where a base ends", "[statement][audit]") {
    World world = sales();
    const testing::Audited first = world.audit();
    REQUIRE(first.kinds.empty());
    CHECK(first.read == 44);
    world.add(R"({"k":"k9","v":5,"name":"a"})");
    world.commit();
    const testing::Audited second = world.audit(first.base);
    INFO(second.text);
    CHECK(second.kinds.empty());
    CHECK(second.read == 1);
}

TEST_CASE("a key whose aggregates have taken nothing is a key", "[statement][audit]") {
    for (const std::string_view text :
         {"SELECT k, sum(v) FILTER (WHERE v > 5) AS s FROM t GROUP BY k",
          "SELECT k, a FROM t GROUP BY k, a", "SELECT sum(v) FILTER (WHERE v > 5) AS s FROM t"}) {
        World world{text};
        world.add(R"({"k":"x","a":1,"v":1})");
        world.add(R"({"k":"y","a":2,"v":1})");
        world.commit();
        const testing::Audited audited = world.audit();
        INFO(audited.text);
        CHECK(audited.kinds.empty());
        REQUIRE_FALSE(world.results.empty());
        world.results.front().value = "{}";
        CHECK(world.audit().kinds == std::vector{FindingKind::wrong_result});
    }
}

TEST_CASE("halves of the keys are counted as well, texts and all", "[statement][audit]") {
    const World world = sales();
    Findings findings;
    const AuditedJob audited =
        AuditedJob::of(world.job.spec, world.job.identity, audit_of(world.job));
    std::vector<KeyClass> todo{{}};
    std::size_t passes = 0;
    std::size_t keys = 0;
    UInt128 hash = 0;
    std::optional<Meta> meta;
    while (!todo.empty()) {
        // Less than what the five keys take.
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
        const AuditHeaders from;
        (void)source.aim(accounts.cut());
        source.fold(world.all_of(TopicRole::source), &from);
        halve();
        for (const Written& one : world.results) {
            accounts.take_result(world.view(one, 0),
                                 {.transaction = one.transaction, .run_id = one.run_id});
            halve();
        }
        source.arrive();
        source.compare(accounts.cut(), findings);
        const Comparison found = accounts.compare(true);
        keys += found.by_state[0].keys;
        hash += found.by_state[0].hash;
        meta = accounts.cut()[0];
        ++passes;
    }
    CHECK(passes > 1);
    CHECK(findings.count() == 0);
    CHECK(keys == meta->keys);
    CHECK(hash == meta->state_hash);
}

TEST_CASE("the audit's averages, variances and deviations are those of Python",
          "[statement][audit]") {
    std::ifstream table{KSTREAM_TEST_DATA "/finished_aggregates.tsv"};
    int rows = 0;
    for (std::string line; std::getline(table, line); ++rows) {
        CAPTURE(line);
        const std::vector<std::string> parts = split(line, '\t');
        REQUIRE(parts.size() == 9);
        const std::string digits = parts[1];
        std::string sql = "SELECT count(*) AS n";
        for (const char* const name : {"avg", "var_pop", "var_samp", "stddev_pop", "stddev_samp"}) {
            sql += std::string{", round("} + name + "(v), " + digits + ") AS " + name;
        }
        auto parsed = job::parse(sql + " FROM t", {.scale = std::stoi(parts[0])});
        REQUIRE(parsed.has_value());
        auto made = StatementAudit::make(
            std::make_shared<const job::StatementJob>(job::statement_job(*std::move(parsed), sql)),
            {});
        REQUIRE(made.has_value());
        const StatementAudit& audit = **made;
        const std::vector<AggregateKind> kinds = audit.job().plan.kinds();
        const auto fields = make_record_fields(audit.job().statement);
        Row row{kinds};
        RecordView record;
        for (const std::string& input : split(parts[3], ' ')) {
            const std::string text = "{\"v\":" + input + "e-" + parts[0] + "}";
            REQUIRE_FALSE(fields->read(text).has_value());
            const auto judged = audit.judge(fields->values(), record, {});
            REQUIRE(judged.fate == StatementAudit::Fate::aggregated);
            add_row(kinds, row, judged.row, kDefaultMaxDistinct);
        }
        for (int doubling = std::stoi(parts[2]); doubling > 0; --doubling) {
            add_row(kinds, row, Row{row}, kDefaultMaxDistinct);
        }
        const std::optional<std::string> result = audit.result({}, row);
        REQUIRE(result.has_value());
        std::string_view rest = *result;
        for (std::size_t i = 4; i < parts.size(); ++i) {
            rest.remove_prefix(rest.find(':', rest.find(',')) + 1);
            std::string said{rest.substr(0, rest.find_first_of(",}"))};
            std::string wanted = parts[i] == "NULL" ? "null" : parts[i];
            if (wanted.contains('.')) {
                wanted.resize(wanted.find_last_not_of('0') + 1);
                wanted.resize(wanted.ends_with('.') ? wanted.size() - 1 : wanted.size());
            }
            CHECK(said == wanted);
        }
    }
    CHECK(rows > 250);
}

TEST_CASE("HAVING says which keys have a result", "[statement][audit]") {
    const std::string sql =
        "SELECT k, sum(v) AS s FROM t GROUP BY k HAVING count(*) >= 2 AND (sum(v) > 3 OR "
        "sum(v) * 1e100 * 1e100 < 0)";
    auto parsed = job::parse(sql);
    REQUIRE(parsed.has_value());
    auto made = StatementAudit::make(
        std::make_shared<const job::StatementJob>(job::statement_job(*std::move(parsed), sql)), {});
    REQUIRE(made.has_value());
    const StatementAudit& audit = **made;
    const std::vector<AggregateKind> kinds = audit.job().plan.kinds();
    const GroupKey group{{{GroupValueType::string, "a"}}};
    const auto fields = make_record_fields(audit.job().statement);
    const auto result_of = [&](const std::vector<std::string>& values) {
        Row row{kinds};
        for (const std::string& value : values) {
            const std::string text = R"({"k":"a","v":)" + value + "}";
            REQUIRE_FALSE(fields->read(text).has_value());
            add_row(kinds, row, audit.judge(fields->values(), {}, {}).row, kDefaultMaxDistinct);
        }
        return audit.result(group, row);
    };
    CHECK(result_of({"2", "2"}) == R"({"k":"a","s":4})");
    CHECK(result_of({"4"}) == std::nullopt);         // false
    CHECK(result_of({"1", "1"}) == std::nullopt);    // an error: out of bounds
    CHECK(result_of({"-1", "-2"}) == std::nullopt);  // the same
}

TEST_CASE("what HAVING lets pass and takes back is proved, and what is forged of it found",
          "[statement][audit]") {
    World world{"SELECT k, sum(v) AS s FROM t GROUP BY k HAVING sum(v) BETWEEN 10 AND 20"};
    const auto found = [&] {
        const testing::Audited audited = world.audit();
        INFO(audited.text);
        return audited.kinds;
    };
    using Kinds = std::vector<FindingKind>;
    world.add(R"({"k":"a","v":10})");
    world.add(R"({"k":"b","v":9})");
    world.add(R"({"k":"c","v":11})");
    world.commit();
    CHECK(world.results.size() == 2);
    CHECK(found() == Kinds{});
    world.add(R"({"k":"a","v":11})");  // no longer
    world.add(R"({"k":"b","v":1})");   // at last
    world.commit();
    REQUIRE(world.results.size() == 4);
    CHECK(found() == Kinds{});

    const auto last_of = [&world](std::vector<Written>& all, std::string_view key) -> Written& {
        Written* last = nullptr;
        for (Written& one : all) {
            last = one.key.contains(key) && one.key != meta_key() ? &one : last;
        }
        REQUIRE(last != nullptr);
        return *last;
    };
    SECTION("a result that was not taken back") {
        last_of(world.results, "a").value = R"({"k":"a","s":21})";
        CHECK(found() == Kinds{FindingKind::extra_result});
    }
    SECTION("a result that was taken back") {
        last_of(world.results, "b").value.reset();
        CHECK(found() == Kinds{FindingKind::missing_result});
    }
    SECTION("a total that says otherwise") {
        Written& total = last_of(world.changelog, "a");
        std::vector<Slot> slots;
        TextStore texts;
        bool published = true;
        const auto transaction =
            decode_total_value(*total.value, world.job.kinds, slots, &texts, &published);
        REQUIRE(transaction.has_value());
        REQUIRE_FALSE(published);
        total.value->clear();
        append_total_value(*total.value, *transaction, world.job.kinds, slots, &texts, true);
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
}

namespace {

constexpr std::string_view kBuyers =
    "SELECT k, count(*) AS n, count(DISTINCT who) AS buyers, count(DISTINCT v) FILTER (WHERE v > 2)"
    " AS amounts FROM t GROUP BY k";

World buyers() {
    World world{kBuyers};
    for (int i = 0; i < 60; ++i) {
        world.add(R"({"k":"k)" + std::to_string(i % 2) + R"(","who":")" +
                  (i % 5 == 0 ? "somebody with a long name " : "b") + std::to_string(i % 7) +
                  R"(","v":)" + std::to_string(i % 9) + (i % 3 == 0 ? ".50" : ".5") + "}");
        if (i % 20 == 19) {
            world.commit();
        }
    }
    return world;
}

bool is_element(const Written& written) {
    return written.key.front() == kElementKeyByte;
}

}  // namespace

TEST_CASE("the elements of sets are proved", "[statement][audit]") {
    World world = buyers();
    const auto found = [&] {
        const testing::Audited audited = world.audit();
        UNSCOPED_INFO(audited.text);
        return audited.kinds;
    };
    using Kinds = std::vector<FindingKind>;
    const auto element = std::ranges::find_if(world.changelog, is_element);
    REQUIRE(element != world.changelog.end());
    SECTION("as they are") {
        CHECK(found().empty());
        CHECK(std::ranges::count_if(world.changelog, is_element) > 30);
    }
    SECTION("and kept by a base") {
        const std::string base = world.audit().base;
        world.add(R"({"k":"k0","who":"b1","v":1})");
        world.add(R"({"k":"k0","who":"b99","v":77})");
        world.add(R"({"k":"k5","who":"b1","v":1})");
        world.commit();
        const testing::Audited audited = world.audit(base);
        INFO(audited.text);
        CHECK(audited.kinds.empty());
        CHECK(audited.read == 3);
    }
    SECTION("one that is missing") {
        world.changelog.erase(element);
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
    SECTION("one in another's place") {
        OwnedElement other = *decode_element_key(element->key);
        other.element = element_of({GroupValueType::string, "nobody"});
        element->key.clear();
        append_element_key(element->key, other);
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
    SECTION("one too many") {
        Written extra = *element;
        OwnedElement other = *decode_element_key(extra.key);
        other.element = element_of({GroupValueType::string, "nobody"});
        extra.key.clear();
        append_element_key(extra.key, other);
        world.changelog.insert(element, extra);
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
    SECTION("one under a number that no key has") {
        Written extra = *element;
        OwnedElement other = *decode_element_key(extra.key);
        other.owner = ElementOwner{77, other.owner.accumulator()};
        extra.key.clear();
        append_element_key(extra.key, other);
        world.changelog.insert(element, extra);
        CHECK(found() == Kinds{FindingKind::broken_state});
    }
    SECTION("one of an accumulator that is no set") {
        OwnedElement other = *decode_element_key(element->key);
        element->key.clear();
        append_element_key(element->key, {ElementOwner{other.owner.number(), 0}, other.element});
        CHECK(found().front() == FindingKind::damaged);
    }
    SECTION("one after the meta record of its transaction") {
        const Written late = *element;
        world.changelog.erase(element);
        world.changelog.push_back(late);
        CHECK(found() == Kinds{FindingKind::foreign});
    }
    SECTION("a number that another key has") {
        for (Written& total : world.changelog) {
            if (total.key.contains("k1")) {
                std::vector<Slot> slots;
                std::uint64_t number = 0;
                const auto transaction = decode_total_value(*total.value, world.job.kinds, slots,
                                                            nullptr, nullptr, &number);
                REQUIRE(transaction.has_value());
                total.value->clear();
                append_total_value(*total.value, *transaction, world.job.kinds, slots, nullptr, {},
                                   3 - number);
            }
        }
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
}

TEST_CASE("the values of multisets are proved", "[statement][audit]") {
    World world{
        "SELECT k, percentile_disc(0.5) WITHIN GROUP (ORDER BY v::numeric) AS p FROM t "
        "GROUP BY k"};
    for (int i = 0; i < 60; ++i) {
        world.add(R"({"k":"k)" + std::to_string(i % 2) + R"(","v":)" + std::to_string(i % 9 - 4) +
                  (i % 3 == 0 ? ".50}" : ".5}"));
        if (i % 20 == 19) {
            world.commit();
        }
    }
    const auto found = [&] {
        const testing::Audited audited = world.audit();
        UNSCOPED_INFO(audited.text);
        return audited.kinds;
    };
    using Kinds = std::vector<FindingKind>;
    const auto last =
        std::ranges::find_if(world.changelog.rbegin(), world.changelog.rend(), is_element);
    REQUIRE(last != world.changelog.rend());
    const auto element = std::prev(last.base());
    SECTION("as they are") {
        CHECK(found().empty());
    }
    SECTION("and kept by a base") {
        const std::string base = world.audit().base;
        world.add(R"({"k":"k0","v":1.5})");
        world.add(R"({"k":"k0","v":77})");
        world.add(R"({"k":"k5","v":1})");
        world.commit();
        const testing::Audited audited = world.audit(base);
        INFO(audited.text);
        CHECK(audited.kinds.empty());
        CHECK(audited.read == 3);
    }
    SECTION("one that is missing") {
        world.changelog.erase(element);
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
    SECTION("one that is there more often") {
        const Result<ElementCount> count = decode_element_value(*element->value);
        REQUIRE(count);
        element->value->clear();
        append_element_value(*element->value, count->transaction, count->count + 1);
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
    SECTION("another value, as often") {
        OwnedValue other = *decode_value_key(element->key);
        other.value += 1;
        element->key.clear();
        append_value_key(element->key, other.owner, other.value);
        CHECK(found() == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
}

TEST_CASE("what the audit cannot prove is refused by name", "[statement][audit]") {
    const auto refused = [](const std::string& sql, const StatementAudit::ZoneBytes& zones = {}) {
        auto parsed = job::parse(sql);
        REQUIRE(parsed.has_value());
        auto made = StatementAudit::make(
            std::make_shared<const job::StatementJob>(job::statement_job(*std::move(parsed), sql)),
            zones);
        REQUIRE_FALSE(made.has_value());
        CHECK(made.error().exit_code == ExitCode::usage);
        return made.error().message;
    };
    const std::string zoned =
        "SELECT date_trunc('day', kafka_timestamp, 'America/Nowhere') AS d, count(*) AS n FROM t "
        "GROUP BY date_trunc('day', kafka_timestamp, 'America/Nowhere')";
    CHECK(refused(zoned).contains("'America/Nowhere', which this machine does not know"));
    CHECK(refused(zoned, [](std::string_view) {
              return std::optional<std::string>{"TZif?"};
          }).contains("has a file that the audit cannot read"));
}

}  // namespace kstream::audit
