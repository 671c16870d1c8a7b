// Source records into deltas, one batch or more to each repartition partition (P2).
#include "kstream/pipeline/map_fold.hpp"

#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"
#include "support/fakes/batches.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::amounts;
using testing::MemoryLog;
using testing::RecordingLog;
using testing::Seeded;
using testing::seller_key;

constexpr std::uint32_t kStatePartitions = 4;

std::string json(const std::string& seller, const std::string& value) {
    return R"({"id_vendedor":")" + seller + R"(","valor":)" + value + "}";
}

// What the fold tells, added up; `limit` is what it is told after the next batch.
class FakeTally final : public RecordTallySink {
public:
    void first_bad(const FirstBad& first) override { firsts.push_back(first); }
    Result<void> add(const RecordTally& more) override {
        sum.read += more.read;
        sum.aggregated += more.aggregated;
        sum.tombstones += more.tombstones;
        for (std::size_t i = 0; i < kBadReasonCount; ++i) {
            sum.bad[i] += more.bad[i];
        }
        sum.scale_needed = std::max(sum.scale_needed, more.scale_needed);
        return limit;
    }
    std::vector<FirstBad> firsts;
    RecordTally sum;
    Result<void> limit;
};

class FakeHeaders final : public HeaderReader {
public:
    [[nodiscard]] Result<std::vector<HeaderView>> headers(const RecordView& record) const override {
        ++asked;
        if (damaged) {
            return fail(ExitCode::integrity, "the headers are damaged");
        }
        return std::vector<HeaderView>{{"of", record.value()}, {"none", std::nullopt}};
    }
    mutable int asked = 0;
    bool damaged = false;
};

struct Bench {
    explicit Bench(MapFoldConfig config = {})
        : fold(job, config, recorded, {.headers = &headers, .tally = &tally}) {}

    Result<void> add(std::int32_t partition, std::optional<std::string> value,
                     std::int64_t timestamp_ms = 1000) {
        const Offset at = log.append(TopicRole::source, partition, "tx", value, timestamp_ms);
        const std::vector<RecordView> records{
            log.view(TopicRole::source, PartitionId{partition}, at)};
        return fold.fold(records);
    }
    // Seals [from, end) of the partitions.
    Step seal(const std::vector<std::int32_t>& partitions = {0}) {
        Step step;
        for (const std::int32_t partition : partitions) {
            const PartitionId id{partition};
            const Offset end = log.end(TopicRole::source, id);
            step.ranges.push_back({id, sealed[partition], end});
            sealed[partition] = end;
        }
        REQUIRE(fold.seal(step));
        return step;
    }
    [[nodiscard]] const FoldStatus& status() const { return fold.status(); }
    [[nodiscard]] StateStatus state() const { return fold.state(); }

    Job job = testing::make_job(kStatePartitions);
    MemoryLog log;
    RecordingLog recorded;
    FakeTally tally;
    FakeHeaders headers;
    MapFold fold;
    std::map<std::int32_t, Offset> sealed;
};

using Totals = std::map<std::string, std::vector<Slot>>;

// The batches of a step by repartition partition, decoded; everything that P2 says is checked.
struct Batches {
    explicit Batches(const Step& step) {
        const Job job = testing::make_job(kStatePartitions);
        for (const OutputBatch::Record& record : step.outputs.records()) {
            if (record.topic == TopicRole::dead_letters) {
                ++dead_letters;
                continue;
            }
            REQUIRE(record.topic == TopicRole::repartition);
            REQUIRE_FALSE(record.has_key);
            const std::string_view value = *step.outputs.value(record);
            max_bytes = std::max(max_bytes, value.size());
            DeltaBatch batch;
            REQUIRE(decode_delta_batch(value, job.kinds, batch));
            auto& headers = by_partition[record.partition.value];
            REQUIRE(batch.header.chunk == headers.size());
            headers.push_back(batch.header);
            for (const DeltaView& delta : batch.deltas) {
                const auto slots = std::span{batch.slots}.subspan(delta.first_slot, 2);
                const std::string key{delta.state_key};
                // Each key comes once in a step, and only to its own partition.
                REQUIRE_FALSE(deltas.contains(key));
                deltas[key] = {slots.begin(), slots.end()};
                GroupKey group;
                REQUIRE(decode_state_key(key, 1, group));
                REQUIRE(partition_for_key(group.values[0].text, kStatePartitions) ==
                        record.partition);
            }
        }
        REQUIRE(by_partition.size() == kStatePartitions);
        for (const auto& [partition, headers] : by_partition) {
            for (const BatchHeader& header : headers) {
                REQUIRE(header.chunks == headers.size());
                REQUIRE(header.ranges == by_partition.at(0)[0].ranges);
                REQUIRE(header.step == by_partition.at(0)[0].step);
                REQUIRE(header.run_id == job.run_id);
                REQUIRE(header.identity == job.identity);
            }
        }
    }
    [[nodiscard]] const BatchHeader& header() const { return by_partition.at(0)[0]; }

    std::map<std::int32_t, std::vector<BatchHeader>> by_partition;
    Totals deltas;
    std::size_t dead_letters = 0;
    std::size_t max_bytes = 0;
};

}  // namespace

// A key table beyond the caches looks its keys up in groups (KeyTable::prefetch).
TEST_CASE("of many keys each has what its records say") {
    constexpr std::uint64_t kKeys = 30'000;
    constexpr int kRecords = 100'000;
    Bench b;
    Seeded random(1);
    Totals expected;
    std::vector<std::pair<std::int32_t, Offset>> written;
    std::uint64_t bad = 0;
    for (int i = 0; i < kRecords; ++i) {
        const auto partition = static_cast<std::int32_t>(random.below(2));
        const std::string seller = "s" + std::to_string(random.below(kKeys));
        const std::uint64_t amount = 1 + random.below(1'000);
        std::string value = json(seller, std::to_string(amount));
        if (random.below(50) == 0) {
            value.pop_back();
            ++bad;
        } else {
            auto& total = expected[seller_key(seller)];
            const Int128 units = Int128{amount} * 1'000'000'000;
            total = total.empty() ? amounts(units, 1)
                                  : amounts(total[0].value() + Int192{units},
                                            static_cast<std::int64_t>(total[1].value().low) + 1);
        }
        written.emplace_back(partition,
                             b.log.append(TopicRole::source, partition, "tx", value, 1000));
    }
    // In calls of all sizes, also of none.
    for (std::size_t at = 0; at < written.size();) {
        std::vector<RecordView> records;
        for (std::uint64_t left = random.below(200); left > 0 && at < written.size(); --left) {
            const auto& [partition, offset] = written[at++];
            records.push_back(b.log.view(TopicRole::source, PartitionId{partition}, offset));
        }
        REQUIRE(b.fold.fold(records));
    }
    const Batches batches{b.seal({0, 1})};
    CHECK(batches.deltas == expected);
    CHECK(batches.dead_letters == bad);
    CHECK(b.status().records_aggregated == kRecords - bad);
    std::uint64_t aggregated = 0;
    for (const SourceRange& range : batches.header().ranges) {
        aggregated += range.counts.aggregated;
    }
    CHECK(aggregated == kRecords - bad);
    // Nothing of it is in the next step.
    CHECK(Batches{b.seal({0, 1})}.deltas.empty());
}

TEST_CASE("records of a step become one delta per key") {
    Bench b;
    REQUIRE(b.add(0, json("a", "1.5")));
    REQUIRE(b.add(0, json("b", "2")));
    REQUIRE(b.add(0, json("a", "-0.25")));
    const Batches batches{b.seal()};
    CHECK(batches.deltas == Totals{{seller_key("a"), amounts(1'250'000'000, 2)},
                                   {seller_key("b"), amounts(2'000'000'000, 1)}});
    const SourceRange& range = batches.header().ranges.at(0);
    CHECK(range.partition == PartitionId{0});
    CHECK(range.from == Offset{0});
    CHECK(range.to == Offset{3});
    CHECK(range.counts == RecordCounts{3, 3, 0, 0, 0, 0, 0});
    CHECK(range.slots == amounts(3'250'000'000, 3));
    CHECK(b.status().records_read == 3);
    CHECK(b.status().records_aggregated == 3);
}

TEST_CASE("P2: every repartition partition gets a batch, also when it has no deltas") {
    Bench b;
    REQUIRE(b.add(0, json("a", "1")));
    const Batches one{b.seal()};
    CHECK(one.by_partition.size() == kStatePartitions);
    // A range without a single record, behind control records, too.
    b.log.append_invisible(TopicRole::source, 0);
    const Batches none{b.seal()};
    CHECK(none.deltas.empty());
    CHECK(none.header().ranges.at(0).from == Offset{1});
    CHECK(none.header().ranges.at(0).to == Offset{2});
    CHECK(none.header().ranges.at(0).counts == RecordCounts{});
    CHECK(none.header().step == one.header().step + 1);
}

TEST_CASE("P3: an open step has a base for each partition in every repartition partition") {
    Bench b;
    REQUIRE(b.add(0, json("a", "1")));
    Step step;
    step.ranges = {{PartitionId{1}, Offset{7}, Offset{7}}, {PartitionId{4}, Offset{0}, Offset{0}}};
    REQUIRE(b.fold.seal_open(step));
    const Batches open{step};
    CHECK(open.header().kind == BatchKind::open);
    CHECK(open.deltas.empty());
    REQUIRE(open.header().ranges.size() == 2);
    CHECK(open.header().ranges[0].from == Offset{7});
    CHECK(open.header().ranges[0].to == Offset{7});
    CHECK(open.header().ranges[1].partition == PartitionId{4});
    // What was filling is still there.
    CHECK(Batches{b.seal()}.deltas.size() == 1);
}

TEST_CASE("every record is accounted for, in its source partition") {
    Bench b;
    REQUIRE(b.add(0, json("a", "1")));
    REQUIRE(b.add(0, std::nullopt));
    REQUIRE(b.add(0, "not json"));
    REQUIRE(b.add(1, json("a", "2")));
    REQUIRE(b.add(1, std::nullopt));
    REQUIRE(b.add(1, std::nullopt));
    REQUIRE(b.add(1, json("b", "\"3\"")));
    REQUIRE(b.add(1, ""));
    const Batches batches{b.seal({0, 1})};
    REQUIRE(batches.header().ranges.size() == 2);
    CHECK(batches.header().ranges[0].counts == RecordCounts{3, 1, 0, 0, 1, 0, 1});
    CHECK(batches.header().ranges[1].counts == RecordCounts{5, 1, 0, 0, 2, 0, 2});
    CHECK(batches.header().ranges[0].slots == amounts(1'000'000'000, 1));
    CHECK(batches.header().ranges[1].slots == amounts(2'000'000'000, 1));
    CHECK(batches.dead_letters == 3);
    const FoldStatus status = b.status();
    CHECK(status.tombstones == 3);
    CHECK(status.bad_records[static_cast<std::size_t>(BadReason::json)] == 2);
    CHECK(status.bad_records[static_cast<std::size_t>(BadReason::number_type)] == 1);
}

TEST_CASE("dead letters travel in the same step, unchanged, and in no other") {
    MapFoldConfig config;
    config.dead_letter_partitions = 2;
    Bench b{config};
    REQUIRE(b.add(3, "not json"));
    const Step step = b.seal({3});
    const OutputBatch::Record& letter = step.outputs.records().back();
    CHECK(letter.topic == TopicRole::dead_letters);
    CHECK(letter.partition == PartitionId{1});
    CHECK(step.outputs.key(letter) == "tx");
    CHECK(step.outputs.value(letter) == "not json");
    const auto& headers = step.outputs.header_sets().at(letter.headers);
    // Its own first, which were read for this record alone.
    CHECK(headers.at(0) == OutputBatch::Headers::value_type{"of", "not json"});
    CHECK(headers.at(1) == OutputBatch::Headers::value_type{"none", std::nullopt});
    CHECK(headers.at(2) == OutputBatch::Headers::value_type{"kstream.reason", "json"});
    CHECK(headers.at(3).second == "financial_transactions");
    CHECK(headers.at(4).second == "3");
    CHECK(headers.at(5).second == "0");
    CHECK(b.headers.asked == 1);
    REQUIRE(b.add(3, json("a", "1")));
    CHECK(Batches{b.seal({3})}.dead_letters == 0);
}

TEST_CASE("a bad record that is too large leaves a stub") {
    MapFoldConfig config;
    config.max_dead_letter_bytes = 100;
    Bench b{config};
    REQUIRE(b.add(0, std::string(101, 'x')));
    const Step step = b.seal();
    const OutputBatch::Record& letter = step.outputs.records().back();
    CHECK(step.outputs.value(letter) == "");
    CHECK(step.outputs.header_sets().at(letter.headers).at(5).first == "kstream.stub");
}

TEST_CASE("skipped bad records are counted and leave no letter") {
    MapFoldConfig config;
    config.on_bad_record = BadRecordPolicy::skip;
    Bench b{config};
    REQUIRE(b.add(0, "not json"));
    REQUIRE(b.add(0, json("a", "1")));
    const Batches batches{b.seal()};
    CHECK(batches.dead_letters == 0);
    CHECK(batches.header().ranges[0].counts == RecordCounts{2, 1, 0, 0, 0, 1, 0});
    CHECK(b.status().skipped == 1);
}

TEST_CASE("a bad record stops the loop when it is asked to, and is named") {
    MapFoldConfig config;
    config.on_bad_record = BadRecordPolicy::fail;
    Bench b{config};
    REQUIRE(b.add(2, json("a", "1")));
    REQUIRE(b.add(2, std::nullopt));
    const Result<void> done = b.add(2, json("a", "0.0000000001"));
    REQUIRE_FALSE(done);
    CHECK(done.error().exit_code == ExitCode::bad_record);
    CHECK(done.error().message ==
          "bad record (scale of field valor): topic financial_transactions partition 2 offset 2");
    CHECK(done.error().hint ==
          "a larger --scale takes it: 10 is enough for this one; "
          "start with --on-bad-record dead-letter to set such records aside");
}

TEST_CASE("no amounts stop the loop: a sum past 128 bits goes on, exact") {
    // {"valor":170141183460469231731687303715.0} twice stopped a job for ever.
    const std::string large = "170141183460469231731687303715.884105727";  // 2^127 - 1 at scale 9
    constexpr auto kMax = static_cast<Int128>(~UInt128{0} >> 1);
    Int192 expected;
    Bench b;
    for (int i = 0; i < 5; ++i) {
        REQUIRE(b.add(0, json("a", large)));
        REQUIRE(b.add(1, json("b", "-" + large)));
        expected = expected + Int192{kMax};
    }
    const Batches batches{b.seal({0, 1})};
    CHECK(batches.deltas.at(seller_key("a")) == amounts(expected, 5));
    CHECK(batches.deltas.at(seller_key("b")) == amounts(-expected, 5));
    // Of a partition over all keys, too.
    CHECK(batches.header().ranges.at(0).slots == amounts(expected, 5));
    CHECK(batches.header().ranges.at(1).slots == amounts(-expected, 5));
}

TEST_CASE("P2: a step that is too large for one record is divided into chunks of a bounded size") {
    MapFoldConfig config;
    config.max_batch_bytes = 1000;
    Bench b{config};
    for (int i = 0; i < 500; ++i) {
        REQUIRE(b.add(0, json("vendedor_" + std::to_string(i), "1")));
    }
    const Batches batches{b.seal()};
    CHECK(batches.deltas.size() == 500);
    for (const auto& [partition, headers] : batches.by_partition) {
        CHECK(headers.size() > 3);
    }
    CHECK(batches.max_bytes < 1000 + 300);  // and the header
}

TEST_CASE("a key that is larger than a batch still travels, in a chunk of its own") {
    MapFoldConfig config;
    config.max_batch_bytes = 100;
    Bench b{config};
    REQUIRE(b.add(0, json(std::string(1000, 'a'), "1")));
    REQUIRE(b.add(0, json(std::string(1000, 'b'), "1")));
    REQUIRE(b.add(0, json("c", "1")));
    const Batches batches{b.seal()};
    CHECK(batches.deltas.size() == 3);
}

TEST_CASE("what is taken back is not in the next step") {
    Bench b;
    REQUIRE(b.add(0, json("a", "1")));
    REQUIRE(b.add(0, "not json"));
    b.fold.undo_filling();
    b.sealed[0] = Offset{2};
    REQUIRE(b.add(0, json("b", "2")));
    const Batches batches{b.seal()};
    CHECK(batches.deltas == Totals{{seller_key("b"), amounts(2'000'000'000, 1)}});
    CHECK(batches.dead_letters == 0);
    CHECK(batches.header().ranges[0].counts.read == 1);
}

TEST_CASE("steps do not share anything: each begins empty") {
    Bench b;
    REQUIRE(b.add(0, json("a", "1")));
    REQUIRE(b.add(1, json("b", "1")));
    (void)b.seal({0, 1});
    REQUIRE(b.add(0, json("a", "5")));
    const Batches batches{b.seal({0})};
    CHECK(batches.deltas == Totals{{seller_key("a"), amounts(5'000'000'000, 1)}});
    REQUIRE(batches.header().ranges.size() == 1);
    CHECK(batches.header().ranges[0].slots == amounts(5'000'000'000, 1));
}

TEST_CASE("a step is full when its keys reach their bound") {
    MapFoldConfig config;
    config.max_step_bytes = 100'000;
    const auto keys_until_full = [&config](const auto& key) {
        Bench b{config};
        int keys = 0;
        while (!b.fold.full()) {
            REQUIRE(b.add(0, json(key(keys++), "1")));
            REQUIRE(keys < 10'000);
        }
        CHECK_FALSE(b.fold.overfull());
        int more = 0;
        while (!b.fold.overfull()) {
            REQUIRE(b.add(0, json(key(keys + more++), "1")));
            REQUIRE(more < 10'000);
        }
        CHECK(more <= keys + 1);
        (void)b.seal();
        CHECK_FALSE(b.fold.full());
        return keys;
    };
    const int plain = keys_until_full([](int i) { return "vendedor_" + std::to_string(i); });
    CHECK(plain > 100);
    CHECK(plain < 400);  // each with a delta, a total and a result
    // What the totals loop writes of a key counts, too: of a control character six bytes, twice.
    const int long_ones =
        keys_until_full([](int i) { return std::string(900, 'x') + std::to_string(i); });
    std::string escapes;
    for (int i = 0; i < 900; ++i) {
        escapes += "\\u0001";
    }
    const int escaped = keys_until_full([&](int i) { return escapes + std::to_string(i); });
    CHECK(long_ones < 30);
    CHECK(escaped * 2 < long_ones);

    // One key over and over takes no more room.
    Bench b{config};
    for (int i = 0; i < 5000; ++i) {
        REQUIRE(b.add(0, json("a", "1")));
    }
    CHECK_FALSE(b.fold.full());
}

TEST_CASE("a step is full when its dead letters reach their bound, the empty ones as well") {
    MapFoldConfig config;
    config.max_letters_bytes = 100'000;
    const auto letters_until_full = [&config](const std::string& value) {
        Bench b{config};
        int letters = 0;
        while (!b.fold.full()) {
            REQUIRE(b.add(0, value));
            REQUIRE(++letters < 10'000);
        }
        // The bound is on what they hold, which is far more than their bytes.
        CHECK(b.state().bytes > 100'000);
        b.fold.undo_filling();
        CHECK_FALSE(b.fold.full());
        REQUIRE(b.add(0, value));
        (void)b.seal();
        CHECK_FALSE(b.fold.full());
        return letters;
    };
    // Keys, values and headers: headers of empty records gathered without bound once.
    const int empty = letters_until_full("");
    CHECK(empty > 50);
    CHECK(empty < 400);
    CHECK(letters_until_full(std::string(10'000, 'x')) <= 10);
}

TEST_CASE("timestamps that nobody means harm nothing") {
    Bench b;
    constexpr std::int64_t kMinTime = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t kMaxTime = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t time : {kMinTime, kMinTime + 1, std::int64_t{-1}, kMaxTime}) {
        REQUIRE(b.add(0, json("a", "1"), time));
        REQUIRE(b.add(0, "bad", time));
        const Step step = b.seal({0});
        const Batches batches{step};
        CHECK(batches.header().oldest_timestamp_ms == (time < 0 ? -1 : time));
        b.fold.committed(1000);
        CHECK(b.status().append_to_commit_seconds.sum_seconds == 0);
        CHECK(step.outputs.header_sets().at(0).back() ==
              std::pair{std::string{"kstream.source.timestamp"},
                        std::optional{std::to_string(time)}});
    }
}

TEST_CASE("latency counts from the oldest record of the step in flight") {
    Bench b;
    REQUIRE(b.add(0, json("a", "1"), 7000));
    REQUIRE(b.add(1, json("a", "1"), 5000));
    REQUIRE(b.add(1, json("a", "1"), 6000));
    const Batches batches{b.seal({0, 1})};
    CHECK(batches.header().oldest_timestamp_ms == 5000);
    b.fold.committed(9000);
    CHECK(b.status().append_to_commit_seconds.count == 1);
    CHECK(b.status().append_to_commit_seconds.sum_seconds == 4.0);
    // A step without records has no latency.
    b.log.append_invisible(TopicRole::source, 0);
    CHECK(Batches{b.seal({0})}.header().oldest_timestamp_ms == -1);
    b.fold.committed(9500);
    CHECK(b.status().append_to_commit_seconds.count == 1);
}

TEST_CASE("several group-by fields go to the partition of their result's key") {
    Job job = testing::make_job(kStatePartitions);
    job.spec.group_by = {"id_vendedor", "moeda"};
    MemoryLog log;
    RecordingLog recorded;
    MapFold fold{job, {}, recorded};
    const Offset at =
        log.append(TopicRole::source, 0, "tx", R"({"id_vendedor":"a","moeda":"BRL","valor":1})");
    const std::vector<RecordView> records{log.view(TopicRole::source, PartitionId{0}, at)};
    REQUIRE(fold.fold(records));
    Step step;
    step.ranges = {{PartitionId{0}, Offset{0}, Offset{1}}};
    REQUIRE(fold.seal(step));
    for (const OutputBatch::Record& record : step.outputs.records()) {
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(*step.outputs.value(record), job.kinds, batch));
        const bool here = record.partition == partition_for_key(R"(["a","BRL"])", kStatePartitions);
        CHECK(batch.deltas.size() == (here ? 1U : 0U));
    }
}

TEST_CASE("the deltas of all partitions and steps together are the fold of the input") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        Seeded random{seed};
        MapFoldConfig config;
        config.max_batch_bytes = 60 + random.below(2000);
        Bench b{config};
        Totals expected;
        Totals found;
        RecordCounts expected_counts;
        RecordCounts counts;
        for (std::size_t step = 0; step < 1 + random.below(6); ++step) {
            for (std::size_t i = random.below(150); i > 0; --i) {
                const auto partition = static_cast<std::int32_t>(random.below(3));
                ++expected_counts.read;
                if (random.chance(5)) {
                    REQUIRE(b.add(partition, std::nullopt));
                    ++expected_counts.tombstones;
                    continue;
                }
                if (random.chance(5)) {
                    REQUIRE(b.add(partition, "{}"));
                    ++expected_counts.dead_lettered;
                    continue;
                }
                const std::string seller = random.text(random.below(3), 6);
                const auto cents = static_cast<std::int64_t>(random.below(100'000));
                const std::string digits = std::to_string(cents % 100);
                const std::string value = std::to_string(cents / 100) + "." +
                                          std::string(2 - digits.size(), '0') + digits;
                REQUIRE(b.add(partition, json(seller, value)));
                ++expected_counts.aggregated;
                std::vector<Slot>& total =
                    expected.try_emplace(seller_key(seller), 2).first->second;
                merge_slot(aggregate_named("sum"), total[0], {Int128{cents} * 10'000'000, true});
                merge_slot(aggregate_named("count"), total[1], {1, true});
            }
            const Batches batches{b.seal({0, 1, 2})};
            for (const SourceRange& range : batches.header().ranges) {
                counts += range.counts;
            }
            for (const auto& [key, delta] : batches.deltas) {
                std::vector<Slot>& total = found.try_emplace(key, 2).first->second;
                merge_slot(aggregate_named("sum"), total[0], delta[0]);
                merge_slot(aggregate_named("count"), total[1], delta[1]);
            }
        }
        REQUIRE(found == expected);
        REQUIRE(counts == expected_counts);
    }
}

TEST_CASE("headers that cannot be read stop the loop: a dead letter is whole or there is none") {
    Bench b;
    b.headers.damaged = true;
    const Result<void> done = b.add(0, "not json");
    REQUIRE_FALSE(done);
    CHECK(done.error().exit_code == ExitCode::integrity);
}

TEST_CASE("a dead letter of a field names it") {
    Bench b;
    REQUIRE(b.add(0, json("a", "\"1\"")));
    const Step step = b.seal();
    const auto& headers = step.outputs.header_sets().at(step.outputs.records().back().headers);
    CHECK(headers.back() == OutputBatch::Headers::value_type{"kstream.field", "valor"});
}

TEST_CASE("the first bad record of each reason is reported, with what helps against it") {
    Bench b;
    REQUIRE(b.add(1, json("a", "1")));
    REQUIRE(b.add(1, json("a", "11.100000000000001")));
    REQUIRE(b.add(1, json("a", "0.12345678901")));
    REQUIRE(b.add(1, json("a", "1e-99")));
    REQUIRE(b.add(0, "\xef\xbb\xbf{}"));
    REQUIRE(b.add(0, "not json"));
    REQUIRE(b.add(0, "{}"));
    REQUIRE(b.tally.firsts.size() == 3);
    const FirstBad& scale = b.tally.firsts[0];
    CHECK(scale.reason == BadReason::scale);
    CHECK(scale.field == "valor");
    CHECK(scale.partition == PartitionId{1});
    CHECK(scale.record_offset == Offset{1});
    CHECK(scale.hint == "a larger --scale takes it: 15 is enough for this one");
    CHECK(b.tally.firsts[1].reason == BadReason::json);
    CHECK(b.tally.firsts[1].field.empty());
    CHECK(b.tally.firsts[1].hint ==
          "it looks like JSON after a byte order mark: the producer must not write one");
    CHECK(b.tally.firsts[2].reason == BadReason::missing_field);
    CHECK(b.tally.firsts[2].field == "id_vendedor");
    CHECK(b.tally.firsts[2].hint.empty());
    CHECK(b.tally.sum.read == 7);
    CHECK(b.tally.sum.aggregated == 1);
    CHECK(b.tally.sum.bad[static_cast<std::size_t>(BadReason::scale)] == 3);
    CHECK(b.tally.sum.bad[static_cast<std::size_t>(BadReason::json)] == 2);
    CHECK(b.tally.sum.scale_needed == 15);
}

TEST_CASE("a name with a dot is said to be one name") {
    Job job = testing::make_job(kStatePartitions);
    job.spec.group_by = {"payload.seller"};
    RecordingLog recorded;
    FakeTally tally;
    MapFold fold{job, {}, recorded, {.tally = &tally}};
    MemoryLog log;
    const Offset at =
        log.append(TopicRole::source, 0, "tx", R"({"payload":{"seller":"a"},"valor":1})");
    const std::vector<RecordView> records{log.view(TopicRole::source, PartitionId{0}, at)};
    REQUIRE(fold.fold(records));
    REQUIRE(tally.firsts.size() == 1);
    CHECK(tally.firsts[0].field == "payload.seller");
    CHECK(tally.firsts[0].hint.contains("fields within other objects are not read"));
}

TEST_CASE("what the tally says ends the loop before anything of the batch is committed") {
    Bench b;
    b.tally.limit = fail(ExitCode::bad_record, "too many");
    const Result<void> done = b.add(0, "{}");
    REQUIRE_FALSE(done);
    CHECK(done.error().message == "too many");
    // An error of the batch itself comes first, and is counted all the same.
    MapFoldConfig config;
    config.on_bad_record = BadRecordPolicy::fail;
    Bench failing{config};
    failing.tally.limit = fail(ExitCode::bad_record, "too many");
    CHECK(failing.add(0, "{}").error().message.contains("missing_field of field id_vendedor"));
    CHECK(failing.tally.sum.bad[static_cast<std::size_t>(BadReason::missing_field)] == 1);
    CHECK(failing.tally.firsts.empty());
}

}  // namespace kstream
