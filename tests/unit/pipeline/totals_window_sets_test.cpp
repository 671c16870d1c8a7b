// Sets and multisets of windows that close: what they leave in the changelog goes step by step, and
// until it has gone meta says how much it is, whoever goes on, is taken back or restores.
#include "kstream/codec/element.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/statement_job.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::compact;
using testing::Compacted;
using testing::restore_all;
using testing::Seeded;
using testing::Writes;
using testing::writes_to;

constexpr PartitionId kHere{0};
constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kGrace = 5'000;
constexpr std::int64_t kUnit = 1'000'000'000;  // of the number 1
constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

Job set_job(std::uint64_t max_distinct = kDefaultMaxDistinct) {
    Job job = testing::make_statement_job(
        "SELECT k, window_start, count(*) AS n, count(DISTINCT x) AS d, percentile_disc(0.5) "
        "WITHIN GROUP (ORDER BY v::numeric) AS p FROM tumble(t, to_timestamp(ms * 0.001), "
        "INTERVAL '1 minute', grace => INTERVAL '5 seconds', max_ahead => 'never') GROUP BY k, "
        "window_start");
    job.spec.max_distinct = max_distinct;
    return job;
}

// Where the accumulators stand, which are no others than these.
struct Places {
    explicit Places(const Job& job)
        : count(accumulators_of(job.kinds, aggregate_named("count")).front()),
          set(sets_of(job.kinds).front()),
          multiset(multisets_of(job.kinds).front()),
          width(job.kinds.size()) {}
    std::uint8_t count;
    std::uint8_t set;
    std::uint8_t multiset;
    std::size_t width;
};

using Group = std::pair<std::string, std::int64_t>;  // and the minute in which the window begins

std::string key_of(const Group& group) {
    std::string key;
    encode_state_key({{{GroupValueType::string, group.first}}}, group.second * kMinute, key);
    return key;
}

std::string result_key_of(const Group& group) {
    GroupKey of;
    of.values = {{GroupValueType::string, group.first}};
    of.window_start = group.second * kMinute;
    std::string key;
    append_result_key(key, of);
    return key;
}

Element element(std::uint64_t number) {
    const std::string text = std::to_string(number) + (number % 3 == 0 ? " is a long value" : "");
    return element_of({GroupValueType::string, text});
}

bool is_element(const std::pair<const std::string, std::optional<std::string>>& entry) {
    return entry.first.front() == kElementKeyByte && entry.second;
}

std::uint64_t elements_in(const Compacted& log) {
    return static_cast<std::uint64_t>(std::ranges::count_if(log, is_element));
}

// What a group has of one window.
struct Row {
    std::int64_t count = 0;
    std::uint64_t number = 0;
    std::set<std::uint64_t> set;
    std::map<std::int64_t, std::uint64_t> values;
    bool set_over = false;
    bool values_over = false;

    [[nodiscard]] std::uint64_t total() const {
        std::uint64_t all = 0;
        for (const auto& [value, times] : values) {
            all += times;
        }
        return all;
    }
    [[nodiscard]] std::uint64_t elements() const { return set.size() + values.size(); }

    [[nodiscard]] std::vector<Slot> slots(const Places& at) const {
        std::vector<Slot> all(at.width);
        const auto size = [](std::uint64_t many, bool over) {
            return over ? kOverSlot : many == 0 ? Slot{} : Slot{Int128{many}, true};
        };
        all[at.count] = Slot{count, true};
        all[at.set] = size(set.size(), set_over);
        all[at.multiset] = size(total(), values_over);
        return all;
    }
    [[nodiscard]] UInt128 hash_of_elements(const Places& at) const {
        UInt128 hash = 0;
        std::string key;
        for (const std::uint64_t one : set) {
            key.clear();
            append_element_key(key, {ElementOwner{number, at.set}, element(one)});
            hash += element_hash(key, 1);
        }
        for (const auto& [value, times] : values) {
            key.clear();
            append_value_key(key, {number, at.multiset}, Int128{value} * kUnit);
            hash += element_hash(key, times);
        }
        return hash;
    }
    [[nodiscard]] std::string result(const Group& group) const {
        std::string median = "null";
        std::uint64_t left = (total() + 1) / 2;
        for (const auto& [value, times] : values) {
            if (left > 0) {
                median = std::to_string(value);
            }
            left -= std::min(left, times);
        }
        const std::string start = result_key_of(group).substr(group.first.size() + 4);
        return R"({"k":")" + group.first + R"(","window_start":)" +
               start.substr(0, start.size() - 1) + R"(,"n":)" + std::to_string(count) + R"(,"d":)" +
               (set_over ? "null" : std::to_string(set.size())) + R"(,"p":)" +
               (values_over ? "null" : median) + "}";
    }
};

// A plain account of the same.
struct Model {
    std::map<Group, Row> open;
    std::vector<Row> left;  // what the last sealed step has closed; a small table is swept at once
    std::map<Group, Row> closed;
    std::uint64_t last_number = 0;
    Offset end;
    std::int64_t watermark = kNoTime;
    std::int64_t clock = kNoTime;

    void add(const Group& group, const std::vector<std::uint64_t>& elements,
             const std::map<std::int64_t, std::uint64_t>& values, std::uint64_t max_distinct) {
        Row& row = open[group];
        ++row.count;
        if (row.number == 0 && !(elements.empty() && values.empty())) {
            row.number = ++last_number;
        }
        row.set.insert(elements.begin(), elements.end());
        for (const auto& [value, times] : values) {
            row.values[value] += times;
        }
        row.set_over = row.set_over || row.set.size() > max_distinct;
        row.values_over = row.values_over || row.values.size() > max_distinct;
        if (row.set_over) {
            row.set.clear();
        }
        if (row.values_over) {
            row.values.clear();
        }
    }
    void seal() {
        clock = std::max(clock, watermark);
        left.clear();
        std::erase_if(open, [this](const auto& entry) {
            const bool closes =
                clock != kNoTime && (entry.first.second + 1) * kMinute + kGrace <= clock;
            if (closes) {
                left.push_back(entry.second);
                closed.insert(entry);
            }
            return closes;
        });
    }
    void check(const Meta& meta, const Job& job) const {
        const Places at{job};
        UInt128 hash = 0;
        std::vector<Slot> slots(at.width);
        for (const std::uint8_t i : {at.count, at.set, at.multiset}) {
            slots[i] = Slot{Int192{}, true};
        }
        std::vector<Slot> retired = slots;
        const auto add_sizes = [&at](std::vector<Slot>& to, const Row& row) {
            to[at.count].add(Int128{row.count});
            to[at.set].add(Int128{row.set.size()});
            to[at.multiset].add(Int128{row.total()});
        };
        for (const auto& [group, row] : open) {
            hash += state_entry_hash(key_of(group), job.kinds, row.slots(at), nullptr, std::nullopt,
                                     row.number) +
                    row.hash_of_elements(at);
            add_sizes(slots, row);
        }
        for (const auto& [group, row] : closed) {
            add_sizes(retired, row);
        }
        std::uint64_t to_sweep = 0;
        for (const Row& row : left) {
            hash += row.hash_of_elements(at);
            to_sweep += row.elements();
        }
        REQUIRE(meta.to_sweep == to_sweep);
        REQUIRE(meta.keys == open.size());
        REQUIRE(meta.last_number == last_number);
        REQUIRE(meta.slots == slots);
        REQUIRE(meta.retired == retired);
        REQUIRE(meta.state_hash == hash);
    }
};

// A state of one source partition, and what stands in its topics.
struct Bench {
    explicit Bench(Job of) : job(std::move(of)) { begin(); }

    void begin() {
        state.emplace(job, kHere);
        BatchHeader open;
        open.kind = BatchKind::open;
        SourceRange range;
        range.partition = PartitionId{0};
        range.slots.resize(job.kinds.size());
        open.ranges = {range};
        state->apply_ranges(open);
        (void)seal();
        committed();
    }
    // Another process, from the log as compaction has left it, or with all that was ever in it.
    void take_over(bool compacted = true) {
        state.emplace(job, kHere);
        REQUIRE((compacted ? restore_all(*state, log) : restore_all(*state, all)));
    }
    void advance(Model& model, std::int64_t watermark) {
        BatchHeader step;
        SourceRange range;
        range.partition = PartitionId{0};
        range.from = model.end;
        range.to = model.end.next();
        range.watermark_before = model.watermark;
        range.watermark = watermark;
        range.slots.resize(job.kinds.size());
        step.ranges = {range};
        REQUIRE(state->check_chain(step, "here") == TotalsState::Chain::next);
        state->apply_ranges(step);
        model.end = range.to;
        model.watermark = watermark;
    }
    void add(Model& model, const Group& group, const std::vector<std::uint64_t>& numbers,
             const std::map<std::int64_t, std::uint64_t>& some) {
        const Places at{job};
        std::vector<Slot> delta(at.width);
        delta[at.count] = Slot{1, true};
        std::vector<Element> elements;
        std::ranges::transform(numbers, std::back_inserter(elements), element);
        std::vector<CountedValue> values;
        for (const auto& [value, times] : some) {
            values.push_back({Int128{value} * kUnit, times});
        }
        REQUIRE(state->apply_delta(key_of(group), delta, nullptr,
                                   std::vector<std::span<const Element>>{elements},
                                   std::vector<std::span<const CountedValue>>{values}));
        model.add(group, numbers, some, job.spec.max_distinct);
    }
    Meta seal(std::uint64_t keys = kAll) {
        flight.clear();
        std::size_t bytes = std::size_t{48} << 20;
        state->close(keys, bytes);
        state->seal(Offset{1}, flight);
        Result<Meta> meta =
            decode_meta_value(*writes_to(TopicRole::changelog, flight).back().second, job.form());
        REQUIRE(meta);
        return *std::move(meta);
    }
    // How many tombstones of elements it has.
    std::size_t committed() {
        state->committed();
        const Writes writes = writes_to(TopicRole::changelog, flight);
        compact(log, writes);
        all.insert(all.end(), writes.begin(), writes.end());
        for (const auto& [key, value] : writes_to(TopicRole::results, flight)) {
            published[key] = value.value();
        }
        return static_cast<std::size_t>(std::ranges::count_if(writes, [](const auto& write) {
            return write.first.front() == kElementKeyByte && !write.second;
        }));
    }

    Job job;
    std::optional<TotalsState> state;
    OutputBatch flight;
    Compacted log;
    Writes all;
    std::map<std::string, std::string> published;
};

std::vector<std::uint64_t> numbers_up_to(std::uint64_t count) {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t i = 0; i < count; ++i) {
        numbers.push_back(i);
    }
    return numbers;
}

// Each of them twice.
std::map<std::int64_t, std::uint64_t> values_up_to(std::uint64_t count) {
    std::map<std::int64_t, std::uint64_t> values;
    for (std::uint64_t i = 0; i < count; ++i) {
        values[static_cast<std::int64_t>(i)] = 2;
    }
    return values;
}

}  // namespace

TEST_CASE("sets of windows are closed, taken back, committed and restored", "[sets][window]") {
    std::size_t swept = 0;
    std::size_t taken_over = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        CAPTURE(seed);
        Seeded random{seed};
        Job job = set_job(seed % 3 == 0 ? 3 : kDefaultMaxDistinct);
        job.least_gone_keys = seed % 4 == 0 ? job.least_gone_keys : 1;
        Bench b{std::move(job)};
        Model committed;
        Model sealed;
        Model filling;
        bool flies = false;
        std::int64_t minute = 0;
        for (int step = 0; step < 120; ++step) {
            switch (random.below(8)) {
                case 0:
                case 1:
                    if (flies) {
                        swept += b.committed();
                        committed = sealed;
                        flies = false;
                    } else {
                        const Meta meta = b.seal();
                        filling.seal();
                        filling.check(meta, b.job);
                        sealed = filling;
                        flies = true;
                    }
                    break;
                case 2:
                    if (random.chance(30)) {
                        b.state->undo_filling();
                        filling = flies ? sealed : committed;
                        if (flies && random.chance(60)) {
                            b.state->undo_in_flight();
                            filling = committed;
                            flies = false;
                        }
                    }
                    break;
                case 3:
                    if (random.chance(30) && !flies) {
                        b.take_over(random.chance(50));
                        const bool left = std::ranges::any_of(
                            committed.left, [](const Row& row) { return row.elements() > 0; });
                        REQUIRE(b.state->has_to_sweep() == left);
                        filling = committed;
                        ++taken_over;
                    }
                    break;
                case 4:
                    minute += static_cast<std::int64_t>(random.below(2));
                    b.advance(filling, std::max(filling.watermark, minute * kMinute + kGrace));
                    break;
                default:
                    // Of a window that is still open, whatever is closed by the step that fills.
                    for (std::uint64_t i = random.below(6); i > 0; --i) {
                        const std::int64_t first =
                            std::max(filling.clock, std::int64_t{0}) / kMinute;
                        const Group group{std::string(1, static_cast<char>('a' + random.below(4))),
                                          first + static_cast<std::int64_t>(random.below(3))};
                        std::vector<std::uint64_t> elements;
                        for (std::uint64_t n = random.below(3); n > 0; --n) {
                            elements.push_back(random.below(12));
                        }
                        std::map<std::int64_t, std::uint64_t> values;
                        for (std::uint64_t n = random.below(3); n > 0; --n) {
                            values[static_cast<std::int64_t>(random.below(9)) - 4] +=
                                1 + random.below(3);
                        }
                        b.add(filling, group, elements, values);
                    }
            }
        }
        if (flies) {
            b.committed();
            committed = sealed;
        }
        // All of it closes, and after one more step nothing is left of it.
        b.state->undo_filling();
        filling = committed;
        b.advance(filling, (minute + 10) * kMinute);
        for (int step = 0; step < 2; ++step) {
            const Meta meta = b.seal();
            filling.seal();
            filling.check(meta, b.job);
            b.committed();
        }
        CHECK_FALSE(b.state->has_to_sweep());
        CHECK(b.state->keys() == 0);
        CHECK(b.state->sets_over() == 0);
        CHECK(elements_in(b.log) == 0);
        REQUIRE(b.published.size() == filling.closed.size());
        for (const auto& [group, row] : filling.closed) {
            REQUIRE(b.published.at(result_key_of(group)) == row.result(group));
        }
        for (const bool compacted : {true, false}) {
            b.take_over(compacted);
            CHECK(b.state->keys() == 0);
            CHECK_FALSE(b.state->has_to_sweep());
        }
    }
    CHECK(swept > 1000);
    CHECK(taken_over > 100);
}

TEST_CASE("what a closed window has kept goes in later steps, some with each", "[sets][window]") {
    constexpr std::uint64_t kElements = 60'000;
    constexpr std::uint64_t kValues = 30'000;
    Bench b{set_job()};
    Model model;
    b.add(model, {"a", 0}, numbers_up_to(kElements), values_up_to(kValues));
    b.add(model, {"b", 1}, {1, 2}, {{7, 1}});
    (void)b.seal();
    b.committed();
    b.advance(model, kMinute + kGrace);
    // The step that closes it takes nothing away: until it is committed, the window may be asked
    // for.
    CHECK(b.seal().to_sweep == kElements + kValues);
    const std::uint32_t index = b.state->find_committed(key_of({"a", 0}));
    REQUIRE(index != KeyTable::kNone);
    const KeyValues values = b.state->values_of(index);
    const Places at{b.job};
    CHECK(values.sets->find({values.numbers.front(), at.multiset})->total() == 2 * kValues);
    CHECK(b.committed() == 0);
    CHECK(b.state->keys() == 1);
    std::uint64_t left = kElements + kValues;
    int steps = 0;
    for (; b.state->has_to_sweep() && steps < 50; ++steps) {
        CHECK(b.seal().to_sweep < left);
        b.state->undo_filling();
        b.state->undo_in_flight();
        if (steps % 2 == 1) {
            b.take_over(steps % 4 == 1);
        }
        const Meta meta = b.seal();
        CHECK(b.committed() <= 16'384 + 8'192 + 16'384);
        CHECK(meta.to_sweep < left);
        left = meta.to_sweep;
        CHECK(elements_in(b.log) == left + 3);  // of the window that is open
    }
    CHECK(left == 0);
    CHECK(steps >= 3);
    b.take_over();
    CHECK(b.state->keys() == 1);
    CHECK_FALSE(b.state->has_to_sweep());
}

TEST_CASE("a burst of windows is closed in parts, and each leaves its own", "[sets][window]") {
    Bench b{set_job()};
    Model model;
    for (int i = 0; i < 10; ++i) {
        b.add(model, {std::to_string(i), 0}, {1, 2, 3}, {});
    }
    (void)b.seal();
    b.committed();
    b.advance(model, 2 * kMinute);
    std::uint64_t swept = 0;
    std::vector<std::uint64_t> to_sweep;
    for (int step = 0;
         step < 10 && (b.state->has_to_close() || b.state->has_to_sweep() || step == 0); ++step) {
        to_sweep.push_back(b.seal(4).to_sweep);
        swept += b.committed();
        b.take_over();
    }
    CHECK(to_sweep == std::vector<std::uint64_t>{12, 12, 6, 0});
    CHECK(swept == 30);
}

TEST_CASE("a set that goes over in the step in which its window closes is told by its key",
          "[sets][window]") {
    Job job = set_job(2);
    job.least_gone_keys = 1;
    Bench b{std::move(job)};
    Model model;
    b.add(model, {"gone", 0}, {1}, {});
    b.add(model, {"over", 0}, {1, 2}, {});
    (void)b.seal();
    b.committed();
    b.add(model, {"over", 0}, {3}, {{1, 1}, {2, 1}, {3, 1}});
    b.advance(model, kMinute + kGrace);
    b.state->undo_filling();  // all of it
    CHECK(b.state->sets_over() == 0);
    model.watermark = kNoTime;
    model.end = Offset{0};
    b.add(model, {"over", 0}, {3}, {{1, 1}, {2, 1}, {3, 1}});
    b.advance(model, kMinute + kGrace);
    CHECK(b.state->sets_over() == 2);
    // Those of the sets that are over have gone with the step itself.
    CHECK(b.seal().to_sweep == 1);
    b.committed();
    CHECK(b.published.at(result_key_of({"over", 0})).ends_with(R"("n":2,"d":null,"p":null})"));
    CHECK(b.state->sets_over() == 0);
    const std::vector<TotalsSets::WentOver> sets = b.state->take_went_over();
    REQUIRE(sets.size() == 2);
    CHECK(sets[0].state_key == key_of({"over", 0}));
    (void)b.seal();
    b.committed();
    CHECK(elements_in(b.log) == 0);
    b.take_over(false);
}

TEST_CASE("keys that move together take their numbers with them", "[sets][window]") {
    Job job = set_job(2);
    job.least_gone_keys = 1;
    Bench b{std::move(job)};
    Model model;
    for (const char* const key : {"a", "b", "c", "g"}) {
        b.add(model, {key, 0}, {1, 2}, {{1, 1}});
    }
    b.add(model, {"d", 1}, {3}, {{2, 1}});
    b.add(model, {"e", 1}, {4}, {{3, 1}});
    (void)b.seal();
    b.committed();
    b.advance(model, kMinute + kGrace);
    (void)b.seal();
    model.seal();
    // What fills while they move: one goes over, one is new.
    b.add(model, {"d", 1}, {4, 5}, {});
    b.add(model, {"f", 2}, {6}, {});
    b.committed();
    CHECK(b.state->find_committed(key_of({"d", 1})) == 0);
    const Meta of_first = b.seal();
    model.seal();
    model.check(of_first, b.job);
    b.committed();
    const std::vector<TotalsSets::WentOver> sets = b.state->take_went_over();
    REQUIRE(sets.size() == 1);
    CHECK(sets[0].state_key == key_of({"d", 1}));
    b.add(model, {"e", 1}, {9}, {{4, 2}});
    const Meta of_second = b.seal();
    model.seal();
    model.check(of_second, b.job);
    b.committed();
    b.take_over();
    CHECK(b.state->keys() == 3);
}

TEST_CASE("a restore notices elements to sweep that are missing, or too many", "[sets][window]") {
    Bench b{set_job()};
    Model model;
    b.add(model, {"a", 0}, {1, 2}, {{7, 3}});
    b.add(model, {"b", 1}, {1}, {});
    (void)b.seal();
    b.committed();
    b.advance(model, kMinute + kGrace);
    CHECK(b.seal().to_sweep == 3);
    b.committed();
    const Places at{b.job};
    const auto refusal = [&b](const Compacted& changed) {
        TotalsState restored{b.job, kHere};
        const Result<void> done = restore_all(restored, changed);
        REQUIRE_FALSE(done);
        CHECK(done.error().exit_code == ExitCode::integrity);
        return done.error().message;
    };
    std::string of_closed;
    append_element_key(of_closed, {ElementOwner{1, at.set}, element(1)});
    REQUIRE(b.log.contains(of_closed));
    Compacted missing = b.log;
    missing.erase(of_closed);
    CHECK(
        refusal(missing).contains("meta counts 3 elements that are to be swept, the changelog "
                                  "has 2"));
    std::string other;
    append_element_key(other, {ElementOwner{1, at.set}, element(8)});
    Compacted more = b.log;
    more[other] = b.log[of_closed];
    CHECK(refusal(more).contains("has 4"));
    more.erase(of_closed);
    CHECK(refusal(more).contains("the hash that meta states"));
    std::string beyond;
    append_element_key(beyond, {ElementOwner{3, at.set}, element(1)});
    Compacted strange = missing;
    strange[beyond] = b.log[of_closed];
    CHECK(refusal(strange).contains("number 3, which nobody gave"));
    // Elements of a key whose total is lost are none of a closed window.
    std::string total;
    append_total_key(total, key_of({"b", 1}));
    Compacted lost = b.log;
    REQUIRE(lost.erase(total) == 1);
    CHECK(refusal(lost).contains("has 4"));
}

TEST_CASE("golden: meta of a job with sets of windows", "[golden]") {
    const std::vector<AggregateKind> kinds{aggregate_named("count"), kDistinct};
    const StoredForm form{kinds, true, true};
    Meta meta;
    meta.slots = {Slot{1, true}, Slot{2, true}};
    meta.last_number = 5;
    meta.clock = 7;
    meta.to_close = 2;
    meta.retired = {Slot{3, true}, Slot{4, true}};
    meta.to_sweep = 300;
    std::string bytes;
    append_meta_value(bytes, form, meta);
    CHECK(bytes.front() == static_cast<char>(kEventTimeFormat));
    // Last number, clock + 1, keys to close, count 3 and two times two elements, 300 to sweep, no
    // advance and the hash of none.
    const std::string tail = std::string{"\x05\x08\x02\x01\x06\x09\x08\xac\x02", 9} +
                             std::string(1 + 2 * sizeof(std::uint64_t), '\0');
    CHECK(bytes.substr(bytes.size() - 4 - tail.size(), tail.size()) == tail);
    CHECK(decode_meta_value(bytes, form) == meta);
    CHECK_FALSE(decode_meta_value(bytes, StoredForm{kinds, true, false}));
}

}  // namespace kstream
