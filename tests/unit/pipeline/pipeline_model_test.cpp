// The whole pipeline over a log in memory: a map loop and a totals loop through random commits,
// aborts, uncertain outcomes that land before or after, late markers, stale fetches, rebalances and
// crashes. Whatever happens, the totals are in the end the plain fold of the input. And two totals
// loops of one group, of which one publishes again.
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "support/fakes/batches.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/model_member.hpp"
#include "support/fakes/model_world.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::kSourcePartitions;
using testing::kStatePartitions;
using testing::Member;
using testing::MemoryLog;
using testing::ModelWorld;
using testing::visible;

Job job_of_flags() {
    return testing::make_job(kStatePartitions, kSourcePartitions);
}

// With the same two slots, in the same order.
Job job_of_statement() {
    return testing::make_statement_job(
        "SELECT id_vendedor, sum(valor) AS total, count(*) AS n, "
        "round(sum(valor) / count(*), 2) AS media FROM financial_transactions "
        "WHERE metodo IS DISTINCT FROM 'nenhum' GROUP BY id_vendedor",
        kStatePartitions, kSourcePartitions);
}

// The input, and the fold of it.
struct Expected {
    // Some are filtered where there is a WHERE.
    void add(ModelWorld& world, bool has_where) {
        const auto partition = static_cast<std::int32_t>(world.random.below(kSourcePartitions));
        RecordCounts& count = counts[PartitionId{partition}];
        ++count.read;
        std::optional<std::string> value;
        if (world.random.chance(5)) {
            ++count.tombstones;
        } else if (world.random.chance(5)) {
            ++count.dead_lettered;
            value = "not json";
        } else if (has_where && world.random.chance(10)) {
            ++count.filtered;
            value = R"({"id_vendedor":"a","valor":1,"metodo":"nenhum"})";
        } else {
            ++count.aggregated;
            const std::string seller = world.random.text(1, 8);
            const std::uint64_t units = world.random.below(1000);
            value = R"({"id_vendedor":")" + seller + R"(","valor":)" + std::to_string(units) + "}";
            std::vector<Slot>& total =
                totals.try_emplace(testing::seller_key(seller), 2).first->second;
            merge_slot(aggregate_named("sum"), total[0], {Int128{units} * 1'000'000'000, true});
            merge_slot(aggregate_named("count"), total[1], {1, true});
        }
        const Offset at =
            world.log.append(TopicRole::source, partition, "tx", value, world.clock.wall_ms());
        if (value == "not json") {
            dead_letters.emplace_back(partition, at.value);
        }
    }

    std::map<std::string, std::vector<Slot>> totals;
    std::map<PartitionId, RecordCounts> counts;
    std::vector<std::pair<std::int32_t, std::int64_t>> dead_letters;
};

// Of the statement's job: what is published of a key last is what its total comes to.
void check_results(const ModelWorld& world, const Expected& expected) {
    std::map<std::string, std::string> published;
    for (std::int32_t r = 0; r < 3; ++r) {
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::results, r)) {
            published[*entry->key] = *entry->value;
        }
    }
    REQUIRE(published.size() == expected.totals.size());
    for (const auto& [state_key, total] : expected.totals) {
        GroupKey group;
        REQUIRE(decode_state_key(state_key, 1, group));
        const std::uint64_t sum =
            static_cast<std::uint64_t>(total[0].value().low_128() / 1'000'000'000);
        const auto n = static_cast<std::uint64_t>(total[1].value().low_128());
        const std::uint64_t hundredths = (200 * sum + n) / (2 * n);
        std::string mean = std::to_string(hundredths / 100);
        if (hundredths % 100 != 0) {
            mean += "." + std::to_string(hundredths % 100 / 10);
            mean += hundredths % 10 != 0 ? std::to_string(hundredths % 10) : "";
        }
        std::string key;
        append_result_key(key, group);
        std::string value = R"({"id_vendedor":)";
        append_json_string(value, group.values[0].text);
        value += R"(,"total":)" + std::to_string(sum) + R"(,"n":)" + std::to_string(n) +
                 R"(,"media":)" + mean + "}";
        REQUIRE(published[key] == value);
    }
}

void check_totals(const ModelWorld& world, const Job& job, const Expected& expected) {
    std::map<std::string, std::vector<Slot>> totals;
    for (std::int32_t q = 0; q < kStatePartitions; ++q) {
        std::optional<Meta> meta;
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::changelog, q)) {
            if (*entry->key == meta_key()) {
                Result<Meta> read = decode_meta_value(*entry->value, job.kinds);
                REQUIRE(read);
                meta = *read;
                continue;
            }
            std::vector<Slot> slots;
            REQUIRE(decode_total_value(*entry->value, job.kinds, slots));
            std::vector<Slot>& total = totals[std::string{total_state_key(*entry->key)}];
            // No total that a reader sees ever falls.
            REQUIRE((total.empty() || total[1].value().low_128() < slots[1].value().low_128()));
            total = slots;
        }
        REQUIRE(meta);
        REQUIRE(meta->sources.size() == static_cast<std::size_t>(kSourcePartitions));
        for (const SourceProgress& source : meta->sources) {
            REQUIRE(source.applied == world.log.end(TopicRole::source, source.partition));
            const auto counts = expected.counts.find(source.partition);
            REQUIRE(source.counts ==
                    (counts == expected.counts.end() ? RecordCounts{} : counts->second));
        }
    }
    REQUIRE(totals == expected.totals);

    std::vector<std::pair<std::int32_t, std::int64_t>> letters;
    for (const MemoryLog::Entry* entry : visible(world, TopicRole::dead_letters, 0)) {
        letters.emplace_back(std::stoi(entry->headers.at(2).second.value()),
                             std::stoll(entry->headers.at(3).second.value()));
    }
    std::ranges::sort(letters);
    std::vector<std::pair<std::int32_t, std::int64_t>> expected_letters = expected.dead_letters;
    std::ranges::sort(expected_letters);
    REQUIRE(letters == expected_letters);
}

testing::RecordingLog run_history(std::uint64_t seed, const Job& job) {
    ModelWorld world{seed};
    Expected expected;
    auto map = std::make_unique<Member>(world, job, Stage::map);
    auto totals = std::make_unique<Member>(world, job, Stage::totals);
    const auto crash = [&world, &job](std::unique_ptr<Member>& member, Stage stage) {
        member->sink.end_orphan();
        if (world.random.chance(20)) {
            member->group.clear();  // down for so long that its offsets have expired
        }
        member = std::make_unique<Member>(world, job, stage);
    };
    for (int tick = 0; tick < 600; ++tick) {
        if (world.random.chance(30)) {
            expected.add(world, job.statement != nullptr);
        }
        if (world.random.chance(10)) {
            world.write_marker();
        }
        for (Member* member : {map.get(), totals.get()}) {
            member->rebalance();
            if (world.random.chance(3)) {
                member->fetch_again();
            }
            for (std::size_t i = world.random.below(4); i > 0; --i) {
                member->run_once();
            }
        }
        if (world.random.chance(1)) {
            crash(map, Stage::map);
        }
        if (world.random.chance(1)) {
            crash(totals, Stage::totals);
        }
    }
    world.calm = true;
    world.write_marker();
    for (int tick = 0; tick < 5000 && !(map->at_end() && totals->at_end()); ++tick) {
        for (Member* member : {map.get(), totals.get()}) {
            member->rebalance();
            member->run_once();
        }
    }
    REQUIRE(map->at_end());
    REQUIRE(totals->at_end());
    check_totals(world, job, expected);
    if (job.statement != nullptr) {
        check_results(world, expected);
    }
    return world.recorded;
}

}  // namespace

TEST_CASE("through any history of faults the totals are the fold of the input") {
    // What has to have happened, again and again, or the test shows nothing.
    std::map<std::string, std::size_t> seen{
        {"reason=aborted", 0},      {"outcome=committed", 0}, {"outcome=not committed", 0},
        {"outcome=superseded", 0},  {"partitions lost", 0},   {"partitions revoked", 0},
        {"giving it up", 0},        {"partition opened", 0},  {"totals restored", 0},
        {"where its chain ends", 0}};
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        CAPTURE(seed);
        const testing::RecordingLog recorded = run_history(seed, job_of_flags());
        for (auto& [event, count] : seen) {
            count += recorded.count(event);
        }
    }
    for (const auto& [event, count] : seen) {
        CAPTURE(event);
        CHECK(count >= 10);
    }
}

namespace {

void run_until(Member& member, const std::function<bool()>& done) {
    for (int tick = 0; tick < 10'000 && !done(); ++tick) {
        member.run_once();
    }
    REQUIRE(done());
}

// A map step that has moved the source partition's position by one.
void add_map_step(ModelWorld& world, std::int32_t state, std::int64_t from) {
    const std::string value =
        from < 0
            ? testing::batch_value(testing::open_header({{0, 0}}))
            : testing::batch_value(testing::step_header({testing::source_range(0, from, from + 1)},
                                                        static_cast<std::uint64_t>(from) + 1),
                                   {{testing::seller_key("a"), testing::amounts(10, 1)}});
    world.log.append(TopicRole::repartition, state, std::nullopt, value, world.clock.wall_ms());
}

void run_to_end(Member& member) {
    run_until(member, [&member] {
        const auto committed = member.loop->committed_positions();
        return !committed.empty() && std::ranges::all_of(committed, [&](const auto& at) {
            return at.position == member.world.log.end(member.input, at.partition);
        });
    });
}

// Of the committed meta records, in log order.
std::vector<std::uint64_t> transactions(const ModelWorld& world, const Job& job,
                                        std::int32_t state) {
    std::vector<std::uint64_t> numbers;
    for (const MemoryLog::Entry* entry : visible(world, TopicRole::changelog, state)) {
        if (*entry->key == meta_key()) {
            numbers.push_back(decode_meta_value(*entry->value, job.kinds).value().transaction);
        }
    }
    return numbers;
}

}  // namespace

// The second of two transactions of one number would have replaced the first one's totals, and an
// audit would have found both.
TEST_CASE("P1: who was left out while another one published again gives no number twice") {
    const Job job = testing::make_job();
    ModelWorld world{1};
    world.calm = true;
    Member left_out{world, job, Stage::totals};
    add_map_step(world, 0, -1);
    add_map_step(world, 0, 0);
    left_out.source.assign({0});
    run_to_end(left_out);
    const std::vector<std::uint64_t> before = transactions(world, job, 0);
    const Offset position = world.totals_group.at(PartitionId{0}).offset;

    // The group makes a generation without it, in which another one gets the partition.
    Member other{world, job, Stage::totals, true};
    other.source.assign({0});
    run_until(other, [&other] { return other.fold->status().written_again.size() == 1; });
    other.source.revoke({0});
    run_until(other, [&other] { return !other.source.owns(0); });
    REQUIRE(transactions(world, job, 0).size() == before.size() + 1);
    REQUIRE(world.totals_group.at(PartitionId{0}).offset == position);

    // Then it is in the group again, and has what it had.
    left_out.source.miss_generation();
    add_map_step(world, 0, 1);
    run_to_end(left_out);
    const std::vector<std::uint64_t> after = transactions(world, job, 0);
    REQUIRE(after.size() > before.size() + 1);
    for (std::size_t i = 0; i < after.size(); ++i) {
        CHECK(after[i] == i + 1);
    }
}

TEST_CASE("P1: who stays while another one joins and publishes again restores nothing anew") {
    const Job job = testing::make_job();
    ModelWorld world{1};
    world.calm = true;
    Member stays{world, job, Stage::totals};
    for (const std::int32_t state : {0, 1}) {
        add_map_step(world, state, -1);
        add_map_step(world, state, 0);
    }
    stays.source.assign({0, 1});
    run_to_end(stays);
    REQUIRE(stays.reader.opened.size() == 2);

    stays.source.revoke({1});
    run_until(stays, [&stays] { return !stays.source.owns(1); });
    Member other{world, job, Stage::totals, true};
    other.source.assign({1});
    stays.source.assign({});
    run_until(other, [&other] { return other.fold->status().written_again.size() == 1; });
    for (const std::int32_t state : {0, 1}) {
        add_map_step(world, state, 1);
    }
    run_to_end(stays);
    run_to_end(other);
    CHECK(stays.reader.opened.size() == 2);
    CHECK(stays.fold->state().keys == 1);
    for (const std::int32_t state : {0, 1}) {
        const std::vector<std::uint64_t> numbers = transactions(world, job, state);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            CHECK(numbers[i] == i + 1);
        }
    }
}

TEST_CASE("through any history of faults the totals of a statement are the fold of the input") {
    const Job job = job_of_statement();
    std::size_t restored = 0;
    for (std::uint64_t seed = 1001; seed <= 1150; ++seed) {
        CAPTURE(seed);
        restored += run_history(seed, job).count("totals restored");
    }
    CHECK(restored >= 10);
}

}  // namespace kstream
