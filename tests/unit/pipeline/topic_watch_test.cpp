// A topic that was deleted, re-created or enlarged ends the job with a reason that names it (P4).
#include "kstream/pipeline/topic_watch.hpp"

#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace kstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Of a job with windows; others have none for late records.
constexpr std::array kRoles{TopicRole::source,  TopicRole::repartition,  TopicRole::changelog,
                            TopicRole::results, TopicRole::dead_letters, TopicRole::late};
enum class Windows : std::uint8_t { no, yes };

struct Bench {
    explicit Bench(Windows windows = Windows::no)
        : watch{topics(windows), queries, clock, recorded} {}

    // Of the cluster and of the watch, which is made before any test has a say.
    TopicWatch::Topics topics(Windows windows) {
        TopicWatch::Topics topics;
        for (const TopicRole role : kRoles) {
            if (role == TopicRole::late && windows == Windows::no) {
                continue;
            }
            const auto number = static_cast<std::uint8_t>(role);
            queries.topic_ids[role] = testing::topic_id(static_cast<std::uint8_t>(0x30 + number));
            queries.partition_counts[role] = 4;
            topics[static_cast<std::size_t>(role)] = {
                "topic-" + std::to_string(static_cast<int>(role)), queries.topic_ids[role],
                queries.partition_counts[role]};
        }
        return topics;
    }
    void fill(TopicRole topic, int records) {
        for (std::int32_t partition = 0; partition < 4; ++partition) {
            for (int i = 0; i < records; ++i) {
                log.append(topic, partition, "k", "v", 0);
            }
        }
    }
    // What it says in the course of this time, as soon as it says it.
    Result<void> look_for(Duration span) {
        const Instant end = clock.now() + span;
        while (clock.now() < end) {
            if (Result<void> same = watch.advance(); !same) {
                return same;
            }
            clock.advance(milliseconds{200});
        }
        return {};
    }

    testing::FakeClock clock;
    testing::MemoryLog log;
    testing::GroupOffsets group;
    testing::FakeQueries queries{log, group, testing::make_job()};
    testing::RecordingLog recorded;
    TopicWatch watch;
};

std::string name_of(TopicRole role) {
    return "topic-" + std::to_string(static_cast<int>(role));
}

}  // namespace

TEST_CASE("topics that are what they were are no trouble, and are asked for every two seconds") {
    Bench b;
    REQUIRE(b.look_for(seconds{60}));
    CHECK(b.watch.trouble().empty());
    std::size_t topics = 0;
    for (const Query& query : b.queries.asked) {
        topics += query.kind == Query::Kind::topics ? 1U : 0U;
        CHECK((query.kind != Query::Kind::topics || query.expected.size() == kTopicRoleCount));
    }
    CHECK(topics >= 20);
    CHECK(topics <= 30);
}

TEST_CASE("records that are deleted from the changelog are said, and the job goes on, not ready") {
    Bench b;
    b.fill(TopicRole::changelog, 10);
    REQUIRE(b.look_for(seconds{30}));
    CHECK(b.watch.trouble().empty());
    CHECK(b.recorded.lines.empty());
    b.log.delete_below(TopicRole::changelog, 2, 4);
    REQUIRE(b.look_for(seconds{14}));
    CHECK(b.watch.trouble() ==
          "records [0, 4) of topic topic-2 partition 2 were deleted: totals cannot be restored");
    REQUIRE(b.recorded.lines.size() == 1);
    CHECK(b.recorded.lines[0].level == LogLevel::error);
    CHECK(b.recorded.has("topic=topic-2 partition=2 from=0 to=4"));
}

// A changelog that was emptied within a second of the start was not noticed: what is deleted is
// what was there at the first look.
TEST_CASE("whether it knows where the logs begin is known") {
    Bench b;
    b.watch.look_now();
    CHECK_FALSE(b.watch.has_asked_for_starts());
    REQUIRE(b.watch.advance());
    CHECK_FALSE(b.watch.has_asked_for_starts());
    REQUIRE(b.look_for(seconds{1}));
    CHECK(b.watch.has_asked_for_starts());
}

TEST_CASE("records that are deleted from the results are said, and nothing else") {
    Bench b;
    b.fill(TopicRole::results, 10);
    REQUIRE(b.look_for(seconds{30}));
    b.log.delete_below(TopicRole::results, 0, 10);
    REQUIRE(b.look_for(seconds{14}));
    CHECK(b.watch.trouble().empty());
    REQUIRE(b.recorded.lines.size() == 1);
    CHECK(b.recorded.lines[0].level == LogLevel::warn);
}

TEST_CASE("logs whose start cannot be asked do not keep the topics from being watched") {
    Bench b;
    b.queries.intercept = [](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::topics) {
            return std::nullopt;
        }
        Error error;
        error.disposition = Disposition::retry;
        return std::unexpected(error);
    };
    REQUIRE(b.look_for(seconds{30}));
    b.queries.topic_ids[TopicRole::source] = testing::topic_id(0xe0);
    CHECK_FALSE(b.look_for(seconds{8}));
}

TEST_CASE("any topic that was re-created ends the job within seconds, by name") {
    for (const TopicRole role : kRoles) {
        Bench b{Windows::yes};
        REQUIRE(b.look_for(seconds{5}));
        b.queries.topic_ids[role] = testing::topic_id(0xe0);
        const Instant since = b.clock.now();
        const Result<void> same = b.look_for(seconds{60});
        REQUIRE_FALSE(same);
        CHECK(b.clock.now() - since <= seconds{3});
        CHECK(same.error().disposition == Disposition::stop);
        CHECK(same.error().exit_code ==
              (holds_copies(role) ? ExitCode::unavailable : ExitCode::identity));
        CHECK(same.error().message.find("topic " + name_of(role) + " was replaced") == 0);
        CHECK_FALSE(same.error().hint.empty());
    }
}

TEST_CASE("any topic that is gone is trouble at once, and the end after ten seconds") {
    for (const TopicRole role : kRoles) {
        Bench b{Windows::yes};
        b.queries.topic_ids.erase(role);
        REQUIRE(b.look_for(seconds{3}));
        CHECK(b.watch.trouble() == "topic " + name_of(role) + " does not exist");
        const Result<void> gone = b.look_for(seconds{60});
        REQUIRE_FALSE(gone);
        CHECK(b.clock.now() - Instant{0} > TopicWatch::kGone);
        CHECK(gone.error().message.find("topic " + name_of(role) + " was deleted") == 0);
    }
}

TEST_CASE("a topic that the job does not have is nobody's concern, whatever it is") {
    Bench b;
    REQUIRE(b.look_for(seconds{30}));
    b.queries.topic_ids[TopicRole::late] = testing::topic_id(0xe0);
    b.queries.partition_counts[TopicRole::late] = 1;
    REQUIRE(b.look_for(seconds{30}));
    CHECK(b.watch.trouble().empty());
    CHECK(b.recorded.lines.empty());
}

TEST_CASE("a topic that is there again after a while, the same, was only late") {
    Bench b;
    const TopicId id = b.queries.topic_ids[TopicRole::source];
    for (int i = 0; i < 5; ++i) {
        b.queries.topic_ids.erase(TopicRole::source);
        REQUIRE(b.look_for(seconds{8}));
        CHECK_FALSE(b.watch.trouble().empty());
        b.queries.topic_ids[TopicRole::source] = id;
        REQUIRE(b.look_for(seconds{4}));
        CHECK(b.watch.trouble().empty());
    }
}

TEST_CASE("a pause of the process does not make one answer ten seconds") {
    Bench b;
    b.queries.topic_ids.erase(TopicRole::source);
    REQUIRE(b.look_for(seconds{3}));
    b.clock.advance(seconds{60});
    REQUIRE(b.look_for(milliseconds{600}));
    CHECK_FALSE(b.watch.trouble().empty());
}

TEST_CASE("partitions may be added where their number is not part of the state") {
    for (const TopicRole role : {TopicRole::source, TopicRole::dead_letters, TopicRole::late}) {
        Bench b{Windows::yes};
        b.queries.partition_counts[role] = 7;
        REQUIRE(b.look_for(seconds{60}));
        CHECK(b.watch.trouble().empty());
    }
}

TEST_CASE("partitions that are added where keys would move end the job") {
    for (const TopicRole role :
         {TopicRole::repartition, TopicRole::changelog, TopicRole::results}) {
        Bench b;
        b.queries.partition_counts[role] = 7;
        const Result<void> same = b.look_for(seconds{60});
        REQUIRE_FALSE(same);
        CHECK(same.error().exit_code == ExitCode::identity);
        CHECK(same.error().message ==
              "topic " + name_of(role) + " has 7 partitions now, the job is for 4");
    }
}

TEST_CASE("what cannot be asked is no reason to end, and is said once") {
    Bench b;
    b.queries.intercept = [](const Query&) -> std::optional<Result<QueryAnswer>> {
        return fail(ExitCode::kafka_fatal, "not authorized");
    };
    REQUIRE(b.look_for(seconds{60}));
    CHECK(b.recorded.lines.size() == 1);
    b.queries.held = true;
    REQUIRE(b.look_for(seconds{60}));
    CHECK(b.watch.trouble().empty());
}

}  // namespace kstream
