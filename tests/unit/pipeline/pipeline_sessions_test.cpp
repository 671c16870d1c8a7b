// Sessions of event time through the whole pipeline, over a log in memory and random faults
// (model_history.hpp). Whatever happens, the sessions are those that the records in time fall into
// when they are sorted by time, which a few lines of this test do at the end.
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/time_text.hpp"
#include "support/fakes/model_history.hpp"
#include "support/fakes/model_member.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::kSourcePartitions;
using testing::kStatePartitions;
using testing::MemoryLog;
using testing::ModelWorld;
using testing::visible;

constexpr std::int64_t kGap = 4'000;
constexpr std::int64_t kGrace = 12'000;
constexpr std::int64_t kUnit = 1'000'000'000;  // of the number 1
constexpr std::int64_t kLeastSum = 700;        // of HAVING

struct Kind {
    bool final_only = false;
    bool having = false;
};

Job job_of(const Kind& kind) {
    return testing::make_statement_job(
        std::string{
            "SELECT k, window_start AS de, window_end AS ate, sum(v) AS s, count(*) AS n, "
            "max(v) AS maior, min(nome::text) AS menor FROM session(t, to_timestamp(tempo * "
            "0.001), INTERVAL '4 seconds', grace => INTERVAL '12 seconds', max_ahead => "
            "'never', emit => '"} +
            (kind.final_only ? "final', idle => 'never" : "updates") +
            "') GROUP BY k, window_start" + (kind.having ? " HAVING sum(v) < 700" : ""),
        kStatePartitions, kSourcePartitions);
}

struct Record {
    std::int64_t time = 0;
    std::int64_t value = 0;
    std::string name;
};

struct Session {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t sum = 0;
    std::int64_t count = 0;
    std::int64_t most = 0;
    std::string name;

    void add(const Record& record) {
        first = count == 0 ? record.time : first;
        last = record.time;
        sum += record.value;
        most = std::max(most, record.value);
        name = count == 0 ? record.name : std::min(name, record.name);
        ++count;
    }
    friend bool operator==(const Session&, const Session&) = default;
};
using Group = std::pair<std::string, std::int64_t>;  // key, first time of the session

// The input, and what the log says of it.
struct Expected {
    void add(ModelWorld& world) {
        const auto p = static_cast<std::int32_t>(world.random.below(kSourcePartitions));
        RecordCounts& count = counts[PartitionId{p}];
        std::int64_t& watermark = watermarks.try_emplace(p, kNoTime).first->second;
        ++count.read;
        now += static_cast<std::int64_t>(world.random.below(2'000));
        const std::size_t behind = world.random.chance(5)    ? 60'000
                                   : world.random.chance(40) ? 13'000
                                                             : 1'000;
        // Seconds, so that gaps of exactly the gap are there.
        const std::int64_t time =
            (now - static_cast<std::int64_t>(world.random.below(behind))) / 1'000 * 1'000;
        const Record record{.time = time,
                            .value = static_cast<std::int64_t>(world.random.below(300)),
                            .name = world.random.text(5)};
        const std::string key = world.random.text(1, 4);
        const std::int64_t before = watermark;
        watermark = std::max(before, time);
        if (before != kNoTime && time + 1 + kGrace <= before) {
            ++count.late;
        } else {
            ++count.aggregated;
            records[key].push_back(record);
        }
        world.log.append(TopicRole::source, p, "tx",
                         R"({"k":")" + key + R"(","v":)" + std::to_string(record.value) +
                             R"(,"nome":")" + record.name + R"(","tempo":)" + std::to_string(time) +
                             "}",
                         world.clock.wall_ms());
    }

    [[nodiscard]] std::map<Group, Session> sessions() const {
        std::map<Group, Session> all;
        for (const auto& [key, of_key] : records) {
            std::vector<Record> sorted = of_key;
            std::ranges::stable_sort(sorted, {}, &Record::time);
            Session session;
            for (const Record& record : sorted) {
                if (session.count > 0 && record.time - session.last > kGap) {
                    all[{key, session.first}] = session;
                    session = {};
                }
                session.add(record);
            }
            all[{key, session.first}] = session;
        }
        return all;
    }

    // Of the state partitions: the least of all.
    [[nodiscard]] std::int64_t watermark() const {
        std::int64_t least = watermarks.size() < kSourcePartitions ? kNoTime : now;
        for (const auto& [p, one] : watermarks) {
            least = std::min(least, one);
        }
        return least;
    }
    [[nodiscard]] bool is_closed(const Session& session) const {
        return watermark() != kNoTime && session.last + kGap + 1 + kGrace <= watermark();
    }

    std::int64_t now = 1'700'000'000'000;
    std::map<std::int32_t, std::int64_t> watermarks;  // by source partition
    std::map<std::string, std::vector<Record>> records;
    std::map<PartitionId, RecordCounts> counts;
};

std::string utc(std::int64_t ms) {
    std::string text;
    append_timestamp(text, ms);
    return text;
}

std::string result_key(const Group& group) {
    return R"([")" + group.first + R"(",")" + utc(group.second) + R"("])";
}

std::string result_of(const Group& group, const Session& session) {
    return R"({"k":")" + group.first + R"(","de":")" + utc(session.first) + R"(","ate":")" +
           utc(session.last + kGap) + R"(","s":)" + std::to_string(session.sum) + R"(,"n":)" +
           std::to_string(session.count) + R"(,"maior":)" + std::to_string(session.most) +
           R"(,"menor":")" + session.name + R"("})";
}

struct Seen {
    std::size_t closed = 0;
    std::size_t tombstones = 0;
};

// A reader of the results: of each key the last row, until a tombstone takes it back. Nothing comes
// after a final one, and nothing is taken back that was not there.
void check_results(const ModelWorld& world, const Expected& expected, const Kind& kind,
                   Seen& seen) {
    std::map<std::string, std::string> published;
    std::set<std::string> finals;
    for (std::int32_t r = 0; r < 3; ++r) {
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::results, r)) {
            CAPTURE(*entry->key);
            const bool is_final = std::ranges::any_of(
                entry->headers, [](const auto& header) { return header.first == kFinalHeader; });
            REQUIRE_FALSE(finals.contains(*entry->key));
            REQUIRE((is_final || !kind.final_only));
            if (entry->value) {
                published[*entry->key] = *entry->value;
            } else {
                REQUIRE(published.erase(*entry->key) == 1);
                ++seen.tombstones;
            }
            if (is_final) {
                finals.insert(*entry->key);
            }
        }
    }
    std::map<std::string, std::string> wanted;
    for (const auto& [group, session] : expected.sessions()) {
        const bool closed = expected.is_closed(session);
        const bool passes = !kind.having || session.sum < kLeastSum;
        seen.closed += closed ? 1 : 0;
        if (passes && (closed || !kind.final_only)) {
            wanted[result_key(group)] = result_of(group, session);
            CAPTURE(result_key(group));
            REQUIRE(finals.contains(result_key(group)) == closed);
        }
    }
    REQUIRE(published == wanted);
}

// The changelog has the open sessions and no others, and meta knows what has become of the rest.
void check_state(const ModelWorld& world, const Job& job, const Expected& expected) {
    std::map<Group, Session> open;
    Session all;
    Session of_sources;
    for (std::int32_t q = 0; q < kStatePartitions; ++q) {
        std::optional<Meta> meta;
        std::map<std::string, std::string> totals;
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::changelog, q)) {
            if (*entry->key == meta_key()) {
                Result<Meta> read = decode_meta_value(*entry->value, job.form());
                REQUIRE(read);
                meta = *read;
            } else if (!entry->value) {
                REQUIRE(totals.erase(*entry->key) == 1);
            } else {
                totals[*entry->key] = *entry->value;
            }
        }
        REQUIRE(meta);
        REQUIRE(meta->keys == totals.size());
        REQUIRE(meta->clock == expected.watermark());
        REQUIRE(meta->to_close == 0);
        for (const SourceProgress& source : meta->sources) {
            REQUIRE(source.applied == world.log.end(TopicRole::source, source.partition));
            REQUIRE(source.counts == expected.counts.at(source.partition));
            if (q == 0 && source.slots[0].present()) {
                of_sources.sum += static_cast<std::int64_t>(source.slots[0].value().low_128());
                of_sources.count += static_cast<std::int64_t>(source.slots[1].value().low_128());
            }
        }
        for (const auto* slots : {&meta->slots, &meta->retired}) {
            all.sum += static_cast<std::int64_t>((*slots)[0].value().low_128());
            all.count += static_cast<std::int64_t>((*slots)[1].value().low_128());
            REQUIRE_FALSE(slots->back().present());
        }
        for (const auto& [key, value] : totals) {
            std::vector<Slot> slots;
            TextStore texts;
            bool published = false;
            REQUIRE(decode_total_value(value, job.kinds, slots, &texts,
                                       job.has_having() ? &published : nullptr));
            GroupKey group;
            REQUIRE(decode_state_key(total_state_key(key), job.key_shape(), group));
            Session& session = open[{std::string{group.values[0].text}, *group.window_start}];
            session.first = *group.window_start;
            session.sum = static_cast<std::int64_t>(slots[0].value().low_128() / kUnit);
            session.count = static_cast<std::int64_t>(slots[1].value().low_128());
            session.most = static_cast<std::int64_t>(slots[2].value().low_128() / kUnit);
            session.name = texts.text(slots[3]);
            session.last = static_cast<std::int64_t>(slots[4].value().low_128());
        }
    }
    // What was closed and what is open is what the sources had.
    REQUIRE(all == of_sources);
    std::map<Group, Session> expected_open = expected.sessions();
    std::erase_if(expected_open, [&](const auto& one) { return expected.is_closed(one.second); });
    REQUIRE(open == expected_open);
}

testing::RecordingLog run_history(std::uint64_t seed, const Kind& kind, Seen& seen) {
    const Job job = job_of(kind);
    ModelWorld world{seed};
    Expected expected;
    testing::run_model_history(world, job, [&] { expected.add(world); });
    check_state(world, job, expected);
    check_results(world, expected, kind, seen);
    return world.recorded;
}

}  // namespace

TEST_CASE("through any history of faults sessions are what the records in time fall into") {
    // What has to have happened, again and again, or the test shows nothing.
    std::map<std::string, std::size_t> events{
        {"reason=aborted", 0},  {"outcome=committed", 0},   {"outcome=not committed", 0},
        {"partitions lost", 0}, {"partitions revoked", 0},  {"giving it up", 0},
        {"totals restored", 0}, {"where its chain ends", 0}};
    Seen seen;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        CAPTURE(seed);
        const testing::RecordingLog recorded =
            run_history(seed, {.final_only = seed % 3 == 0, .having = seed % 3 == 1}, seen);
        for (auto& [event, count] : events) {
            count += recorded.count(event);
        }
    }
    CHECK(seen.closed > 1000);
    CHECK(seen.tombstones > 300);
    for (const auto& [event, count] : events) {
        CAPTURE(event);
        CHECK(count >= 10);
    }
}

}  // namespace kstream
