// Sets and multisets of windows that share them: of hopping windows, whose panes several windows
// have, and of sessions, which become one another. What is published of a window is what its
// records say, whoever is taken back or restores, and of what is closed nothing is left.
#include "kstream/codec/element.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/core/time_text.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/statement_job.hpp"
#include "support/fakes/statement_world.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
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
constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kGrace = kSecond;
constexpr std::int64_t kUnit = 1'000'000'000;  // of the number 1

// Lengths in seconds; without a slide they are sessions, and the size is their gap.
struct Kind {
    std::int64_t slide = 0;
    std::int64_t size = 0;
    [[nodiscard]] bool sessions() const { return slide == 0; }
    // What a record of that time goes into: a pane, by its start, or its own millisecond.
    [[nodiscard]] std::int64_t pane_of(std::int64_t time) const {
        return sessions() ? time : time - time % (std::gcd(slide, size) * kSecond);
    }
    // When the first window ends that such a record is in.
    [[nodiscard]] std::int64_t first_end(std::int64_t time) const {
        if (sessions()) {
            return time + 1;
        }
        const std::int64_t pane = pane_of(time);
        std::int64_t end = pane - pane % (slide * kSecond) + size * kSecond;
        while (end - slide * kSecond > pane) {
            end -= slide * kSecond;
        }
        return end;
    }
};

Job set_job(const Kind& kind, std::uint64_t max_distinct) {
    const auto seconds = [](std::int64_t many) {
        return "INTERVAL '" + std::to_string(many) + " seconds', ";
    };
    Job job = testing::make_statement_job(
        "SELECT k, window_start, count(*) AS n, count(DISTINCT x) AS d, percentile_disc(0.5) "
        "WITHIN GROUP (ORDER BY v::numeric) AS p FROM " +
        (kind.sessions() ? std::string{"session("} : std::string{"hop("}) +
        "t, to_timestamp(ms * 0.001), " + (kind.sessions() ? "" : seconds(kind.slide)) +
        seconds(kind.size) +
        "grace => INTERVAL '1 second', max_ahead => 'never') GROUP BY k, window_start");
    job.spec.max_distinct = max_distinct;
    return job;
}

struct Record {
    std::string group;
    std::int64_t time = 0;
    std::string x;
    std::int64_t v = 0;
};

// What a window has had.
struct Row {
    std::uint64_t count = 0;
    std::int64_t last = 0;
    std::set<std::string> set;
    std::multiset<std::int64_t> values;

    void add(const Record& record) {
        ++count;
        last = record.time;
        set.insert(record.x);
        values.insert(record.v);
    }
    [[nodiscard]] std::uint64_t different() const {
        return std::set<std::int64_t>{values.begin(), values.end()}.size();
    }
};

using Window = std::pair<std::string, std::int64_t>;  // group and start
using Rows = std::map<Window, Row>;

// By the records alone.
Rows rows_of(const Kind& kind, std::vector<Record> records) {
    Rows rows;
    std::ranges::stable_sort(records, {}, &Record::time);
    std::map<std::string, Window> newest;  // session of each group
    for (const Record& record : records) {
        if (kind.sessions()) {
            const auto known = newest.find(record.group);
            if (known == newest.end() ||
                record.time - rows[known->second].last > kind.size * kSecond) {
                newest[record.group] = {record.group, record.time};
            }
            rows[newest[record.group]].add(record);
            continue;
        }
        const std::int64_t slide = kind.slide * kSecond;
        for (std::int64_t start = record.time - record.time % slide;
             start > record.time - kind.size * kSecond; start -= slide) {
            rows[{record.group, start}].add(record);
        }
    }
    return rows;
}

std::string utc(std::int64_t ms) {
    std::string text;
    append_timestamp(text, ms);
    return text;
}

std::map<std::string, std::string> results_of(const Rows& rows, std::uint64_t max_distinct) {
    std::map<std::string, std::string> results;
    for (const auto& [window, row] : rows) {
        const std::int64_t median =
            *std::next(row.values.begin(), static_cast<std::ptrdiff_t>(row.values.size() - 1) / 2);
        results[R"([")" + window.first + R"(",")" + utc(window.second) + R"("])"] =
            R"({"k":")" + window.first + R"(","window_start":")" + utc(window.second) +
            R"(","n":)" + std::to_string(row.count) + R"(,"d":)" +
            (row.set.size() > max_distinct ? "null" : std::to_string(row.set.size())) + R"(,"p":)" +
            (row.different() > max_distinct ? "null" : std::to_string(median)) + "}";
    }
    return results;
}

struct Model {
    std::vector<Record> records;
    Offset end;
    std::int64_t watermark = kNoTime;
    std::int64_t clock = kNoTime;
};

// A state of one source partition, and what stands in its topics.
struct Bench {
    Bench(const Kind& of, std::uint64_t max_distinct) : kind(of), job(set_job(of, max_distinct)) {
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
    void take_over(bool compacted) {
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
    [[nodiscard]] std::string key_of(const std::string& group, std::int64_t start) const {
        std::string key;
        const GroupKey of{{{GroupValueType::string, group}}};
        if (kind.sessions()) {
            encode_session_key(of, start, key);
        } else {
            encode_state_key(of, start, key);
        }
        return key;
    }
    void add(Model& model, const Record& record) {
        std::vector<Slot> delta(job.kinds.size());
        delta[accumulators_of(job.kinds, aggregate_named("count")).front()] = Slot{1, true};
        if (kind.sessions()) {
            delta.back() = Slot{record.time, true};
        }
        const std::vector<Element> elements{element_of({GroupValueType::string, record.x})};
        const std::vector<CountedValue> values{{Int128{record.v} * kUnit, 1}};
        const std::string key = key_of(record.group, kind.pane_of(record.time));
        REQUIRE(state->apply_delta(key, delta, nullptr,
                                   std::vector<std::span<const Element>>{elements},
                                   std::vector<std::span<const CountedValue>>{values}));
        model.records.push_back(record);
    }
    Meta seal() {
        flight.clear();
        std::uint64_t keys = std::numeric_limits<std::uint64_t>::max();
        std::size_t bytes = std::size_t{48} << 20;
        state->close(keys, bytes);
        state->seal(Offset{1}, flight);
        Result<Meta> meta =
            decode_meta_value(*writes_to(TopicRole::changelog, flight).back().second, job.form());
        REQUIRE(meta);
        return *std::move(meta);
    }
    void committed() {
        state->committed();
        const Writes writes = writes_to(TopicRole::changelog, flight);
        compact(log, writes);
        all.insert(all.end(), writes.begin(), writes.end());
        for (const auto& [key, value] : writes_to(TopicRole::results, flight)) {
            if (value) {
                published[key] = *value;
            } else {
                REQUIRE(published.erase(key) == 1);
            }
        }
    }
    // Of sets and multisets, what the changelog has as of now.
    [[nodiscard]] std::uint64_t elements() const {
        return static_cast<std::uint64_t>(std::ranges::count_if(log, [](const auto& entry) {
            return entry.first.front() == kElementKeyByte && entry.second;
        }));
    }

    Kind kind;
    Job job;
    std::optional<TotalsState> state;
    OutputBatch flight;
    Compacted log;
    Writes all;
    std::map<std::string, std::string> published;
};

// A value of a slot of a set or multiset, and that none of one that is over is asked for.
void check_slot(const Slot& slot, std::uint64_t size, bool over) {
    CHECK(is_over(slot) == over);
    if (!over) {
        CHECK(slot.value() == Int192{Int128{size}});
    }
}

// Who looks sees the windows that are open, as they are committed, whatever is added meanwhile.
void check_windows(const Bench& b, const Model& committed) {
    const std::uint8_t set = sets_of(b.job.kinds).front();
    const std::uint8_t multiset = multisets_of(b.job.kinds).front();
    for (const auto& [window, row] : rows_of(b.kind, committed.records)) {
        const std::int64_t end = window.second + b.kind.size * kSecond;
        const bool open = committed.clock == kNoTime || end + kGrace > committed.clock;
        const auto found = b.state->find_window(b.key_of(window.first, window.second));
        REQUIRE(found.has_value() == open);
        if (open) {
            check_slot(found->slots[set], row.set.size(), row.set.size() > b.job.spec.max_distinct);
            check_slot(found->slots[multiset], row.values.size(),
                       row.different() > b.job.spec.max_distinct);
        }
    }
}

}  // namespace

TEST_CASE("sets of hopping windows and of sessions are what their records say, through all faults",
          "[sets][window]") {
    std::size_t published = 0;
    std::size_t over = 0;
    for (std::uint64_t seed = 1; seed <= 120; ++seed) {
        CAPTURE(seed);
        Seeded random{seed};
        const Kind kind = seed % 3 == 0   ? Kind{0, 2}
                          : seed % 3 == 1 ? Kind{1, 4}
                                          : Kind{2, 5};  // of panes of a second
        Bench b{kind, seed % 2 == 0 ? 5 : kDefaultMaxDistinct};
        b.job.least_gone_keys = seed % 4 == 0 ? b.job.least_gone_keys : 1;
        Model committed;
        Model sealed;
        Model filling;
        bool flies = false;
        std::int64_t now = 20 * kSecond;
        for (int step = 0; step < 120; ++step) {
            switch (random.below(8)) {
                case 0:
                case 1:
                    if (flies) {
                        b.committed();
                        committed = sealed;
                        flies = false;
                        REQUIRE(b.published == results_of(rows_of(kind, committed.records),
                                                          b.job.spec.max_distinct));
                    } else {
                        filling.clock = std::max(filling.clock, filling.watermark);
                        (void)b.seal();
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
                        filling = committed;
                    }
                    break;
                case 4:
                    now += static_cast<std::int64_t>(random.below(3)) * kSecond / 2;
                    b.advance(filling, std::max(filling.watermark, now - 4 * kSecond));
                    break;
                default:
                    if (!kind.sessions() && random.chance(20)) {
                        check_windows(b, committed);
                    }
                    for (std::uint64_t i = random.below(6); i > 0; --i) {
                        const std::int64_t time =
                            now - static_cast<std::int64_t>(random.below(6'000));
                        if (filling.clock != kNoTime &&
                            kind.first_end(time) + kGrace <= filling.clock) {
                            continue;  // no map loop would let it pass
                        }
                        b.add(filling,
                              {std::string(1, static_cast<char>('a' + random.below(3))), time,
                               "s" + std::to_string(random.below(9)) +
                                   (random.chance(30) ? " with a name that is long" : ""),
                               static_cast<std::int64_t>(random.below(9)) - 4});
                    }
            }
        }
        if (flies) {
            b.committed();
            committed = sealed;
        }
        b.state->undo_filling();
        filling = committed;
        // All of it closes, and what it has kept goes.
        b.advance(filling, now + 100 * kSecond);
        for (int step = 0; step < 3; ++step) {
            (void)b.seal();
            b.committed();
        }
        const Rows rows = rows_of(kind, filling.records);
        REQUIRE(b.published == results_of(rows, b.job.spec.max_distinct));
        CHECK(b.state->keys() == 0);
        CHECK(b.state->sets_over() == 0);
        CHECK_FALSE(b.state->has_to_close());
        CHECK_FALSE(b.state->has_to_sweep());
        CHECK(b.elements() == 0);
        for (const bool compacted : {true, false}) {
            b.take_over(compacted);
            CHECK(b.state->keys() == 0);
        }
        published += b.published.size();
        over += static_cast<std::size_t>(std::ranges::count_if(
            b.published, [](const auto& one) { return one.second.contains(R"("d":null)"); }));
    }
    CHECK(published > 1'000);
    CHECK(over > 50);
}

TEST_CASE("a value that panes of a window share counts there once", "[sets][window]") {
    Bench b{{1, 4}, kDefaultMaxDistinct};
    Model model;
    for (const std::int64_t second : {10, 11, 13}) {
        b.add(model, {"a", second * kSecond, "x", 1});
    }
    b.add(model, {"a", 12 * kSecond, "y", 2});
    const Meta meta = b.seal();
    b.committed();
    // The panes have four, and so has the changelog.
    CHECK(meta.slots[sets_of(b.job.kinds).front()] == Slot{4, true});
    CHECK(b.elements() == 8);
    CHECK(b.published == results_of(rows_of(b.kind, model.records), kDefaultMaxDistinct));
    CHECK(b.published.at(R"(["a","1970-01-01T00:00:10Z"])").ends_with(R"("n":4,"d":2,"p":1})"));
}

TEST_CASE("of hopping windows those are over whose panes together have too many values",
          "[sets][window]") {
    Bench b{{1, 2}, 2};
    Model model;
    b.add(model, {"a", 10 * kSecond, "x", 1});
    b.add(model, {"a", 10 * kSecond, "y", 1});
    b.add(model, {"a", 11 * kSecond, "z", 1});
    (void)b.seal();
    b.committed();
    CHECK(b.published == results_of(rows_of(b.kind, model.records), 2));
    CHECK(b.published.at(R"(["a","1970-01-01T00:00:10Z"])").contains(R"("d":null,"p":1)"));
    CHECK(b.published.at(R"(["a","1970-01-01T00:00:11Z"])").contains(R"("d":1)"));
    CHECK(b.state->sets_over() == 1);
    CHECK(b.state->take_went_over().size() == 1);
    b.take_over(true);
    CHECK(b.state->sets_over() == 1);
}

TEST_CASE("of sessions that become one the fewer values are written anew", "[sets][window]") {
    Bench b{{0, 2}, kDefaultMaxDistinct};
    Model model;
    for (const char* const x : {"p", "q", "r", "s"}) {
        b.add(model, {"a", 20 * kSecond, x, x[0] - 'p'});
    }
    // The earlier one, whose key the session gets, has less.
    b.add(model, {"a", 17 * kSecond, "q", 1});
    b.add(model, {"a", 17 * kSecond, "t", 9});
    CHECK(b.seal().slots[sets_of(b.job.kinds).front()] == Slot{6, true});
    b.committed();
    CHECK(b.elements() == 12);
    b.add(model, {"a", 18'500, "q", 1});
    const Meta meta = b.seal();
    CHECK(meta.slots[sets_of(b.job.kinds).front()] == Slot{5, true});
    CHECK(meta.to_sweep == 0);
    std::size_t gone = 0;
    std::size_t written = 0;
    for (const auto& [key, value] : writes_to(TopicRole::changelog, b.flight)) {
        if (key.front() == kElementKeyByte) {
            ++(value ? written : gone);
        }
    }
    CHECK(gone == 4);     // two of the set, two of the multiset
    CHECK(written == 3);  // t and 9 are new there, and 1 has come twice more
    // Nothing of it has happened.
    b.state->undo_filling();
    b.state->undo_in_flight();
    model.records.pop_back();
    CHECK(b.seal().slots[sets_of(b.job.kinds).front()] == Slot{6, true});
    b.committed();
    b.add(model, {"a", 18'500, "q", 1});
    (void)b.seal();
    b.committed();
    CHECK(b.elements() == 10);
    CHECK(b.published == results_of(rows_of(b.kind, model.records), kDefaultMaxDistinct));
    b.take_over(true);
    CHECK(b.state->keys() == 1);
}

TEST_CASE("a session that becomes one with another one that is over is over, and leaves its values",
          "[sets][window]") {
    for (const bool earlier : {false, true}) {
        CAPTURE(earlier);
        Bench b{{0, 2}, 2};
        Model model;
        const std::int64_t more = (earlier ? 17 : 20) * kSecond;
        const std::int64_t fewer = (earlier ? 20 : 17) * kSecond;
        for (const char* const x : {"p", "q", "r"}) {
            b.add(model, {"a", more, x, x[0] - 'p'});
        }
        b.add(model, {"a", fewer, "p", 1});
        (void)b.seal();
        b.committed();
        CHECK(b.state->sets_over() == 2);
        b.add(model, {"a", 18'500, "p", 1});
        (void)b.seal();
        b.committed();
        CHECK(b.state->sets_over() == 2);
        CHECK(b.published == results_of(rows_of(b.kind, model.records), 2));
        (void)b.seal();
        b.committed();
        CHECK(b.elements() == 0);
        b.take_over(false);
        CHECK(b.state->sets_over() == 2);
    }
}

TEST_CASE("values of one time of a session that one batch does not take come in several",
          "[sets][window]") {
    testing::StatementWorld world{
        "SELECT k, window_start, count(*) AS n, count(DISTINCT x) AS d, percentile_disc(0.5) "
        "WITHIN "
        "GROUP (ORDER BY v::numeric) AS p FROM session(t, to_timestamp(ms * 0.001), INTERVAL '2 "
        "seconds', grace => INTERVAL '1 second', max_ahead => 'never') GROUP BY k, window_start",
        {.max_batch_bytes = 100}};
    for (int i = 0; i < 20; ++i) {
        const std::string value = std::to_string(i);
        world.add(R"({"k":"a","ms":5000,"x":"s)" + value + R"(","v":)" + value + "}");
    }
    world.commit();
    REQUIRE(world.results.size() == 1);
    CHECK(world.results[0].value ==
          R"({"k":"a","window_start":"1970-01-01T00:00:05Z","n":20,"d":20,"p":9})");
}

}  // namespace kstream
