// /state and /state/KEY: what is asked of the loops, and what is made of their answers.
#include "telemetry/state_pages.hpp"

#include "support/manual_clock.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

StateEntry entry(std::int32_t partition, std::uint32_t index, std::string key) {
    std::string value = "{\"id\":\"" + key + "\",\"n\":" + std::to_string(index) + "}";
    return {PartitionId{partition}, index, std::move(key), std::move(value)};
}

// Two totals loops, of partitions 0 and 2 and of 1; the job has 4.
struct Bench {
    Bench() {
        facts.aggregates = {"n"};
        facts.graph = "n";
        board.set_state_partitions(4);
        desks = {&board.add_desk(), &board.add_desk()};
        publish_peers();
    }

    void publish_peers() {
        board.peers().publish(
            {.list = {{.http = "me:1", .host = "h", .self = true, .partitions = {{0}, {1}, {2}}},
                      {.http = "other:2", .host = "10.0.0.2", .self = false, .partitions = {{3}}}},
             .asked = clock.now()});
    }

    // The reply once every loop has answered what `answers` says for it.
    HttpResponse response(HttpReply reply,
                          const std::function<StateAnswer(std::size_t, const StateQuestion&)>& of) {
        if (auto* const done = std::get_if<HttpResponse>(&reply)) {
            return *done;
        }
        const auto& pending = std::get<HttpPending>(reply);
        CHECK_FALSE(pending());
        for (std::size_t i = 0; i < desks.size(); ++i) {
            if (const auto question = desks[i]->take()) {
                asked.push_back(*question);
                desks[i]->answer(of(i, *question));
            }
        }
        for (int looks = 0; looks < 2; ++looks) {
            if (const auto done = pending()) {
                return *done;
            }
            clock.advance(kStatePatience);
        }
        FAIL("no answer");
        return {};
    }
    HttpResponse list(const std::string& query,
                      const std::function<StateAnswer(std::size_t, const StateQuestion&)>& of) {
        HttpRequest request;
        request.path = "/state";
        request.query = query;
        return response(list_state(sources, request), of);
    }
    HttpResponse find(const std::string& path, const StateAnswer& first,
                      const StateAnswer& second) {
        HttpRequest request;
        request.path = "/state/" + path;
        return response(find_state(sources, request), [&](std::size_t desk, const StateQuestion&) {
            return desk == 0 ? first : second;
        });
    }

    ManualClock clock;
    StateBoard board;
    SnapshotStore snapshots{clock};
    StatusFacts facts;
    StateSources sources{board, snapshots, clock, facts};
    std::vector<QuestionDesk*> desks;
    std::vector<StateQuestion> asked;
};

StateAnswer has(std::vector<StatePartition> partitions, std::vector<StateEntry> entries = {},
                std::optional<PartitionId> key_partition = std::nullopt) {
    return {std::move(partitions), std::move(entries), false, key_partition};
}

const StatePartition kZero{PartitionId{0}, 2};
const StatePartition kOne{PartitionId{1}, 1};
const StatePartition kTwo{PartitionId{2}, 1};

}  // namespace

TEST_CASE("The lists of all loops are one list, by partition and index") {
    Bench b;
    const HttpResponse response = b.list("", [](std::size_t desk, const StateQuestion&) {
        return desk == 0
                   ? has({kZero, kTwo}, {entry(0, 0, "a"), entry(0, 1, "b"), entry(2, 0, "d")})
                   : has({kOne}, {entry(1, 0, "c")});
    });
    CHECK(response.status == 200);
    CHECK(response.content_type == kJsonType);
    CHECK(b.asked.at(0).max_entries == kDefaultStateKeys);
    CHECK(response.body ==
          R"({"partial":true,"state_partitions":4,"partitions":[{"partition":0,"keys":2},)"
          R"({"partition":1,"keys":1},{"partition":2,"keys":1}],"keys":4,"restoring":[],)"
          R"("windows":null,"group_by":[],"aggregates":["n"],"graph":"n","entries":[)"
          R"({"key":"a","partition":0,"total":{"id":"a","n":0}},)"
          R"({"key":"b","partition":0,"total":{"id":"b","n":1}},)"
          R"({"key":"c","partition":1,"total":{"id":"c","n":0}},)"
          R"({"key":"d","partition":2,"total":{"id":"d","n":0}}],"next":null,)"
          R"("peers":[{"http":"me:1","host":"h","self":true,"partitions":[0,1,2]},)"
          R"({"http":"other:2","host":"10.0.0.2","self":false,"partitions":[3]}],)"
          R"("peers_age_seconds":0})"
          "\n");
}

TEST_CASE("A list is cut at its limit and goes on after it") {
    Bench b;
    const auto first = b.list("limit=2", [](std::size_t desk, const StateQuestion& question) {
        CHECK(question.max_entries == 2);
        StateAnswer answer = desk == 0 ? has({kZero, kTwo}, {entry(0, 0, "a"), entry(0, 1, "b")})
                                       : has({kOne}, {entry(1, 0, "c")});
        answer.more = desk == 0;
        return answer;
    });
    CHECK(first.body.contains(R"("next":"0.2")"));
    CHECK_FALSE(first.body.contains(R"("key":"c")"));
    CHECK(first.body.contains(R"("keys":4)"));
    b.asked.clear();
    (void)b.list("limit=2&after=0.2",
                 [](std::size_t, const StateQuestion&) { return has({kOne}); });
    CHECK(b.asked.at(0).from_partition == PartitionId{0});
    CHECK(b.asked.at(0).from_index == 2);
}

TEST_CASE("A list is cut at its bytes, also where each loop has kept to them") {
    Bench b;
    const std::string large(kMaxStateBytes / 2 - 20, 'x');  // two fit, with key and braces
    const auto of = [&large](std::int32_t partition, std::uint32_t index) {
        StateEntry one = entry(partition, index, "k" + std::to_string(partition));
        one.value = "\"" + large + "\"";
        return one;
    };
    const auto cut = b.list("", [&of](std::size_t desk, const StateQuestion& question) {
        CHECK(question.max_bytes == kMaxStateBytes);
        return desk == 0 ? has({kZero}, {of(0, 0)}) : has({kOne}, {of(1, 0), of(1, 1)});
    });
    CHECK(cut.body.contains(R"("next":"1.1")"));
    CHECK(cut.body.size() < kMaxStateBytes + 1000);
    CHECK(cut.body.size() > kMaxStateBytes - 1000);
}

TEST_CASE("One total that is larger than an answer is an answer all the same") {
    Bench b;
    const auto whole = b.list("", [](std::size_t desk, const StateQuestion&) {
        StateEntry one = entry(0, 0, "a");
        one.value = "\"" + std::string(kMaxStateBytes, 'x') + "\"";
        return desk == 0 ? has({kZero}, {one, entry(0, 1, "b")}) : has({kOne});
    });
    CHECK(whole.body.contains(R"("key":"a")"));
    CHECK(whole.body.contains(R"("next":"0.1")"));
}

TEST_CASE("Behind the end of a cut list nothing is shown: the other loop's keys come later") {
    Bench b;
    const auto cut = b.list("limit=10", [](std::size_t desk, const StateQuestion&) {
        StateAnswer answer =
            desk == 0 ? has({kZero, kTwo}, {entry(0, 0, "a")}) : has({kOne}, {entry(1, 0, "c")});
        answer.more = desk == 0;  // by its bytes
        return answer;
    });
    CHECK(cut.body.contains(R"("next":"0.1")"));
    CHECK_FALSE(cut.body.contains(R"("key":"c")"));
}

TEST_CASE("Limits and cursors that are none are refused") {
    Bench b;
    for (const char* query :
         {"limit=0", "limit=1001", "limit=x", "limit=", "limit=-1", "after=", "after=1", "after=1.",
          "after=.1", "after=-1.0", "after=1.x", "after=99999999999.0"}) {
        INFO(query);
        HttpRequest request;
        request.query = query;
        const HttpReply reply = list_state(b.sources, request);
        REQUIRE(std::holds_alternative<HttpResponse>(reply));
        CHECK(std::get<HttpResponse>(reply).status == 400);
    }
}

TEST_CASE("A process with all state partitions is not partial") {
    Bench b;
    b.board.set_state_partitions(3);
    CHECK(b.list("", [](std::size_t desk, const StateQuestion&) {
               return desk == 0 ? has({kZero, kTwo}) : has({kOne});
           }).body.starts_with(R"({"partial":false,)"));
}

TEST_CASE("Of windows a list says which source partition they wait for, and what it has counted") {
    Bench b;
    LoopStatus map;
    map.fold.late = 5;
    map.fold.bad_records[static_cast<std::size_t>(BadReason::time_future)] = 2;
    map.member.partitions = {{.partition = PartitionId{1}, .idle = true},
                             {.partition = PartitionId{2}, .idle = false}};
    b.snapshots.publish(map);
    LoopStatus totals;
    totals.stage = Stage::totals;
    totals.fold.keys_closed = 7;
    // Of the topic of deltas: no source partition.
    totals.member.partitions = {{.partition = PartitionId{0}}};
    b.snapshots.publish(totals);
    StatePartition zero = kZero;
    StatePartition one = kOne;
    zero.clock = 4'500;
    zero.sources = {{PartitionId{0}, 9'000}, {PartitionId{1}, 5'000}, {PartitionId{2}, 6'000}};
    one.clock = 4'000;
    one.sources = {{PartitionId{0}, 9'000}, {PartitionId{1}, 5'250}, {PartitionId{2}, 4'000}};
    const auto windows = [&b, &zero, &one] {
        const std::string body = b.list("", [&](std::size_t desk, const StateQuestion&) {
                                      return desk == 0 ? has({zero}) : has({one});
                                  }).body;
        const std::size_t begin = body.find(R"("windows":)");
        return body.substr(begin, body.find(R"(,"group_by")") - begin);
    };
    CHECK(windows() == R"("windows":{"open":3,"closed":7,"late":5,"future":2,"clock":4,)"
                       R"("held_back_by":2,"sources":[)"
                       R"({"partition":0,"watermark":9,"idle":null},)"
                       R"({"partition":1,"watermark":5,"idle":true},)"
                       R"({"partition":2,"watermark":4,"idle":false}]})");
    // Without a time it holds back more than with the least one, and no window can close.
    one.sources[0].watermark = kNoTime;
    one.clock = kNoTime;
    CHECK(windows().contains(R"("clock":null,"held_back_by":0,)"));
    CHECK(windows().contains(R"({"partition":0,"watermark":null,"idle":null},)"));
}

TEST_CASE("A key of this process is found, with its name decoded") {
    Bench b;
    const auto response = b.find("a%2Fb%20c", has({kZero}, {}, PartitionId{1}),
                                 has({kOne}, {entry(1, 7, "a/b c")}, PartitionId{1}));
    CHECK(b.asked.at(0).kind == StateQuestion::Kind::find);
    CHECK(b.asked.at(0).key == "a/b c");
    CHECK(response.status == 200);
    CHECK(response.body ==
          "{\"key\":\"a/b c\",\"partition\":1,\"total\":{\"id\":\"a/b c\",\"n\":7}}\n");
    HttpRequest bad;
    bad.path = "/state/%zz";
    CHECK(std::get<HttpResponse>(find_state(b.sources, bad)).status == 400);
}

TEST_CASE("A key that does not exist is 404, whether it could be or not") {
    Bench b;
    const auto absent =
        b.find("a", has({kZero}, {}, PartitionId{1}), has({kOne}, {}, PartitionId{1}));
    CHECK(absent.status == 404);
    CHECK(absent.body.contains(R"("error":"this key has no committed total")"));
    CHECK(absent.body.contains(R"("owner":null)"));
    const auto none = b.find("[1", has({kZero}), has({kOne}));
    CHECK(none.status == 404);
    CHECK(none.body.contains("no group of this job has such a key"));
}

TEST_CASE("A key of another process is 404 with its address") {
    Bench b;
    const auto response =
        b.find("%C3%A9/x", has({kZero}, {}, PartitionId{3}), has({kOne}, {}, PartitionId{3}));
    CHECK(response.status == 404);
    CHECK(response.body.contains(
        R"("owner":{"host":"10.0.0.2","http":"other:2","url":"http://other:2/state/%C3%A9%2Fx"})"));
}

TEST_CASE("While a partition is restored, or nobody is known to have it, the answer is 503") {
    Bench b;
    const auto nobody =
        b.find("a", has({kZero}, {}, PartitionId{2}), has({kOne}, {}, PartitionId{2}));
    CHECK(nobody.status == 503);  // ours by the group's word, and not in service yet
    LoopStatus status;
    status.stage = Stage::totals;
    status.member.partitions = {{.partition = PartitionId{2}, .restoring = true}};
    b.snapshots.publish(status);
    const auto restoring =
        b.find("a", has({kZero}, {}, PartitionId{2}), has({kOne}, {}, PartitionId{2}));
    CHECK(restoring.status == 503);
    CHECK(restoring.body.contains("is being restored"));
    CHECK(b.list("", [](std::size_t, const StateQuestion&) {
               return has({kZero});
           }).body.contains(R"("restoring":[2])"));
}

TEST_CASE("A loop that does not answer is 503 after a second, and no loop at all at once") {
    Bench b;
    const HttpReply reply = list_state(b.sources, {});
    const auto& pending = std::get<HttpPending>(reply);
    b.desks[0]->answer({});
    REQUIRE(b.desks[0]->take());
    b.desks[0]->answer(has({kZero}));
    CHECK_FALSE(pending());
    b.clock.advance(kStatePatience);
    const auto response = pending();
    REQUIRE(response);
    CHECK(response->status == 503);
    CHECK(response->body.contains("has not answered within 1000 ms"));

    StateBoard empty;
    const StateSources nothing{empty, b.snapshots, b.clock, b.facts};
    CHECK(std::get<HttpResponse>(list_state(nothing, {})).status == 503);
}

TEST_CASE("Old news of the peers are waited for, and shown when nothing newer comes") {
    Bench b;
    b.clock.advance(seconds(60));
    const HttpReply reply = list_state(b.sources, {});
    const auto& pending = std::get<HttpPending>(reply);
    for (QuestionDesk* const desk : b.desks) {
        REQUIRE(desk->take());
        desk->answer(has({kZero}));
    }
    CHECK_FALSE(pending());
    CHECK(b.board.peers().wait_wanted(seconds(0)));
    SECTION("a newer answer") {
        b.publish_peers();
        CHECK(pending().value().body.contains(R"("peers_age_seconds":0})"));
    }
    SECTION("none within the time") {
        b.clock.advance(kStatePatience);
        CHECK(pending().value().body.contains(R"("peers_age_seconds":61})"));
    }
}

TEST_CASE("Questions that nobody waits for any more are passed over") {
    QuestionDesk desk;
    CHECK_FALSE(desk.take());
    StateQuestion question;
    question.key = "dropped";
    (void)desk.ask(question);
    question.key = "kept";
    const auto kept = desk.ask(question);
    CHECK(desk.take()->key == "kept");
    CHECK_FALSE(desk.take());
    desk.answer(has({kOne}));
    CHECK(kept->take()->partitions.size() == 1);
    CHECK_FALSE(kept->take());
    desk.answer(has({kOne}));  // to nobody
}

TEST_CASE("A desk to which no loop comes takes no more than its bound") {
    QuestionDesk desk;
    std::vector<std::shared_ptr<QuestionDesk::Ticket>> tickets;
    for (std::size_t i = 0; i < QuestionDesk::kMaxOpen; ++i) {
        tickets.push_back(desk.ask({}));
        REQUIRE(tickets.back());
    }
    CHECK_FALSE(desk.ask({}));
    tickets.pop_back();
    CHECK(desk.ask({}));
}

}  // namespace kstream::telemetry
