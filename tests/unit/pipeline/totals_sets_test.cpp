// The sets of count(DISTINCT x) in the totals of a partition: numbers of keys, layers that can be
// taken back, a record for each element, and a restore to the same bytes that misses nothing.
#include "kstream/codec/element.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/test_job.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::compact;
using testing::Compacted;
using testing::meta_of;
using testing::restore_all;
using testing::Seeded;
using testing::writes_to;

constexpr PartitionId kHere{1};
constexpr std::uint8_t kFirst = 1;  // accumulators that are sets
constexpr std::uint8_t kSecond = 2;

Job set_job() {
    Job job = testing::make_job();
    job.spec.aggregates = {
        {aggregate_named("count"), "", "n"}, {kDistinct, "x", "a"}, {kDistinct, "y", "b"}};
    job.kinds = Job::kinds_of(job.spec);
    return job;
}

const Job kJob = set_job();
const Job kCapped = [] {
    Job job = set_job();
    job.spec.max_distinct = 4;
    return job;
}();

struct Row {
    std::int64_t count = 0;
    std::uint64_t number = 0;
    std::set<Element> first;
    std::set<Element> second;
    bool first_over = false;
    bool second_over = false;
    friend bool operator==(const Row&, const Row&) = default;
};
struct Model {
    std::map<std::string, Row> rows;
    std::uint64_t last_number = 0;
    std::uint64_t max_distinct = kDefaultMaxDistinct;
    friend bool operator==(const Model&, const Model&) = default;
};

std::string key_of(std::uint64_t number) {
    const std::string text = std::to_string(number);
    std::string key;
    encode_state_key({{{GroupValueType::string, text}}}, key);
    return key;
}

Element element(std::uint64_t number) {
    const std::string text = std::to_string(number) + (number % 3 == 0 ? " is a long value" : "");
    return element_of({GroupValueType::string, text});
}

void apply(TotalsState& state, Model& model, const std::string& key,
           const std::vector<Element>& first, const std::vector<Element>& second) {
    const std::vector<Slot> delta{Slot{1, true}, {}, {}};
    const std::vector<std::span<const Element>> sets{first, second};
    REQUIRE(state.apply_delta(key, delta, nullptr, sets));
    Row& row = model.rows[key];
    ++row.count;
    if (row.number == 0 && !(first.empty() && second.empty())) {
        row.number = ++model.last_number;
    }
    const auto add = [&](std::set<Element>& set, bool& over, const std::vector<Element>& more) {
        set.insert(more.begin(), more.end());
        over = over || set.size() > model.max_distinct;
        if (over) {
            set.clear();  // a small table is swept with each seal
        }
    };
    add(row.first, row.first_over, first);
    add(row.second, row.second_over, second);
}

std::vector<Slot> slots_of(const Row& row) {
    const auto slot = [](const std::set<Element>& set, bool over) {
        return over          ? kOverSlot
               : set.empty() ? Slot{}
                             : Slot{static_cast<std::int64_t>(set.size()), true};
    };
    return {Slot{row.count, true}, slot(row.first, row.first_over),
            slot(row.second, row.second_over)};
}

UInt128 hash_of(const Model& model) {
    UInt128 hash = 0;
    for (const auto& [key, row] : model.rows) {
        hash += state_entry_hash(key, kJob.kinds, slots_of(row), nullptr, std::nullopt, row.number);
        for (const auto& [set, of] : {std::pair{&row.first, kFirst}, {&row.second, kSecond}}) {
            for (const Element& one : *set) {
                std::string changelog_key;
                append_element_key(changelog_key, {ElementOwner{row.number, of}, one});
                hash += element_hash(changelog_key, 1);
            }
        }
    }
    return hash;
}

void check_meta(const OutputBatch& out, const Model& model) {
    const Meta meta = meta_of(out, kJob.kinds);
    REQUIRE(meta.keys == model.rows.size());
    REQUIRE(meta.last_number == model.last_number);
    REQUIRE(meta.state_hash == hash_of(model));
    std::uint64_t elements = 0;
    for (const auto& entry : model.rows) {
        elements += entry.second.first.size();
    }
    REQUIRE(meta.slots[kFirst].value() == Int192{Int128{elements}});
}

// What fills, as a seal would write it.
void check_equal(const TotalsState& state, const Model& model) {
    TotalsState copy{state};
    OutputBatch out;
    copy.seal(Offset{0}, out);
    check_meta(out, model);
}

}  // namespace

TEST_CASE("sets of two layers are taken back, committed and restored", "[sets]") {
    Seeded random{173};
    for (int round = 0; round < 120; ++round) {
        const Job& job = round % 2 == 0 ? kJob : kCapped;
        std::optional<TotalsState> state{std::in_place, job, kHere};
        Model committed;
        committed.max_distinct = job.spec.max_distinct;
        Model sealed = committed;
        Model filling = committed;
        Compacted log;
        OutputBatch flight;
        bool flies = false;
        for (int step = 0; step < 60; ++step) {
            switch (random.below(7)) {
                case 0:
                    if (!flies) {
                        flight.clear();
                        state->seal(Offset{step}, flight);
                        check_meta(flight, filling);
                        sealed = filling;
                        flies = true;
                    }
                    break;
                case 1:
                    if (flies) {
                        state->committed();
                        compact(log, writes_to(TopicRole::changelog, flight));
                        committed = sealed;
                        flies = false;
                    }
                    break;
                case 2:
                    if (random.chance(40)) {
                        state->undo_filling();
                        filling = flies ? sealed : committed;
                        if (flies && random.chance(60)) {
                            state->undo_in_flight();
                            filling = committed;
                            flies = false;
                        }
                    }
                    break;
                case 3:
                    if (random.chance(20) && !flies && filling == committed && !log.empty()) {
                        state.emplace(job, kHere);  // another process
                        REQUIRE(restore_all(*state, log));
                    }
                    break;
                default:
                    for (std::uint64_t i = random.below(8); i > 0; --i) {
                        std::vector<Element> first;
                        std::vector<Element> second;
                        for (std::uint64_t n = random.below(4); n > 0; --n) {
                            (random.chance(70) ? first : second)
                                .push_back(element(random.below(30)));
                        }
                        apply(*state, filling, key_of(random.below(6)), first, second);
                    }
            }
            check_equal(*state, filling);
        }
    }
}

TEST_CASE("a set with too many values is over for good, whichever came first", "[sets]") {
    const auto run = [](const std::vector<std::uint64_t>& numbers, std::size_t step) {
        TotalsState state{kCapped, kHere};
        Model model;
        model.max_distinct = kCapped.spec.max_distinct;
        Compacted log;
        for (std::size_t from = 0; from < numbers.size(); from += step) {
            std::vector<Element> elements;
            for (std::size_t i = from; i < std::min(numbers.size(), from + step); ++i) {
                elements.push_back(element(numbers[i]));
            }
            apply(state, model, key_of(1), elements, {});
            OutputBatch out;
            state.seal(Offset{1}, out);
            state.committed();
            check_meta(out, model);
            compact(log, writes_to(TopicRole::changelog, out));
        }
        // Of all elements there is a tombstone; whoever takes over has a set that is over.
        TotalsState restored{kCapped, kHere};
        REQUIRE(restore_all(restored, log));
        CHECK(restored.sets_over() == state.sets_over());
        CHECK(state.take_went_over().size() == state.sets_over());
        check_equal(restored, model);
        std::string total;
        append_total_key(total, key_of(1));
        std::vector<Slot> slots;
        std::uint64_t number = 0;
        REQUIRE(decode_total_value(*log[total], kJob.kinds, slots, nullptr, nullptr, &number));
        return slots[kFirst];
    };
    for (const std::size_t step : {1U, 2U, 5U, 9U}) {
        CHECK(run({1, 2, 3, 4, 4, 3}, step) == Slot{4, true});
        CHECK(run({1, 2, 3, 4, 5}, step) == kOverSlot);
        CHECK(run({5, 4, 4, 1, 2, 3, 1, 9, 1, 2}, step) == kOverSlot);
    }
}

TEST_CASE("a delta may be over alone", "[sets]") {
    TotalsState state{kCapped, kHere};
    Model model;
    apply(state, model, key_of(1), {element(1), element(2)}, {});
    const std::vector<Slot> delta{Slot{1, true}, kOverSlot, kOverSlot};
    REQUIRE(state.apply_delta(key_of(1), delta, nullptr, std::vector<std::span<const Element>>(2)));
    OutputBatch out;
    state.seal(Offset{1}, out);
    CHECK(state.sets_over() == 2);
    model.rows[key_of(1)] = {.count = 2,
                             .number = 1,
                             .first = {},
                             .second = {},
                             .first_over = true,
                             .second_over = true};
    check_meta(out, model);
    state.undo_in_flight();
    CHECK(state.sets_over() == 0);
}

TEST_CASE("the sweep takes some with each step, and a restore goes on with it", "[sets]") {
    constexpr std::uint64_t kMany = 30'000;
    Job job = set_job();
    job.spec.max_distinct = kMany - 1;
    TotalsState state{job, kHere};
    std::vector<Element> elements;
    for (std::uint64_t i = 0; i < kMany; ++i) {
        elements.push_back(element(i));
    }
    const std::vector<Slot> delta{Slot{1, true}, {}, {}};
    const std::vector<std::span<const Element>> all{elements, {}};
    const std::vector<std::span<const Element>> none(2);
    REQUIRE(state.apply_delta(key_of(1), delta, nullptr, all));
    Compacted log;
    std::size_t left = kMany;
    std::size_t steps = 0;
    std::size_t most = 0;
    const auto step = [&](TotalsState& of) {
        OutputBatch out;
        of.seal(Offset{1}, out);
        of.undo_in_flight();  // its sweep, too
        REQUIRE(of.apply_delta(key_of(1), delta, nullptr, steps == 0 ? all : none));
        out.clear();
        of.seal(Offset{1}, out);
        of.committed();
        std::size_t tombstones = 0;
        for (const auto& [key, value] : writes_to(TopicRole::changelog, out)) {
            log[key] = value;
            tombstones += value ? 0U : 1U;
        }
        most = std::max(most, tombstones);
        left = static_cast<std::size_t>(std::ranges::count_if(log, [](const auto& entry) {
            return entry.second && entry.first.front() == kElementKeyByte;
        }));
        ++steps;
    };
    step(state);
    CHECK(left > kMany / 2);
    TotalsState restored{job, kHere};
    REQUIRE(restore_all(restored, log));
    while (left > 0 && steps < 100) {
        REQUIRE(restored.apply_delta(key_of(1), delta, nullptr, none));
        step(restored);
    }
    CHECK(left == 0);
    CHECK(most <= 8192);
    TotalsState again{job, kHere};
    REQUIRE(restore_all(again, log));
}

TEST_CASE("a step writes what is new of a set, and nothing of what was there", "[sets]") {
    TotalsState state{kJob, kHere};
    Model model;
    const auto step = [&](const std::vector<Element>& first) {
        apply(state, model, key_of(1), first, {});
        OutputBatch out;
        state.seal(Offset{1}, out);
        state.committed();
        return writes_to(TopicRole::changelog, out).size() - 2;  // a total and meta
    };
    CHECK(step({element(1), element(2), element(3)}) == 3);
    CHECK(step({element(1), element(3)}) == 0);
    CHECK(step({element(3), element(4), element(4)}) == 1);
    CHECK(step({}) == 0);
}

TEST_CASE("a restore notices a set that is not whole", "[sets]") {
    TotalsState state{kJob, kHere};
    Model model;
    for (std::uint64_t key = 0; key < 3; ++key) {
        apply(state, model, key_of(key), {element(1), element(2)}, {element(key)});
    }
    apply(state, model, key_of(9), {}, {});  // has no number
    OutputBatch out;
    state.seal(Offset{1}, out);
    Compacted log;
    compact(log, writes_to(TopicRole::changelog, out));
    const auto refusal = [](const Compacted& changed) {
        TotalsState restored{kJob, kHere};
        const Result<void> done = restore_all(restored, changed);
        REQUIRE_FALSE(done);
        CHECK(done.error().exit_code == ExitCode::integrity);
        return done.error().message;
    };
    TotalsState whole{kJob, kHere};
    REQUIRE(restore_all(whole, log));

    std::string key;
    append_element_key(key, {ElementOwner{2, kFirst}, element(1)});
    REQUIRE(log.contains(key));
    Compacted missing = log;
    missing.erase(key);
    CHECK(refusal(missing).contains("number 2 has 1 elements"));

    std::string other;
    append_element_key(other, {ElementOwner{2, kFirst}, element(7)});
    Compacted more = log;
    more[other] = log[key];
    CHECK(refusal(more).contains("number 2 has 3 elements"));
    more.erase(key);  // as many, but another one
    CHECK(refusal(more).contains("the hash that meta states"));

    std::string orphan;
    append_element_key(orphan, {ElementOwner{4, kFirst}, element(1)});
    Compacted orphaned = log;
    orphaned[orphan] = log[key];
    CHECK(refusal(orphaned).contains("number 4, which no total has"));

    for (const auto& [number, accumulator] : {std::pair{0U, kFirst}, {1U, std::uint8_t{0}}}) {
        std::string wrong;
        append_element_key(wrong, {ElementOwner{number, accumulator}, element(1)});
        Compacted strange = log;
        strange[wrong] = log[key];
        CHECK(refusal(strange).contains("a set that this job does not have"));
    }
    std::string total_of_one;
    append_total_key(total_of_one, key_of(1));
    Compacted twice = log;
    append_total_value(twice[total_of_one].emplace(), 1, kJob.kinds,
                       slots_of(model.rows[key_of(1)]), nullptr, std::nullopt, 1);
    CHECK(refusal(twice).contains("number 1"));
}

TEST_CASE("golden: total, meta and delta of a job with sets", "[golden]") {
    std::string total;
    const Row row{.count = 3, .number = 5, .first = {element(1), element(2)}, .second = {}};
    append_total_value(total, 1, kJob.kinds, slots_of(row), nullptr, std::nullopt, row.number);
    // Format 3, transaction 1, count 3, two elements, none, number 5.
    CHECK(total.substr(0, total.size() - 4) == std::string{"\x03\x01\x01\x06\x09\x04\x89\x05", 8});
    std::vector<Slot> slots;
    std::uint64_t number = 0;
    REQUIRE(decode_total_value(total, kJob.kinds, slots, nullptr, nullptr, &number) == 1U);
    CHECK(slots == slots_of(row));
    CHECK(number == 5);

    BatchHeader header;
    header.identity = kJob.identity;
    SourceRange& range = header.ranges.emplace_back();
    range.partition = PartitionId{0};
    range.from = Offset{0};
    range.to = Offset{1};
    range.counts.read = range.counts.aggregated = 1;
    range.slots = {Slot{1, true}, {}, {}};
    const std::vector<Slot> delta{Slot{1, true}, {}, {}};
    DeltaBatchWriter writer{kJob.kinds};
    const std::vector<std::vector<Element>> lists{{element(1), element(2)}, {}};
    writer.add_delta("k", delta, nullptr, lists);
    const std::string bytes{writer.finish(header)};
    CHECK(bytes.front() == static_cast<char>(kStatementFormat));
    // Of the key k: count 1, no slots of the sets, a list of s1 and s2, an empty one.
    CHECK(bytes.ends_with(std::string{"\x01k\x01\x02\x89\x89\x02\x02s1\x02s2\x00", 14} +
                          bytes.substr(bytes.size() - 4)));
    DeltaBatch batch;
    REQUIRE(decode_delta_batch(bytes, kJob.kinds, batch));
    REQUIRE(batch.deltas.size() == 1);
    CHECK(std::vector(batch.list(0).begin(), batch.list(0).end()) == lists[0]);
    CHECK(batch.list(1).empty());
    CHECK_FALSE(decode_delta_batch(bytes, testing::make_job().kinds, batch));
}

}  // namespace kstream
