// Each phase of the step in flight with each thing that can happen to a loop: whatever it is, and
// whenever it comes, every record is committed once.
#include "kstream/pipeline/step_loop.hpp"
#include "support/fakes/step_loop_bench.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::seconds;

// Two partitions, and a cluster that goes on by itself when it is told to.
struct World : testing::StepLoopBench {
    void commit_offsets() {
        for (const StepRange& range : sink.last().ranges) {
            group[range.partition].offset = range.to;
        }
    }
    void finish_committed() {
        commit_offsets();
        sink.finish(TransactionResult::committed);
    }
    // The step is committed, and the loop is not told.
    void commit_in_truth() {
        commit_offsets();
        told = false;
    }
    void revoke(const std::vector<std::int32_t>& partitions, bool lost = false) {
        asked_back.insert(partitions.begin(), partitions.end());
        source.revoke(partitions, lost);
    }
    [[nodiscard]] bool keeps(std::int32_t partition) const {
        return source.owns(partition) && !asked_back.contains(partition);
    }
    // Another member has committed this position.
    void move_on(std::int32_t partition, std::int64_t position) {
        group[PartitionId{partition}].offset = Offset{position};
        told = false;
    }
    // The offset that a takeover finds; none: never read.
    void take_over(PartitionId partition) {
        const auto found = group.find(partition);
        const Offset position = found == group.end() ? Offset{0} : found->second.offset;
        from[partition] = {position, fold.committed_records(partition.value).size()};
        takeover.make_ready(partition.value, position.value, found == group.end() && unread);
    }
    void answer_takeovers() {
        for (const PartitionId partition : std::vector{takeover.under_way}) {
            take_over(partition);
        }
    }
    void own_both() {
        source.assign({0, 1});
        run_until([this] { return !source.has_events(); });
        answer_takeovers();
        run(1);
    }
    // One iteration; false when the loop has ended, which it may only when it was asked to.
    bool step() {
        const Result<bool> more = loop.run_once();
        if (!more) {
            CAPTURE(more.error().message);
            REQUIRE(more.has_value());
        }
        return *more;
    }
    // Nothing is in anybody's way any more: goes on until all is committed.
    void settle() {
        queries.held = false;
        source.member = true;
        source.stalled = false;
        fold.half_read = false;          // the rest of the map step comes
        for (int i = 0; i < 600; ++i) {  // half a minute of its clock
            if (sink.state() == TransactionSink::State::starting) {
                sink.stand();
            }
            if (sink.in_flight()) {
                finish_committed();
            }
            if (!step()) {
                ended = true;
                return;
            }
            answer_takeovers();
        }
    }

    // Of each partition: position of its last takeover, and how many records were committed before.
    std::map<PartitionId, std::pair<Offset, std::size_t>> from;
    std::set<std::int32_t> asked_back;
    bool unread = false;  // partitions open with a step of their own
    bool told = true;     // the loop knows all that is committed, if it still has the partitions
    bool stopped = false;
    bool ended = false;
};

struct Phase {
    const char* name;
    std::function<void(World&)> reach;
};

struct Happening {
    const char* name;
    std::function<bool(const World&)> possible;
    std::function<void(World&)> happen;
};

void fill(World& w) {
    w.add(0, 3);
    w.add(1, 3);
    w.run(2);
}

void fly(World& w) {
    w.own_both();
    fill(w);
    w.run_until_submitted();
    fill(w);  // and another step fills after it
}

const std::vector<Phase>& phases() {
    static const std::vector<Phase> all{
        {"settled, nothing read",
         [](World& w) {
             w.own_both();
             REQUIRE(w.fold.filling(0).empty());
         }},
        {"settled, filling",
         [](World& w) {
             w.own_both();
             w.source.member = false;  // so that it is not submitted at once
             fill(w);
             REQUIRE(w.fold.filling(1).size() == 3);
         }},
        {"being taken over",
         [](World& w) {
             w.source.assign({0, 1});
             w.run(3);
             fill(w);
             REQUIRE(w.takeover.under_way.size() == 2);
         }},
        {"in flight", fly},
        {"in flight, an open step",
         [](World& w) {
             w.unread = true;
             w.own_both();
             w.run_until_submitted();
             fill(w);
             REQUIRE(w.fold.open_seals == 1);
         }},
        {"uncertain, not committed",
         [](World& w) {
             fly(w);
             w.lose_outcome();
             REQUIRE(w.queries.asked.empty());
         }},
        {"uncertain, committed",
         [](World& w) {
             fly(w);
             w.commit_in_truth();
             w.lose_outcome();
         }},
        {"uncertain, superseded",
         [](World& w) {
             fly(w);
             w.commit_in_truth();
             w.move_on(1, 4);
             w.lose_outcome();
         }},
        {"judging, not committed",
         [](World& w) {
             fly(w);
             w.lose_outcome();
             w.queries.held = true;
             w.sink.stand();
             w.run(1);
             REQUIRE(w.queries.busy());
         }},
        {"judging, committed",
         [](World& w) {
             fly(w);
             w.commit_in_truth();
             w.lose_outcome();
             w.queries.held = true;
             w.sink.stand();
             w.run(1);
             REQUIRE(w.queries.busy());
         }},
        {"suspected",
         [](World& w) {
             w.own_both();
             w.sink.start_anew();
             fill(w);
             w.source.miss_generation();
             w.run(3);
             REQUIRE(w.queries.asked.empty());
             REQUIRE(w.source.flow == RecordSource::Flow::closed);
         }},
        {"comparing, as believed",
         [](World& w) {
             fly(w);
             w.finish_committed();
             w.queries.held = true;
             w.source.miss_generation();
             w.run(3);
             if (w.sink.in_flight()) {
                 w.finish_committed();
                 w.run(2);
             }
             REQUIRE(w.queries.busy());
         }},
        {"comparing, another has gone on",
         [](World& w) {
             w.own_both();
             w.source.member = false;
             fill(w);
             w.move_on(0, 2);
             w.queries.held = true;
             w.source.miss_generation();
             w.run(3);
             REQUIRE(w.queries.busy());
         }},
        {"given up",
         [](World& w) {
             fly(w);
             w.revoke({1});
             w.run_for(seconds{6});
             REQUIRE(w.sink.rebuilds == 1);
             REQUIRE(w.source.released.size() == 1);
         }},
    };
    return all;
}

bool always(const World&) {
    return true;
}
bool in_flight(const World& w) {
    return w.sink.in_flight();
}
bool keeps_both(const World& w) {
    return w.keeps(0) && w.keeps(1);
}

const std::vector<Happening>& happenings() {
    static const std::vector<Happening> all{
        {"nothing", always, [](World&) {}},
        {"committed", in_flight, [](World& w) { w.finish_committed(); }},
        {"aborted", in_flight, [](World& w) { w.sink.finish(TransactionResult::aborted); }},
        {"uncertain", in_flight, [](World& w) { w.sink.finish(TransactionResult::uncertain); }},
        {"uncertain, in truth committed", in_flight,
         [](World& w) {
             w.commit_in_truth();
             w.sink.finish(TransactionResult::uncertain);
         }},
        {"fenced", in_flight, [](World& w) { w.sink.finish(TransactionResult::fenced); }},
        {"another partition", [](const World& w) { return !w.source.owns(2); },
         [](World& w) { w.source.assign({2}); }},
        {"an empty assignment", always, [](World& w) { w.source.assign({}); }},
        {"one revoked", keeps_both, [](World& w) { w.revoke({1}); }},
        {"both revoked", keeps_both, [](World& w) { w.revoke({0, 1}); }},
        {"one revoked, one lost", keeps_both,
         [](World& w) {
             w.revoke({1});
             w.revoke({0}, true);
         }},
        {"lost", keeps_both, [](World& w) { w.revoke({0, 1}, true); }},
        {"revoked, and no outcome for long",
         [](const World& w) { return keeps_both(w) && !w.stopped; },
         [](World& w) {
             w.revoke({1});
             w.run_for(seconds{6});
         }},
        {"out of range", keeps_both, [](World& w) { w.source.overtake({0}); }},
        {"a generation missed", always, [](World& w) { w.source.miss_generation(); }},
        {"both of these", keeps_both,
         [](World& w) {
             w.source.overtake({0});
             w.source.miss_generation();
         }},
        {"a generation missed, then revoked", keeps_both,
         [](World& w) {
             w.source.miss_generation();
             w.revoke({1});
         }},
        {"records", always,
         [](World& w) {
             w.add(0, 2);
             w.add(1, 2);
         }},
        {"a poll that fails", always,
         [](World& w) { w.source.fail_next_poll(testing::retriable("a broker")); }},
        {"an answer that fails", always,
         [](World& w) {
             w.queries.intercept =
                 [once = true](const Query&) mutable -> std::optional<Result<QueryAnswer>> {
                 return std::exchange(once, false)
                            ? std::optional<Result<QueryAnswer>>{std::unexpected(
                                  testing::retriable("not the coordinator"))}
                            : std::nullopt;
             };
         }},
        {"half a map step", always, [](World& w) { w.fold.half_read = w.fold.filling(0).size(); }},
        {"a stop", always,
         [](World& w) {
             w.loop.request_stop();
             w.stopped = true;
         }},
    };
    return all;
}

void check_every_record_once(const World& w) {
    for (const std::int32_t partition : {0, 1}) {
        CAPTURE(partition);
        const PartitionId id{partition};
        const std::vector<std::int64_t> records = w.fold.committed_records(partition);
        const auto taken = w.from.find(id);
        if (taken == w.from.end()) {
            CHECK(records.empty());
            continue;
        }
        // Behind the last takeover: without a hole, and none twice.
        std::int64_t next = taken->second.first.value;
        for (std::size_t i = taken->second.second; i < records.size(); ++i, ++next) {
            CHECK(records[i] == next);
        }
        const auto committed = w.group.find(id);
        const std::int64_t end = committed == w.group.end() ? 0 : committed->second.offset.value;
        if (w.source.owns(partition) && !w.ended) {
            CHECK(next == end);
            CHECK(end == w.log.end(TopicRole::source, id).value);
        } else if (w.told) {
            CHECK(next == end);
        } else {
            CHECK(next <= end);  // who takes over goes on from there
        }
    }
}

}  // namespace

TEST_CASE("every phase of a step with everything that can happen: each record counts once") {
    for (const Phase& phase : phases()) {
        for (const Happening& happening : happenings()) {
            for (const int later : {0, 1, 2, 5}) {
                const std::string what = std::string{phase.name} + " / " + happening.name + " / " +
                                         std::to_string(later);
                CAPTURE(what);
                World w;
                phase.reach(w);
                if (!happening.possible(w)) {
                    continue;
                }
                happening.happen(w);
                for (int i = 0; i < later; ++i) {
                    if (!w.step()) {
                        w.ended = true;
                        break;
                    }
                }
                if (!w.ended) {
                    w.settle();
                }
                check_every_record_once(w);
            }
        }
    }
}

TEST_CASE("every phase of a step with any two things that can happen") {
    for (const Phase& phase : phases()) {
        for (const Happening& first : happenings()) {
            for (const Happening& second : happenings()) {
                const std::string what =
                    std::string{phase.name} + " / " + first.name + " / " + second.name;
                CAPTURE(what);
                World w;
                phase.reach(w);
                if (!first.possible(w)) {
                    continue;
                }
                first.happen(w);
                w.ended = !w.step();
                if (!w.ended && second.possible(w)) {
                    second.happen(w);
                }
                if (!w.ended) {
                    w.settle();
                }
                check_every_record_once(w);
            }
        }
    }
}

}  // namespace kstream
