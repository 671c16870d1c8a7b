// Delta batches into totals (P2): chunks of one map step are applied whole, in any interleaving.
#include "kstream/pipeline/totals_fold.hpp"

#include "kstream/core/murmur2.hpp"
#include "support/fakes/batches.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::amounts;
using testing::batch_value;
using testing::Delta;
using testing::MemoryLog;
using testing::open_header;
using testing::RecordingLog;
using testing::Seeded;
using testing::seller_key;
using testing::source_range;
using testing::step_header;

const Job kJob = testing::make_job();

// A fold with its repartition log. Everything that is appended is folded at once.
struct Bench {
    explicit Bench(TotalsFoldConfig config = {}) : fold(kJob, config, recorded) {
        fold.install(std::make_unique<TotalsState>(kJob, PartitionId{0}));
        fold.install(std::make_unique<TotalsState>(kJob, PartitionId{1}));
    }

    Result<void> add(const std::string& value, std::int32_t partition = 0) {
        const Offset at = log.append(TopicRole::repartition, partition, std::nullopt, value);
        const std::vector<RecordView> records{
            log.view(TopicRole::repartition, PartitionId{partition}, at)};
        return fold.fold(records);
    }
    void open(const std::vector<std::pair<std::int32_t, std::int64_t>>& bases,
              std::int32_t partition = 0) {
        REQUIRE(add(batch_value(open_header(bases)), partition));
    }
    // Seals the partitions at the ends of their logs and commits.
    OutputBatch commit(const std::vector<std::int32_t>& partitions = {0}) {
        Step step = sealed(partitions);
        fold.committed(0);
        return std::move(step.outputs);
    }
    Step sealed(const std::vector<std::int32_t>& partitions = {0}) {
        Step step;
        for (const std::int32_t partition : partitions) {
            const PartitionId id{partition};
            step.ranges.push_back({id, Offset{0}, log.end(TopicRole::repartition, id)});
        }
        REQUIRE(fold.can_seal());
        REQUIRE(fold.seal(step));
        return step;
    }
    [[nodiscard]] const FoldStatus& status() const { return fold.status(); }
    [[nodiscard]] StateStatus state() const { return fold.state(); }

    MemoryLog log;
    RecordingLog recorded;
    TotalsFold fold;
};

// Totals of partition 0 as the changelog of a step has them.
std::map<std::string, std::vector<Slot>> totals_of(const OutputBatch& out) {
    std::map<std::string, std::vector<Slot>> totals;
    for (const OutputBatch::Record& record : out.records()) {
        if (record.topic != TopicRole::changelog || out.key(record) == meta_key()) {
            continue;
        }
        std::vector<Slot> slots;
        REQUIRE(decode_total_value(*out.value(record), kJob.kinds, slots));
        totals[std::string{total_state_key(*out.key(record))}] = slots;
    }
    return totals;
}

Meta meta_of(const OutputBatch& out) {
    const OutputBatch::Record& last = out.records().back();
    REQUIRE(out.key(last) == meta_key());
    Result<Meta> meta = decode_meta_value(*out.value(last), kJob.kinds);
    REQUIRE(meta);
    return *meta;
}

// The chunks of one map step over [from, to) of source partition p.
std::vector<std::string> chunks(std::uint64_t run, std::uint64_t step, std::int32_t p,
                                std::int64_t from, std::int64_t to,
                                const std::vector<std::vector<Delta>>& deltas) {
    std::vector<std::string> values;
    BatchHeader header = step_header({source_range(p, from, to)}, step);
    header.run_id = run;
    header.chunks = static_cast<std::uint32_t>(deltas.size());
    for (const std::vector<Delta>& part : deltas) {
        values.push_back(batch_value(header, part));
        ++header.chunk;
    }
    return values;
}

bool is_integrity(const Result<void>& result, std::string_view part) {
    return !result && result.error().exit_code == ExitCode::integrity &&
           result.error().message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("deltas of a step are merged into totals") {
    Bench b;
    b.open({{0, 0}});
    REQUIRE(
        b.add(batch_value(step_header({source_range(0, 0, 2)}, 1),
                          {{seller_key("a"), amounts(5, 1)}, {seller_key("b"), amounts(7, 1)}})));
    REQUIRE(b.add(
        batch_value(step_header({source_range(0, 2, 3)}, 2), {{seller_key("a"), amounts(-1, 1)}})));
    const OutputBatch out = b.commit();
    CHECK(totals_of(out) ==
          std::map<std::string, std::vector<Slot>>{{seller_key("a"), amounts(4, 2)},
                                                   {seller_key("b"), amounts(7, 1)}});
    CHECK(meta_of(out).repartition_position == Offset{3});
    CHECK(meta_of(out).sources.at(0).applied == Offset{3});
    CHECK(b.status().records_read == 3);
    CHECK(b.status().records_aggregated == 3);
    CHECK(b.state().keys == 2);
}

TEST_CASE("each partition has its own state") {
    Bench b;
    b.open({{0, 0}}, 0);
    b.open({{0, 0}}, 1);
    REQUIRE(b.add(
        batch_value(step_header({source_range(0, 0, 2)}), {{seller_key("a"), amounts(5, 1)}}), 0));
    const OutputBatch first = b.commit({0});
    CHECK(totals_of(first).size() == 1);
    REQUIRE(b.add(batch_value(step_header({source_range(0, 0, 2)})), 1));
    CHECK(totals_of(b.commit({1})).empty());
}

// A state that was restored from what three keys' steps have written.
std::unique_ptr<TotalsState> restored(const std::vector<const char*>& keys) {
    Bench before;
    before.open({{0, 0}});
    std::vector<Delta> deltas;
    for (const char* key : keys) {
        deltas.push_back({seller_key(key), amounts(5, 1)});
    }
    REQUIRE(before.add(batch_value(step_header({source_range(0, 0, 1)}, 1), deltas)));
    const OutputBatch out = before.commit();
    auto state = std::make_unique<TotalsState>(kJob, PartitionId{0});
    for (const OutputBatch::Record& record : out.records()) {
        if (record.topic == TopicRole::changelog) {
            REQUIRE(state->restore(*out.key(record), *out.value(record)));
        }
    }
    REQUIRE(state->finish_restore());
    return state;
}

std::size_t results_in(const OutputBatch& out) {
    return static_cast<std::size_t>(
        std::ranges::count(out.records(), TopicRole::results, &OutputBatch::Record::topic));
}

// As (topic, key, value), one after the other.
std::vector<std::string> records_of(const OutputBatch& out) {
    std::vector<std::string> all;
    for (const OutputBatch::Record& record : out.records()) {
        all.push_back(std::to_string(static_cast<int>(record.topic)) + ' ' +
                      std::string{out.key(record).value_or("")} + ' ' +
                      std::string{out.value(record).value_or("none")});
    }
    return all;
}

TEST_CASE("a step that is handed over in parts writes what it would in one piece") {
    struct Parts final : StepWriter {
        void write_ahead(StepPart part) override {
            all.append_all(part.outputs);
            log_ends.push_back(part.log_ends.size());
        }
        OutputBatch all;
        std::vector<std::size_t> log_ends;
    };
    std::vector<std::vector<std::string>> written;
    std::vector<OutputBatch::Volumes> volumes;
    Parts parts;
    for (StepWriter* const writer :
         {static_cast<StepWriter*>(nullptr), static_cast<StepWriter*>(&parts)}) {
        TotalsFoldConfig config;
        config.part_bytes = 1;
        Bench b{config};
        for (const std::int32_t p : {0, 1}) {
            b.open({{0, 0}}, p);
            REQUIRE(b.add(
                batch_value(step_header({source_range(0, 0, 3)}, 1),
                            {{seller_key("a"), amounts(5, 1)}, {seller_key("b"), amounts(7, 2)}}),
                p));
        }
        Step step;
        step.writer = writer;
        for (const std::int32_t p : {0, 1}) {
            step.ranges.push_back({PartitionId{p}, Offset{0}, Offset{2}});
        }
        REQUIRE(b.fold.seal(step));
        CHECK(step.log_ends.size() == 2);
        volumes.push_back(step.outputs.volumes());
        parts.all.append_all(step.outputs);
        written.push_back(records_of(parts.all));
        parts.all.clear();
    }
    CHECK(written[0].size() == 10);  // two totals, two results and meta of each partition
    CHECK(written[0] == written[1]);
    CHECK(volumes[0] == volumes[1]);
    // All were known from the first part on.
    CHECK(parts.log_ends == std::vector<std::size_t>(10, 2));
}

TEST_CASE("all totals that are taken over are written again, a bounded number in each step") {
    TotalsFoldConfig config;
    config.write_again = true;
    config.max_again_keys = 2;
    Bench b{config};
    // Nothing is in the two that the bench begins with.
    CHECK(b.fold.more_to_write().empty());
    CHECK(b.status().written_again == std::vector{PartitionId{0}, PartitionId{1}});

    const std::vector<const char*> keys{"a", "b", "c", "d", "e"};
    TotalsFold fold{kJob, config, b.recorded};
    const auto step_of = [&fold] {
        Step step;
        step.ranges.push_back({PartitionId{0}, Offset{2}, Offset{2}});
        REQUIRE(fold.more_to_write() == std::vector{PartitionId{0}});
        REQUIRE(fold.seal(step));
        return std::move(step.outputs);
    };
    fold.install(restored(keys));
    std::map<std::string, std::vector<Slot>> all;
    const auto take = [&all](const OutputBatch& out) {
        for (const auto& [key, slots] : totals_of(out)) {
            CHECK(all.emplace(key, slots).second);
        }
        return results_in(out);
    };
    const OutputBatch first = step_of();
    CHECK(take(first) == 2);
    CHECK(meta_of(first).transaction == 2);
    fold.committed(0);
    // A step that is taken back is written again.
    CHECK(results_in(step_of()) == 2);
    fold.undo_filling();
    fold.undo_in_flight();
    CHECK(take(step_of()) == 2);
    fold.committed(0);
    CHECK(fold.status().written_again.empty());
    const OutputBatch last = step_of();
    CHECK(take(last) == 1);
    CHECK(fold.more_to_write().empty());
    fold.committed(0);
    CHECK(all.size() == 5);
    CHECK(all.at(seller_key("a")) == amounts(5, 1));
    CHECK(meta_of(last).keys == 5);
    CHECK(meta_of(last).state_hash == meta_of(first).state_hash);
    CHECK(fold.status().written_again == std::vector{PartitionId{0}});
    CHECK(fold.status().keys_written_again == 5);
    // Taken over once more by the same loop, it has been done.
    fold.drop(std::vector{PartitionId{0}});
    fold.install(restored(keys));
    CHECK(fold.more_to_write().empty());
}

TEST_CASE("a key that changes while totals are written again is written once in a step") {
    TotalsFoldConfig config;
    config.write_again = true;
    RecordingLog recorded;
    TotalsFold fold{kJob, config, recorded};
    fold.install(restored({"a", "b"}));
    MemoryLog log;
    const Offset at = log.append(
        TopicRole::repartition, 0, std::nullopt,
        batch_value(step_header({source_range(0, 1, 2)}, 2),
                    {{seller_key("b"), amounts(1, 1)}, {seller_key("c"), amounts(2, 1)}}));
    REQUIRE(fold.fold(std::vector{log.view(TopicRole::repartition, PartitionId{0}, at)}));
    Step step;
    step.ranges.push_back({PartitionId{0}, Offset{2}, Offset{3}});
    REQUIRE(fold.seal(step));
    CHECK(results_in(step.outputs) == 3);
    CHECK(totals_of(step.outputs) ==
          std::map<std::string, std::vector<Slot>>{{seller_key("a"), amounts(5, 1)},
                                                   {seller_key("b"), amounts(6, 2)},
                                                   {seller_key("c"), amounts(2, 1)}});
    fold.committed(0);
    CHECK(fold.more_to_write().empty());
}

TEST_CASE("P2: a step that comes again is counted and dropped") {
    Bench b;
    b.open({{0, 0}});
    const std::string value =
        batch_value(step_header({source_range(0, 0, 2)}), {{seller_key("a"), amounts(5, 1)}});
    REQUIRE(b.add(value));
    REQUIRE(b.add(value));
    CHECK(totals_of(b.commit()).at(seller_key("a")) == amounts(5, 1));
    CHECK(b.status().duplicate_steps == 1);
    CHECK(b.recorded.has("came again"));
}

TEST_CASE("P2: a gap stops the loop and names the record") {
    Bench b;
    b.open({{0, 0}});
    const Result<void> done = b.add(batch_value(step_header({source_range(0, 1, 2)})));
    REQUIRE(is_integrity(done, "chain of source ranges is broken"));
    CHECK(done.error().message.find("repartition partition 0 offset 1") != std::string::npos);
}

TEST_CASE("P2: chunks of steps of several workers may stand between each other") {
    // All orders in which three steps of two or three chunks can come: each step's in its order.
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        CAPTURE(seed);
        Seeded random{seed};
        Bench b;
        b.open({{0, 0}, {1, 0}, {2, 0}});
        const std::vector<Delta> one{{seller_key("a"), amounts(1, 1)}};
        const std::vector<Delta> two{{seller_key("a"), amounts(10, 1)},
                                     {seller_key("b"), amounts(100, 1)}};
        // Two workers with the same step number, distinguished by their run ids.
        std::vector<std::vector<std::string>> steps{chunks(7, 1, 0, 0, 5, {one, two}),
                                                    chunks(8, 1, 1, 0, 5, {one, one, two}),
                                                    chunks(9, 4, 2, 0, 5, {two, one, {}})};
        std::vector<std::size_t> next(steps.size());
        for (std::size_t left = 8; left > 0;) {
            const std::size_t which = random.below(steps.size());
            if (next[which] == steps[which].size()) {
                continue;
            }
            REQUIRE(b.add(steps[which][next[which]++]));
            --left;
            const bool half = [&] {
                for (std::size_t i = 0; i < steps.size(); ++i) {
                    if (next[i] > 0 && next[i] < steps[i].size()) {
                        return true;
                    }
                }
                return false;
            }();
            REQUIRE(b.fold.can_seal() == !half);
        }
        CHECK(totals_of(b.commit()) ==
              std::map<std::string, std::vector<Slot>>{{seller_key("a"), amounts(34, 7)},
                                                       {seller_key("b"), amounts(300, 3)}});
        CHECK(b.status().duplicate_steps == 0);
    }
}

TEST_CASE("P2: half-read steps of two partitions do not mix") {
    Bench b;
    b.open({{0, 0}}, 0);
    b.open({{0, 0}}, 1);
    const std::vector<Delta> delta{{seller_key("a"), amounts(1, 1)}};
    const std::vector<std::string> step = chunks(7, 1, 0, 0, 5, {delta, delta});
    REQUIRE(b.add(step[0], 0));
    REQUIRE(b.add(step[0], 1));
    REQUIRE(b.add(step[1], 0));
    CHECK_FALSE(b.fold.can_seal());
    REQUIRE(b.add(step[1], 1));
    CHECK(b.fold.can_seal());
}

TEST_CASE("P2: all chunks of a step that comes again are dropped") {
    Bench b;
    b.open({{0, 0}});
    const std::vector<Delta> delta{{seller_key("a"), amounts(1, 1)}};
    const std::vector<std::string> step = chunks(7, 1, 0, 0, 5, {delta, delta});
    for (int time = 0; time < 2; ++time) {
        REQUIRE(b.add(step[0]));
        REQUIRE(b.add(step[1]));
    }
    CHECK(totals_of(b.commit()).at(seller_key("a")) == amounts(2, 2));
    CHECK(b.status().duplicate_steps == 1);
}

TEST_CASE("P2: a chunk that is missing stops the loop") {
    const std::vector<Delta> delta{{seller_key("a"), amounts(1, 1)}};
    const std::vector<std::string> step = chunks(7, 1, 0, 0, 5, {delta, delta, delta});
    {
        Bench b;
        b.open({{0, 0}});
        REQUIRE(b.add(step[0]));
        CHECK(is_integrity(b.add(step[2]), "chunk 2 of a map step came where 1 was due"));
    }
    {
        Bench b;
        b.open({{0, 0}});
        CHECK(is_integrity(b.add(step[1]), "chunk 1 of a map step came without"));
    }
    {
        Bench b;
        b.open({{0, 0}});
        REQUIRE(b.add(step[0]));
        CHECK(is_integrity(b.add(step[0]), "chunk 0 of a map step came where 1 was due"));
    }
}

TEST_CASE("P2: a map step whose rest was cut off stops the loop when a later step comes") {
    const std::vector<Delta> delta{{seller_key("a"), amounts(1, 1)}};
    const std::vector<std::string> step = chunks(7, 1, 0, 0, 5, {delta, delta, delta});
    const auto after_two_chunks = [&step](const std::string& later) {
        Bench b;
        b.open({{0, 0}, {1, 0}});
        REQUIRE(b.add(step[0]));
        REQUIRE(b.add(step[1]));
        return b.add(later);
    };
    const char* const missing =
        "2 of 3 chunks of the map step at offset 1 are there, and a later step";
    SECTION("of the same run") {
        const Result<void> done = after_two_chunks(chunks(7, 2, 1, 0, 3, {delta}).front());
        CHECK(is_integrity(done, missing));
        CHECK(is_integrity(done, "repartition partition 0 offset 3"));
    }
    SECTION("of another run, which goes on after it") {
        CHECK(is_integrity(after_two_chunks(chunks(8, 1, 0, 5, 6, {delta}).front()), missing));
    }
    SECTION("of a run that has nothing to do with it: the rest may come after that") {
        CHECK(after_two_chunks(chunks(8, 1, 1, 0, 3, {delta}).front()));
    }
    SECTION("in another state partition") {
        Bench b;
        b.open({{0, 0}}, 0);
        b.open({{0, 0}}, 1);
        REQUIRE(b.add(step[0], 0));
        REQUIRE(b.add(step[0], 1));
        REQUIRE(b.add(step[1], 1));
        REQUIRE(b.add(step[2], 1));
        CHECK(b.add(chunks(7, 2, 0, 5, 6, {delta}).front(), 1));
        CHECK(is_integrity(b.add(chunks(7, 2, 0, 5, 6, {delta}).front(), 0), "1 of 3 chunks"));
    }
}

TEST_CASE("P2: nothing is missed of a step that comes again without its rest") {
    Bench b;
    b.open({{0, 0}});
    const std::vector<Delta> delta{{seller_key("a"), amounts(1, 1)}};
    const std::vector<std::string> step = chunks(7, 1, 0, 0, 5, {delta, delta});
    REQUIRE(b.add(step[0]));
    REQUIRE(b.add(step[1]));
    REQUIRE(b.add(step[0]));
    CHECK_FALSE(b.fold.can_seal());
    REQUIRE(b.add(chunks(8, 1, 0, 5, 6, {delta}).front()));
    CHECK(totals_of(b.commit()).at(seller_key("a")) == amounts(3, 3));
    CHECK(b.status().duplicate_steps == 1);
}

TEST_CASE("a batch of another job stops the loop and names the difference") {
    Bench b;
    BatchHeader header = open_header({{0, 0}});
    header.identity.source_id = testing::topic_id(9);
    const Result<void> done = b.add(batch_value(header));
    REQUIRE_FALSE(done);
    CHECK(done.error().exit_code == ExitCode::identity);
    CHECK(done.error().message.find("source topic id: stored") != std::string::npos);
    CHECK(done.error().message.find("repartition partition 0 offset 0") != std::string::npos);
}

TEST_CASE("what is no batch stops the loop and names the record") {
    for (const char* value : {"", "garbage of another writer"}) {
        Bench b;
        CHECK(is_integrity(b.add(value), "repartition partition 0 offset 0"));
    }
}

TEST_CASE("taking the filling step back forgets half-read steps, and they are read again") {
    Bench b;
    b.open({{0, 0}});
    b.commit();
    const std::vector<Delta> delta{{seller_key("a"), amounts(1, 1)}};
    const std::vector<std::string> step = chunks(7, 1, 0, 0, 5, {delta, delta});
    REQUIRE(b.add(step[0]));
    b.fold.undo_filling();
    CHECK(b.fold.can_seal());
    REQUIRE(b.add(step[0]));
    REQUIRE(b.add(step[1]));
    CHECK(totals_of(b.commit()).at(seller_key("a")) == amounts(2, 2));
    CHECK(b.status().duplicate_steps == 0);
}

TEST_CASE("both layers are taken back in all partitions that they touched") {
    Bench b;
    b.open({{0, 0}}, 0);
    b.open({{0, 0}}, 1);
    b.commit({0, 1});
    const auto step = [](std::int64_t from, std::uint64_t number) {
        return batch_value(step_header({source_range(0, from, from + 1)}, number),
                           {{seller_key("a"), amounts(1, 1)}});
    };
    REQUIRE(b.add(step(0, 1), 0));
    REQUIRE(b.add(step(0, 1), 1));
    (void)b.sealed({0, 1});
    REQUIRE(b.add(step(1, 2), 0));
    b.fold.undo_filling();
    b.fold.undo_in_flight();
    CHECK(b.state().keys == 0);
    REQUIRE(b.add(step(0, 1), 0));
    REQUIRE(b.add(step(0, 1), 1));
    CHECK(totals_of(b.commit({0, 1})).at(seller_key("a")) == amounts(1, 1));
}

TEST_CASE("a step is full when it has changed as many keys as it may, but never in half a step") {
    TotalsFoldConfig config;
    config.max_step_keys = 3;
    Bench b{config};
    b.open({{0, 0}});
    std::vector<Delta> deltas;
    for (const char* key : {"a", "b", "c"}) {
        deltas.push_back({seller_key(key), amounts(1, 1)});
    }
    REQUIRE(b.add(batch_value(step_header({source_range(0, 0, 1)}, 1), deltas)));
    CHECK_FALSE(b.fold.full());
    const std::vector<std::string> step =
        chunks(7, 2, 0, 1, 2, {{{seller_key("d"), amounts(1, 1)}}, {}});
    REQUIRE(b.add(step[0]));
    CHECK_FALSE(b.fold.full());
    REQUIRE(b.add(step[1]));
    CHECK(b.fold.full());
    b.commit();
    CHECK_FALSE(b.fold.full());
}

TEST_CASE("a step of large keys is full by what it writes, not by how many they are") {
    TotalsFoldConfig config;
    config.max_step_bytes = 100'000;
    Bench b{config};
    b.open({{0, 0}});
    int keys = 0;
    while (!b.fold.full()) {
        REQUIRE(keys < 100);
        std::string seller(1000, '\x01');  // six bytes each in key and value of the result
        seller += std::to_string(keys);
        REQUIRE(b.add(batch_value(step_header({source_range(0, keys, keys + 1)}, 1),
                                  {{seller_key(seller), amounts(1, 1)}})));
        ++keys;
    }
    CHECK(keys < 10);
    b.commit();
    CHECK_FALSE(b.fold.full());
}

TEST_CASE("a dropped partition is gone, the others stay") {
    Bench b;
    b.open({{0, 0}}, 0);
    b.open({{0, 0}}, 1);
    REQUIRE(b.add(
        batch_value(step_header({source_range(0, 0, 1)}), {{seller_key("a"), amounts(1, 1)}}), 1));
    b.commit({0, 1});
    const std::vector<PartitionId> gone{PartitionId{0}};
    b.fold.drop(gone);
    CHECK(b.state().keys == 1);
    b.fold.install(std::make_unique<TotalsState>(kJob, PartitionId{0}));
    b.open({{0, 0}}, 0);
    CHECK(meta_of(b.commit({0})).transaction == 1);
}

TEST_CASE("latency counts from the oldest record of the committed steps") {
    Bench b;
    b.open({{0, 0}});
    for (const std::int64_t oldest : {7000, 5000, 6000}) {
        const std::int64_t at = b.log.end(TopicRole::repartition, PartitionId{0}).value;
        BatchHeader header = step_header({source_range(0, at - 1, at)}, 1);
        header.step = static_cast<std::uint64_t>(at);
        header.oldest_timestamp_ms = oldest;
        REQUIRE(b.add(batch_value(header)));
    }
    (void)b.sealed();
    b.fold.committed(9000);
    CHECK(b.status().append_to_commit_seconds.count == 1);
    CHECK(b.status().append_to_commit_seconds.sum_seconds == 4.0);
    (void)b.sealed();
    b.fold.committed(9000);
    CHECK(b.status().append_to_commit_seconds.count == 1);
}

TEST_CASE("the status shows committed totals of the first keys, and keeps to those keys") {
    Bench b({.shown_keys = 2});
    b.open({{0, 0}});
    REQUIRE(b.add(batch_value(step_header({source_range(0, 0, 2)}, 1),
                              {{seller_key("first"), amounts(1'500'000'000, 1)},
                               {seller_key("second"), amounts(7, 1)}})));
    CHECK(b.state().totals.empty());
    b.commit();
    REQUIRE(b.state().totals.size() == 2);
    CHECK(b.state().aggregates ==
          std::vector<std::string>{"valor_total_por_vendedor", "numero_transacoes"});
    REQUIRE(b.add(batch_value(
        step_header({source_range(0, 2, 4)}, 2),
        {{seller_key("first"), amounts(1'000'000'000, 1)}, {seller_key("third"), amounts(1, 1)}})));
    const auto shown = [&b] {
        std::string text;
        for (const TotalStatus& total : b.state().totals) {
            text += fmt::format("{}={},{} ", total.key, total.values.at(0), total.values.at(1));
        }
        return text;
    };
    CHECK(shown() == "first=1.5,1 second=7e-09,1 ");
    b.commit();
    CHECK(shown() == "first=2.5,2 second=7e-09,1 ");
    const std::vector<PartitionId> gone{PartitionId{0}};
    b.fold.drop(gone);
    CHECK(b.state().totals.empty());
}

TEST_CASE("a key that cannot be the value of a label is passed over") {
    Bench b({.shown_keys = 5});
    b.open({{0, 0}});
    REQUIRE(b.add(batch_value(step_header({source_range(0, 0, 2)}, 1),
                              {{seller_key(std::string(257, 'x')), amounts(1, 1)},
                               {seller_key(std::string_view("nul\0", 4)), amounts(1, 1)},
                               {seller_key("quote\" backslash\\"), amounts(1, 1)}})));
    b.commit();
    REQUIRE(b.state().totals.size() == 1);
    CHECK(b.state().totals[0].key == "quote\" backslash\\");
}

TEST_CASE("without keys to show there are none") {
    Bench b;
    b.open({{0, 0}});
    REQUIRE(b.add(
        batch_value(step_header({source_range(0, 0, 1)}, 1), {{seller_key("a"), amounts(1, 1)}})));
    b.commit();
    CHECK(b.state().totals.empty());
    CHECK(b.state().keys == 1);
}

namespace {

std::string keys_of(const StateAnswer& answer) {
    std::string text;
    for (const StateEntry& entry : answer.entries) {
        text += fmt::format("{}.{}={} ", entry.partition.value, entry.index, entry.key);
    }
    return text;
}

StateQuestion list_from(std::int32_t partition, std::uint32_t index, std::size_t max_entries,
                        std::size_t max_bytes = 1 << 20) {
    StateQuestion question;
    question.from_partition = PartitionId{partition};
    question.from_index = index;
    question.max_entries = max_entries;
    question.max_bytes = max_bytes;
    return question;
}

StateQuestion find_key(std::string key) {
    StateQuestion question;
    question.kind = StateQuestion::Kind::find;
    question.key = std::move(key);
    return question;
}

// Keys a, b, c committed in partition 0 and d, e in partition 1.
void fill(Bench& b) {
    b.open({{0, 0}});
    b.open({{0, 0}}, 1);
    REQUIRE(b.add(batch_value(step_header({source_range(0, 0, 3)}, 1),
                              {{seller_key("a"), amounts(1'000'000'000, 1)},
                               {seller_key("b"), amounts(2, 1)},
                               {seller_key("c"), amounts(3, 1)}})));
    REQUIRE(b.add(batch_value(step_header({source_range(0, 0, 2)}, 1),
                              {{seller_key("d"), amounts(4, 1)}, {seller_key("e"), amounts(5, 1)}}),
                  1));
    b.commit({0, 1});
}

}  // namespace

TEST_CASE("a list of totals is bounded and goes on where it ended") {
    Bench b;
    fill(b);
    const StateAnswer all = b.fold.answer(list_from(0, 0, 10));
    CHECK(keys_of(all) == "0.0=a 0.1=b 0.2=c 1.0=d 1.1=e ");
    CHECK_FALSE(all.more);
    REQUIRE(all.partitions.size() == 2);
    CHECK(all.partitions[0].keys == 3);
    CHECK(all.entries[0].value ==
          R"({"id_vendedor":"a","valor_total_por_vendedor":1.00,"numero_transacoes":1})");
    const StateAnswer first = b.fold.answer(list_from(0, 0, 2));
    CHECK(keys_of(first) == "0.0=a 0.1=b ");
    CHECK(first.more);
    CHECK(keys_of(b.fold.answer(list_from(0, 2, 2))) == "0.2=c 1.0=d ");
    CHECK(b.fold.answer(list_from(0, 2, 2)).more);
    CHECK(keys_of(b.fold.answer(list_from(1, 1, 2))) == "1.1=e ");
    CHECK_FALSE(b.fold.answer(list_from(1, 1, 1)).more);
    CHECK(b.fold.answer(list_from(1, 7, 2)).entries.empty());
    CHECK(b.fold.answer(list_from(2, 0, 2)).entries.empty());
    const StateAnswer exactly = b.fold.answer(list_from(0, 0, 3));
    CHECK(keys_of(exactly) == "0.0=a 0.1=b 0.2=c ");
    CHECK(exactly.more);
    const StateAnswer narrow = b.fold.answer(list_from(0, 0, 10, 1));
    CHECK(keys_of(narrow) == "0.0=a ");
    CHECK(narrow.more);
}

TEST_CASE("an answer never holds what is not committed") {
    Bench b;
    fill(b);
    REQUIRE(b.add(batch_value(
        step_header({source_range(0, 3, 5)}, 2),
        {{seller_key("b"), amounts(100'000'000'000, 1)}, {seller_key("new"), amounts(1, 1)}})));
    const auto check = [&b](std::string_view total) {
        const StateAnswer answer = b.fold.answer(list_from(0, 0, 10));
        CHECK(answer.entries.size() == 5);
        CHECK(answer.entries.at(1).value.contains(total));
        CHECK(b.fold.answer(find_key("new")).entries.empty());
    };
    const std::string before = "\"valor_total_por_vendedor\":0.000000002,";
    check(before);
    const Step step = b.sealed();
    check(before);  // in flight is not committed
    b.fold.undo_filling();
    b.fold.undo_in_flight();
    check(before);
    REQUIRE(b.add(batch_value(step_header({source_range(0, 3, 4)}, 3),
                              {{seller_key("b"), amounts(100'000'000'000, 1)}})));
    b.commit();
    check("\"valor_total_por_vendedor\":100.000000002,");
}

TEST_CASE("a key is found where it belongs, by the key of its result record") {
    Bench b;
    // A key whose partition by hash is in service, and put there as a map loop would.
    const auto partition_of = [](const std::string& key) {
        return partition_for_key(key, static_cast<int>(kJob.identity.state_partitions)).value;
    };
    std::string here = "x";
    while (partition_of(here) != 0) {
        here += "x";
    }
    b.open({{0, 0}});
    REQUIRE(b.add(
        batch_value(step_header({source_range(0, 0, 1)}, 1), {{seller_key(here), amounts(7, 1)}})));
    b.commit();
    const StateAnswer found = b.fold.answer(find_key(here));
    REQUIRE(found.entries.size() == 1);
    CHECK(found.entries[0].key == here);
    CHECK(found.key_partition == PartitionId{0});
    const StateAnswer absent = b.fold.answer(find_key(here + "y"));
    CHECK(absent.entries.empty());
    CHECK(absent.key_partition == PartitionId{partition_of(here + "y")});
    CHECK_FALSE(b.fold.answer(find_key("[\"two\",\"fields\"]")).key_partition);
    CHECK_FALSE(b.fold.answer(find_key("[")).key_partition);
}

}  // namespace kstream
