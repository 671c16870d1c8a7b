// The totals of one partition: layers that can be taken back, chains of ranges, restore.
#include "kstream/pipeline/totals_state.hpp"

#include "kstream/codec/result_record.hpp"
#include "kstream/core/murmur2.hpp"
#include "support/fakes/batches.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/test_job.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::amounts;
using testing::open_header;
using testing::Seeded;
using testing::seller_key;
using testing::source_range;
using testing::step_header;

const Job kJob = testing::make_job();
constexpr PartitionId kHere{1};
constexpr auto kMax = static_cast<Int128>(~UInt128{0} >> 1);  // 2^127 - 1

using Changelog = std::vector<std::pair<std::string, std::string>>;

// What the state has to be, kept in the plainest way: a copy for each layer.
struct Model {
    std::map<std::string, std::vector<Slot>> totals;
    std::vector<SourceProgress> sources;
    std::uint64_t transaction = 0;

    [[nodiscard]] Meta meta(Offset position) const {
        Meta meta;
        meta.identity = kJob.identity;
        meta.spec_text = kJob.spec_text;
        meta.run_id = kJob.run_id;
        meta.transaction = transaction;
        meta.repartition_position = position;
        meta.sources = sources;
        meta.keys = totals.size();
        meta.slots.resize(kJob.kinds.size());
        for (const auto& [key, slots] : totals) {
            meta.state_hash += state_entry_hash(key, kJob.kinds, slots);
            for (std::size_t i = 0; i < slots.size(); ++i) {
                merge_slot(kJob.kinds[i], meta.slots[i], slots[i]);
            }
        }
        return meta;
    }
};

Changelog changelog_of(const OutputBatch& out) {
    Changelog records;
    for (const OutputBatch::Record& record : out.records()) {
        if (record.topic == TopicRole::changelog) {
            REQUIRE(record.partition == kHere);
            records.emplace_back(out.key(record).value(), out.value(record).value());
        }
    }
    return records;
}

// The meta that the state would write now: its hash covers every entry, so equal meta is equal
// state. The next transaction's number is the only difference.
Meta probe(const TotalsState& state) {
    TotalsState copy{state};
    OutputBatch out;
    copy.seal(Offset{0}, out);
    Result<Meta> meta = decode_meta_value(changelog_of(out).back().second, kJob.kinds);
    REQUIRE(meta);
    return *meta;
}

void check_equal(const TotalsState& state, const Model& model) {
    Model next = model;
    ++next.transaction;
    REQUIRE(probe(state) == next.meta(Offset{0}));
    REQUIRE(state.keys() == model.totals.size());
}

// What those who only look see: all that is committed and nothing else.
void check_shown(const TotalsState& state, const Model& committed) {
    std::vector<std::uint32_t> indexes(state.committed_keys());
    std::iota(indexes.begin(), indexes.end(), 0U);
    const auto rows = state.committed_slots(indexes);
    REQUIRE(rows.size() == committed.totals.size());
    for (const std::uint32_t index : indexes) {
        const std::string key{state.state_key(index)};
        REQUIRE(committed.totals.contains(key));
        REQUIRE(std::ranges::equal(rows[index], committed.totals.at(key)));
        REQUIRE(state.find_committed(key) == index);
    }
}

// One map step, applied to both.
void apply_random_step(Seeded& random, TotalsState& state, Model& model) {
    BatchHeader header;
    if (model.sources.empty() || random.chance(10)) {
        const auto partition = static_cast<std::int32_t>(random.below(50));
        if (std::ranges::any_of(model.sources, [partition](const SourceProgress& source) {
                return source.partition.value == partition;
            })) {
            return;
        }
        const auto base = static_cast<std::int64_t>(random.below(1000));
        header = open_header({{partition, base}});
        SourceProgress opened;
        opened.partition = PartitionId{partition};
        opened.base = opened.applied = Offset{base};
        opened.slots.resize(2);
        model.sources.insert(std::ranges::lower_bound(model.sources, opened.partition, {},
                                                      &SourceProgress::partition),
                             opened);
    } else {
        std::vector<SourceRange> ranges;
        for (SourceProgress& source : model.sources) {
            if (!random.chance(50)) {
                continue;
            }
            const std::int64_t from = source.applied.value;
            SourceRange range = source_range(source.partition.value, from,
                                             from + static_cast<std::int64_t>(random.below(9)));
            range.watermark_before = source.watermark;
            range.watermark =
                std::max(source.watermark, static_cast<std::int64_t>(random.below(100)));
            source.applied = range.to;
            source.counts += range.counts;
            source.watermark = range.watermark;
            for (std::size_t i = 0; i < 2; ++i) {
                merge_slot(kJob.kinds[i], source.slots[i], range.slots[i]);
            }
            ranges.push_back(range);
        }
        if (ranges.empty()) {
            return;
        }
        header = step_header(ranges);
    }
    REQUIRE(state.check_chain(header, "here") == TotalsState::Chain::next);
    state.apply_ranges(header);
    if (header.kind == BatchKind::open) {
        return;
    }
    for (std::size_t i = random.below(6); i > 0; --i) {
        const std::string key = seller_key(random.text(1 + random.below(2), 5));
        std::vector<Slot> delta = amounts(static_cast<std::int64_t>(random.below(2000)) - 1000,
                                          static_cast<std::int64_t>(random.below(5)));
        if (random.chance(10)) {
            delta[0] = Slot{};
        }
        REQUIRE(state.apply_delta(key, delta));
        std::vector<Slot>& total = model.totals.try_emplace(key, 2).first->second;
        for (std::size_t k = 0; k < 2; ++k) {
            merge_slot(kJob.kinds[k], total[k], delta[k]);
        }
    }
}

Result<TotalsState> restored(const Changelog& records) {
    TotalsState state{kJob, kHere};
    if (Result<void> done = testing::restore_all(state, records); !done) {
        return std::unexpected(done.error());
    }
    return state;
}

// As compaction leaves it: of some keys, or of all, only the last record.
Changelog compacted(const Changelog& records, Seeded& random, std::size_t percent) {
    Changelog kept;
    for (std::size_t i = 0; i < records.size(); ++i) {
        const bool superseded =
            std::any_of(records.begin() + static_cast<std::ptrdiff_t>(i) + 1, records.end(),
                        [&](const auto& later) { return later.first == records[i].first; });
        if (!superseded || !random.chance(percent)) {
            kept.push_back(records[i]);
        }
    }
    return kept;
}

std::string total_key(std::string_view state_key) {
    std::string key;
    append_total_key(key, state_key);
    return key;
}

std::string total_value(const std::vector<Slot>& slots) {
    std::string value;
    append_total_value(value, 1, kJob.kinds, slots);
    return value;
}

std::string meta_value(const Meta& meta) {
    std::string value;
    append_meta_value(value, kJob.kinds, meta);
    return value;
}

// Two keys and their meta.
Model two_keys() {
    Model model;
    model.totals[seller_key("a")] = amounts(5, 1);
    model.totals[seller_key("b")] = amounts(-7, 2);
    model.transaction = 9;
    return model;
}

Changelog changelog_of(const Model& model, const Meta& meta) {
    Changelog records;
    for (const auto& [key, slots] : model.totals) {
        records.emplace_back(total_key(key), total_value(slots));
    }
    records.emplace_back(meta_key(), meta_value(meta));
    return records;
}

template <typename T>
bool is_integrity(const Result<T>& result, std::string_view part = "") {
    return !result && result.error().exit_code == ExitCode::integrity &&
           result.error().disposition == Disposition::stop &&
           result.error().message.find(part) != std::string::npos;
}

// A state that has opened source partitions 0 at 5 and 2 at 100.
TotalsState opened() {
    TotalsState state{kJob, kHere};
    const BatchHeader header = open_header({{0, 5}, {2, 100}});
    REQUIRE(state.check_chain(header, "here") == TotalsState::Chain::next);
    state.apply_ranges(header);
    return state;
}

Result<TotalsState::Chain> chain(const TotalsState& state, std::vector<SourceRange> ranges) {
    return state.check_chain(step_header(std::move(ranges)), "partition 1 offset 77");
}

}  // namespace

// ---- layers

TEST_CASE("whatever is sealed, committed or taken back, the state is what a copy would be") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        Seeded random{seed};
        TotalsState state{kJob, kHere};
        Model committed;
        Model in_flight;
        Model filling;
        bool flying = false;
        for (int operation = 0; operation < 150; ++operation) {
            const std::size_t what = random.below(100);
            if (what < 60) {
                apply_random_step(random, state, filling);
            } else if (what < 75 && !flying) {
                OutputBatch out;
                state.seal(Offset{operation}, out);
                ++filling.transaction;
                in_flight = filling;
                flying = true;
                REQUIRE(changelog_of(out).back().second ==
                        meta_value(filling.meta(Offset{operation})));
            } else if (what < 85 && flying) {
                state.committed();
                committed = in_flight;
                flying = false;
            } else if (what < 93) {
                state.undo_filling();
                filling = flying ? in_flight : committed;
            } else if (flying) {
                state.undo_filling();
                state.undo_in_flight();
                filling = committed;
                flying = false;
            }
            check_equal(state, filling);
            check_shown(state, committed);
        }
    }
}

TEST_CASE("what is not committed is not shown: not a new key, not a changed total") {
    TotalsState state = opened();
    REQUIRE(state.apply_delta(seller_key("a"), amounts(5, 1)));
    CHECK(state.committed_keys() == 0);
    CHECK(state.find_committed(seller_key("a")) == KeyTable::kNone);
    OutputBatch out;
    state.seal(Offset{1}, out);
    CHECK(state.committed_keys() == 0);
    state.committed();
    CHECK(state.committed_keys() == 1);
    REQUIRE(state.apply_delta(seller_key("a"), amounts(2, 1)));
    state.seal(Offset{2}, out);
    REQUIRE(state.apply_delta(seller_key("a"), amounts(1, 1)));
    REQUIRE(state.apply_delta(seller_key("b"), amounts(9, 1)));
    const std::vector<std::uint32_t> first{0};
    CHECK(state.committed_keys() == 1);
    CHECK(std::ranges::equal(state.committed_slots(first)[0], amounts(5, 1)));
    state.committed();
    CHECK(std::ranges::equal(state.committed_slots(first)[0], amounts(7, 2)));
    CHECK(state.find_committed(seller_key("b")) == KeyTable::kNone);
    state.undo_filling();
    CHECK(std::ranges::equal(state.committed_slots(first)[0], amounts(7, 2)));
}

TEST_CASE("what was committed restores to the same state, compacted or not") {
    for (std::uint64_t seed = 100; seed < 130; ++seed) {
        CAPTURE(seed);
        Seeded random{seed};
        TotalsState state{kJob, kHere};
        Model model;
        Model committed;
        Changelog records;
        for (int transaction = 0; transaction < 25; ++transaction) {
            for (std::size_t i = random.below(4); i > 0; --i) {
                apply_random_step(random, state, model);
            }
            OutputBatch out;
            state.seal(Offset{transaction}, out);
            if (random.chance(30)) {
                // An aborted transaction leaves nothing in the log.
                state.undo_in_flight();
                model = committed;
                check_equal(state, model);
                continue;
            }
            ++model.transaction;
            state.committed();
            committed = model;
            const Changelog written = changelog_of(out);
            records.insert(records.end(), written.begin(), written.end());
        }
        for (const std::size_t percent : {0U, 50U, 100U}) {
            const Changelog log = compacted(records, random, percent);
            Result<TotalsState> again = restored(log);
            REQUIRE(again);
            check_equal(*again, model);
            // And it goes on as the one that was never restored.
            Model there = model;
            Model here = model;
            Seeded first{seed};
            Seeded second{seed};
            apply_random_step(first, *again, there);
            TotalsState other{state};
            apply_random_step(second, other, here);
            REQUIRE(probe(*again) == probe(other));
        }
    }
}

// More than caches hold, so that what is expected is loaded ahead (KeyTable::prefetch).
TEST_CASE("a state of many keys is what a copy would be, and restores to the same") {
    constexpr std::size_t kKeys = 30'000;
    Seeded random(8);
    TotalsState state{kJob, kHere};
    TotalsState restored{kJob, kHere};
    Model model;
    const auto in_groups = [](const std::vector<std::string>& keys, TotalsState& into,
                              const auto& use) {
        for (std::size_t at = 0; at < keys.size(); at += KeyTable::kTogether) {
            const std::size_t end = std::min(keys.size(), at + KeyTable::kTogether);
            const std::vector<std::string_view> group(
                keys.begin() + static_cast<std::ptrdiff_t>(at),
                keys.begin() + static_cast<std::ptrdiff_t>(end));
            into.expect(group);
            for (std::size_t i = at; i < end; ++i) {
                use(i);
            }
        }
    };
    for (int step = 0; step < 3; ++step) {
        std::vector<std::string> keys;
        for (std::size_t i = 0; i < kKeys; ++i) {
            keys.push_back(seller_key(std::to_string(random.below(2 * kKeys))));
        }
        in_groups(keys, state, [&](std::size_t i) {
            const auto delta = amounts(1 + static_cast<Int128>(random.below(1000)), 1);
            REQUIRE(state.apply_delta(keys[i], delta));
            auto& total = model.totals.try_emplace(keys[i], amounts(0, 0)).first->second;
            for (std::size_t k = 0; k < total.size(); ++k) {
                merge_slot(kJob.kinds[k], total[k], delta[k]);
            }
        });
        OutputBatch out;
        state.seal(Offset{step}, out);
        state.committed();
        ++model.transaction;
        const Changelog changelog = changelog_of(out);
        std::vector<std::string> changed;
        for (const auto& [key, value] : changelog) {
            changed.push_back(key == meta_key() ? key : std::string{total_state_key(key)});
        }
        in_groups(changed, restored, [&](std::size_t i) {
            REQUIRE(restored.restore(changelog[i].first, changelog[i].second));
        });
    }
    REQUIRE(restored.finish_restore());
    check_equal(state, model);
    check_equal(restored, model);
}

TEST_CASE("a key that was new in a step that is taken back is gone") {
    TotalsState state = opened();
    REQUIRE(state.apply_delta(seller_key("a"), amounts(1, 1)));
    OutputBatch out;
    state.seal(Offset{1}, out);
    REQUIRE(state.apply_delta(seller_key("b"), amounts(1, 1)));
    REQUIRE(state.apply_delta(seller_key("a"), amounts(1, 1)));
    CHECK(state.keys() == 2);
    CHECK(state.filling_keys() == 2);
    state.undo_filling();
    CHECK(state.keys() == 1);
    CHECK(state.filling_keys() == 0);
    state.undo_in_flight();
    CHECK(state.keys() == 0);
}

// ---- what a step writes

TEST_CASE("a step writes each changed total and result once, and meta last") {
    TotalsState state = opened();
    REQUIRE(state.apply_delta(seller_key("a"), amounts(1'500'000'000, 1)));
    REQUIRE(state.apply_delta(seller_key("b"), amounts(1, 1)));
    REQUIRE(state.apply_delta(seller_key("a"), amounts(500'000'000, 2)));
    OutputBatch out;
    state.seal(Offset{12}, out);
    REQUIRE(out.records().size() == 5);
    const auto& total = out.records()[0];
    CHECK(total.topic == TopicRole::changelog);
    CHECK(out.key(total) == total_key(seller_key("a")));
    CHECK(out.value(total) == total_value(amounts(2'000'000'000, 3)));
    CHECK(total.headers == OutputBatch::kNoHeaders);
    const auto& result = out.records()[1];
    CHECK(result.topic == TopicRole::results);
    CHECK(result.partition == partition_for_key("a", 3));
    CHECK(out.key(result) == "a");
    CHECK(out.value(result) ==
          R"({"id_vendedor":"a","valor_total_por_vendedor":2.00,"numero_transacoes":3})");
    CHECK(
        out.header_sets().at(result.headers) ==
        OutputBatch::Headers{{"kstream.transaction", "1"}, {"kstream.run.id", "1122334455667788"}});
    CHECK(out.key(out.records()[3]) == "b");
    // Only a loop of a real application has a name to say.
    Job named = kJob;
    named.application_id = "loja";
    TotalsState state_of_named{named, kHere};
    REQUIRE(state_of_named.apply_delta(seller_key("a"), amounts(1, 1)));
    OutputBatch of_named;
    state_of_named.seal(Offset{12}, of_named);
    CHECK(of_named.header_sets().at(of_named.records()[1].headers).back() ==
          std::pair<std::string, std::optional<std::string>>{"kstream.application", "loja"});
    const auto& meta = out.records()[4];
    CHECK(meta.topic == TopicRole::changelog);
    CHECK(meta.partition == kHere);
    CHECK(out.key(meta) == meta_key());
    for (const OutputBatch::Record& record : out.records()) {
        CHECK((record.topic == TopicRole::results || record.partition == kHere));
    }
}

TEST_CASE("a step that changed no total writes meta alone") {
    TotalsState state = opened();
    OutputBatch out;
    state.seal(Offset{12}, out);
    REQUIRE(out.records().size() == 1);
    const Result<Meta> meta = decode_meta_value(*out.value(out.records()[0]), kJob.kinds);
    REQUIRE(meta);
    CHECK(meta->transaction == 1);
    CHECK(meta->repartition_position == Offset{12});
    CHECK(meta->sources.size() == 2);
    CHECK(meta->run_id == kJob.run_id);
}

TEST_CASE("transactions are numbered from one, without gaps for those that were taken back") {
    TotalsState state = opened();
    const auto sealed = [&state] {
        OutputBatch out;
        state.seal(Offset{0}, out);
        return decode_meta_value(changelog_of(out).back().second, kJob.kinds)->transaction;
    };
    CHECK(sealed() == 1);
    state.committed();
    CHECK(sealed() == 2);
    state.undo_in_flight();
    CHECK(sealed() == 2);
    state.committed();
    CHECK(sealed() == 3);
}

// ---- restore

TEST_CASE("an empty changelog restores to an empty state") {
    const Result<TotalsState> state = restored({});
    REQUIRE(state);
    CHECK_FALSE(state->restored_meta().has_value());
    check_equal(*state, Model{});
}

TEST_CASE("P8: totals that are not what meta states are refused") {
    const Model model = two_keys();
    const Meta right = model.meta(Offset{3});
    REQUIRE(restored(changelog_of(model, right)));

    Meta wrong = right;
    ++wrong.keys;
    CHECK(is_integrity(restored(changelog_of(model, wrong)), "meta counts 3 keys"));
    wrong = right;
    merge_slot(aggregate_named("sum"), wrong.slots[0], Slot{1, true});
    CHECK(is_integrity(restored(changelog_of(model, wrong)), "partition 1"));
    wrong = right;
    merge_slot(aggregate_named("count"), wrong.slots[1], Slot{-1, true});
    CHECK(is_integrity(restored(changelog_of(model, wrong))));
    wrong = right;
    ++wrong.state_hash;
    CHECK(is_integrity(restored(changelog_of(model, wrong))));

    // A lost total, one that is older than meta, two that were exchanged: the sums may agree.
    Changelog lost = changelog_of(model, right);
    lost.erase(lost.begin());
    CHECK(is_integrity(restored(lost)));
    Changelog old = changelog_of(model, right);
    old[0].second = total_value(amounts(4, 1));
    CHECK(is_integrity(restored(old)));
    Changelog exchanged = changelog_of(model, right);
    std::swap(exchanged[0].second, exchanged[1].second);
    CHECK(is_integrity(restored(exchanged)));
    Changelog more = changelog_of(model, right);
    more.insert(more.begin(), {total_key(seller_key("c")), total_value({{}, {}})});
    CHECK(is_integrity(restored(more)));
}

TEST_CASE("P8: totals without meta are refused") {
    CHECK(is_integrity(restored({{total_key(seller_key("a")), total_value(amounts(1, 1))}}),
                       "no meta"));
}

TEST_CASE("the newest meta counts, wherever older ones stand") {
    const Model model = two_keys();
    Changelog records = changelog_of(model, model.meta(Offset{3}));
    Meta old = model.meta(Offset{1});
    old.keys = 77;
    records.insert(records.begin(), {std::string{meta_key()}, meta_value(old)});
    const Result<TotalsState> state = restored(records);
    REQUIRE(state);
    CHECK(state->restored_meta()->repartition_position == Offset{3});
    check_equal(*state, model);
}

TEST_CASE("damaged and unknown changelog records are refused") {
    CHECK(is_integrity(restored({{"", "x"}})));
    CHECK(is_integrity(restored({{"\x02 reserved", total_value(amounts(1, 1))}})));
    CHECK(is_integrity(restored({{total_key(seller_key("a")), "damaged"}})));
    CHECK(is_integrity(restored({{std::string{meta_key()}, "damaged"}})));
}

TEST_CASE("a state key that the job could not have made is refused, not asserted upon") {
    // It comes from a log, not from this program.
    const std::vector<std::string> foreign{"x", "s", seller_key("a") + "more",
                                           seller_key("a").substr(0, 2)};
    for (const std::string& key : foreign) {
        CHECK(is_integrity(restored({{total_key(key), total_value(amounts(1, 1))}}), "state key"));
        TotalsState state = opened();
        CHECK(is_integrity(state.apply_delta(key, amounts(1, 1)), "state key"));
    }
    TotalsState state = opened();
    CHECK(is_integrity(state.apply_delta("", amounts(1, 1)), "state key"));
}

TEST_CASE("a state partition that holds all the keys that it can says so") {
    const auto is_full = [](const Result<void>& done) {
        return !done && done.error().exit_code == ExitCode::internal &&
               done.error().message.contains("partition 1: more than 2 keys") &&
               done.error().hint.contains("create-topics");
    };
    TotalsState state{kJob, kHere, 2};
    REQUIRE(state.apply_delta(seller_key("a"), amounts(1, 1)));
    REQUIRE(state.apply_delta(seller_key("b"), amounts(1, 1)));
    REQUIRE(state.apply_delta(seller_key("a"), amounts(1, 1)));
    CHECK(is_full(state.apply_delta(seller_key("c"), amounts(1, 1))));
    TotalsState restoring{kJob, kHere, 2};
    REQUIRE(restoring.restore(total_key(seller_key("a")), total_value(amounts(1, 1))));
    REQUIRE(restoring.restore(total_key(seller_key("b")), total_value(amounts(1, 1))));
    CHECK(is_full(restoring.restore(total_key(seller_key("c")), total_value(amounts(1, 1)))));
}

// ---- sums at their limits

TEST_CASE("a total past 128 bits goes on, is undone and comes back from the changelog") {
    const Int192 twice = Int192{kMax} + Int192{kMax};
    TotalsState state = opened();
    REQUIRE(state.apply_delta(seller_key("a"), amounts(kMax, 1)));
    REQUIRE(state.apply_delta(seller_key("a"), amounts(kMax, 1)));
    // Each key fits, the sum over all does not.
    REQUIRE(state.apply_delta(seller_key("b"), amounts(kMax, 1)));
    SourceRange range = source_range(0, 5, 6);
    range.slots = amounts(twice + Int192{kMax}, 3);
    state.apply_ranges(step_header({range}));

    OutputBatch out;
    state.seal(Offset{1}, out);
    const Changelog log = changelog_of(out);
    const Result<Meta> meta = decode_meta_value(log.back().second, kJob.kinds);
    REQUIRE(meta);
    CHECK(meta->slots == amounts(twice + Int192{kMax}, 3));
    CHECK(meta->sources.at(0).slots == meta->slots);
    CHECK(out.value(out.records().at(1))
              .value()
              .find("\"valor_total_por_vendedor\":340282366920938463463374607431.768211454,") !=
          std::string_view::npos);
    const Result<TotalsState> again = restored(log);
    REQUIRE(again);
    CHECK(probe(*again) == probe(state));

    state.committed();
    const Meta before = probe(state);
    REQUIRE(state.apply_delta(seller_key("a"), amounts(-twice, 1)));
    CHECK(probe(state) != before);
    state.undo_filling();
    CHECK(probe(state) == before);
}

// ---- chains

TEST_CASE("P2: ranges that begin where the state ends are next") {
    const TotalsState state = opened();
    CHECK(chain(state, {source_range(0, 5, 9)}) == TotalsState::Chain::next);
    CHECK(chain(state, {source_range(0, 5, 9), source_range(2, 100, 101)}) ==
          TotalsState::Chain::next);
}

TEST_CASE("P2: ranges that are all applied are a duplicate") {
    TotalsState state = opened();
    state.apply_ranges(step_header({source_range(0, 5, 9), source_range(2, 100, 101)}));
    CHECK(chain(state, {source_range(0, 5, 9), source_range(2, 100, 101)}) ==
          TotalsState::Chain::duplicate);
    CHECK(chain(state, {source_range(0, 5, 7)}) == TotalsState::Chain::duplicate);
    CHECK(chain(state, {source_range(0, 7, 9)}) == TotalsState::Chain::duplicate);
}

TEST_CASE("P2: gaps, overlaps and mixtures break the chain, and the message says where") {
    TotalsState state = opened();
    state.apply_ranges(step_header({source_range(0, 5, 9)}));
    const auto gap = chain(state, {source_range(0, 10, 12)});
    REQUIRE(is_integrity(gap, "source partition 0 is applied up to 9, the batch has [10, 12)"));
    CHECK(gap.error().message.find("totals partition 1") != std::string::npos);
    CHECK(gap.error().message.find("partition 1 offset 77") != std::string::npos);
    CHECK(is_integrity(chain(state, {source_range(0, 7, 12)}), "[7, 12)"));
    CHECK(is_integrity(chain(state, {source_range(0, 9, 12), source_range(2, 99, 101)}),
                       "source partition 2"));
    CHECK(is_integrity(chain(state, {source_range(0, 5, 9), source_range(2, 100, 101)}),
                       "some ranges are new"));
}

TEST_CASE("P3: a source partition that was never opened is refused") {
    const TotalsState state = opened();
    CHECK(is_integrity(chain(state, {source_range(1, 0, 3)}), "partition 1 was never opened"));
    CHECK(
        is_integrity(chain(state, {source_range(0, 5, 9), source_range(1, 0, 3)}), "never opened"));
    CHECK(is_integrity(chain(TotalsState{kJob, kHere}, {source_range(0, 0, 3)}), "never opened"));
}

TEST_CASE("P3: a source partition is opened once") {
    const TotalsState state = opened();
    const auto opens = [&state](const std::vector<std::pair<std::int32_t, std::int64_t>>& bases) {
        return state.check_chain(open_header(bases), "here");
    };
    CHECK(opens({{1, 0}, {3, 9}}) == TotalsState::Chain::next);
    CHECK(is_integrity(opens({{0, 5}}), "source partition 0 is opened at 5 again"));
    CHECK(is_integrity(opens({{0, 0}}), "opened"));
    CHECK(is_integrity(opens({{0, 99}}), "opened"));
    CHECK(is_integrity(opens({{1, 0}, {2, 100}}), "source partition 2 is opened"));
}

TEST_CASE("a broken chain leaves the state as it was") {
    const TotalsState state = opened();
    const Meta before = probe(state);
    CHECK_FALSE(chain(state, {source_range(0, 6, 9)}));
    CHECK(probe(state) == before);
}

TEST_CASE("progress adds up counts and sums, and has the watermark of each source partition") {
    TotalsState state = opened();
    SourceRange first = source_range(0, 5, 9);
    first.watermark = 50;
    SourceRange second = source_range(0, 9, 10);
    second.watermark_before = 50;
    second.watermark = 60;
    second.counts = {1, 0, 0, 0, 1, 0, 0};
    second.slots = {{}, {}};
    state.apply_ranges(step_header({first}));
    state.apply_ranges(step_header({second}));
    const Meta meta = probe(state);
    REQUIRE(meta.sources.size() == 2);
    const SourceProgress& progress = meta.sources[0];
    CHECK(progress.base == Offset{5});
    CHECK(progress.applied == Offset{10});
    CHECK(progress.counts == RecordCounts{5, 4, 0, 0, 1, 0, 0});
    CHECK(progress.watermark == 60);
    CHECK(progress.slots == amounts(40, 4));
    CHECK(meta.sources[1].applied == Offset{100});
}

}  // namespace kstream
