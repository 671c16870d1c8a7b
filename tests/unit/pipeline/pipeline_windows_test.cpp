// Windows of event time through the whole pipeline, over a log in memory and random faults
// (model_member.hpp). Whatever happens, what is late, what is open and what is published of a
// closed window is what the log alone says, read from its beginning by a few lines of this test.
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/core/stable_hash.hpp"
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
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::kSourcePartitions;
using testing::kStatePartitions;
using testing::MemoryLog;
using testing::ModelWorld;
using testing::visible;

// Windows of which one begins every `slide`; a record goes into one pane, of which they are made.
struct WindowShape {
    std::string_view from;
    std::int64_t size = 0;
    std::int64_t slide = 0;
    std::int64_t pane = 0;

    // The start of what has that length and lies around the time.
    static std::int64_t begin(std::int64_t time, std::int64_t length) {
        return time - time % length;
    }
    [[nodiscard]] std::vector<std::int64_t> windows(std::int64_t time) const {
        std::vector<std::int64_t> starts;
        for (std::int64_t at = begin(time, slide); at > time - size; at -= slide) {
            starts.push_back(at);
        }
        return starts;
    }
};

constexpr WindowShape kTumble{"tumble(t, to_timestamp(tempo * 0.001), INTERVAL '1 minute'", 60'000,
                              60'000, 60'000};
constexpr WindowShape kHop{
    "hop(t, to_timestamp(tempo * 0.001), INTERVAL '20 seconds', INTERVAL '1 minute'", 60'000,
    20'000, 20'000};
// The slide does not divide the size: some panes are in two windows, some in one.
constexpr WindowShape kUneven{
    "hop(t, to_timestamp(tempo * 0.001), INTERVAL '40 seconds', INTERVAL '1 minute'", 60'000,
    40'000, 20'000};

constexpr std::int64_t kGrace = 5'000;
constexpr std::int64_t kUnit = 1'000'000'000;  // of the number 1

Job windowed_job(const WindowShape& shape, bool final_only) {
    return testing::make_statement_job(
        std::string{"SELECT k, window_start AS de, window_end AS ate, sum(v) AS s, count(*) AS n, "
                    "max(v) AS maior FROM "} +
            std::string{shape.from} +
            ", grace => INTERVAL '5 seconds', max_ahead => 'never', emit => '" +
            (final_only ? "final', idle => 'never" : "updates") +
            "') WHERE metodo IS DISTINCT FROM 'nenhum' GROUP BY k, window_start",
        kStatePartitions, kSourcePartitions);
}

struct Row {
    void add(std::int64_t value) {
        sum += value;
        ++count;
        most = std::max(most, value);
    }
    std::int64_t sum = 0;
    std::int64_t count = 0;
    std::int64_t most = 0;
    friend bool operator==(const Row&, const Row&) = default;
};
using Group = std::pair<std::string, std::int64_t>;  // key, start of the window, or of the pane

// The input, and what the log says of it.
struct Expected {
    explicit Expected(const WindowShape& of) : shape(of) {}

    void add(ModelWorld& world) {
        const auto p = static_cast<std::int32_t>(world.random.below(kSourcePartitions));
        RecordCounts& count = counts[PartitionId{p}];
        std::int64_t& watermark = watermarks.try_emplace(p, kNoTime).first->second;
        ++count.read;
        now += static_cast<std::int64_t>(world.random.below(3'000));
        // Up to three windows behind the others.
        const std::int64_t time = std::max<std::int64_t>(
            0, now - static_cast<std::int64_t>(
                         world.random.below(world.random.chance(20) ? 180'000 : 3'000)));
        const std::string stamp = R"(,"tempo":)" + std::to_string(time);
        const std::string key = world.random.text(1, 4);
        const auto value = static_cast<std::int64_t>(world.random.below(1000));
        std::optional<std::string> text =
            R"({"k":")" + key + R"(","v":)" + std::to_string(value) + stamp;
        const std::int64_t before = watermark;
        const std::int64_t start = WindowShape::begin(time, shape.pane);
        if (world.random.chance(4)) {
            ++count.tombstones;
            text.reset();
        } else if (world.random.chance(4)) {
            // Its time cannot be read: it moves nothing.
            ++count.dead_lettered;
            text = R"({"k":"a","v":1,"tempo":"ontem"})";
        } else if (world.random.chance(4)) {
            // Its value cannot, its time can.
            ++count.dead_lettered;
            watermark = std::max(before, time);
            text = R"({"k":"a","v":"muito")" + stamp + "}";
        } else if (world.random.chance(5)) {
            ++count.filtered;
            watermark = std::max(before, time);
            *text += R"(,"metodo":"nenhum"})";
        } else {
            watermark = std::max(before, time);
            *text += "}";
            if (start + shape.pane + kGrace <= before) {
                ++count.late;
            } else {
                ++count.aggregated;
                panes[{key, start}].add(value);
                for (const std::int64_t window : shape.windows(time)) {
                    rows[{key, window}].add(value);
                }
            }
        }
        world.log.append(TopicRole::source, p, "tx", text, world.clock.wall_ms());
    }

    // Of the state partitions: the least of all.
    [[nodiscard]] std::int64_t watermark() const {
        std::int64_t least = watermarks.size() < kSourcePartitions ? kNoTime : now;
        for (const auto& [p, one] : watermarks) {
            least = std::min(least, one);
        }
        return least;
    }
    [[nodiscard]] bool is_closed(const Group& group) const {
        return watermark() != kNoTime && group.second + shape.size + kGrace <= watermark();
    }
    // A pane stays for as long as one of its windows is open.
    [[nodiscard]] bool has_gone(const Group& pane) const {
        return is_closed({pane.first, WindowShape::begin(pane.second, shape.slide)});
    }
    // The window of a state partition that was closed last.
    [[nodiscard]] ClosingCursor closed_last(std::int32_t q) const {
        ClosingCursor last;
        for (const auto& [group, row] : rows) {
            std::string name;
            encode_state_key({{{GroupValueType::string, group.first}}}, name);
            name.pop_back();  // what it says of the window
            const UInt128 hash = stable_hash(name);
            if (is_closed(group) && partition_for_key(group.first, kStatePartitions).value == q &&
                !last.has_passed(group.second + shape.size, hash)) {
                last = {group.second + shape.size, hash};
            }
        }
        return last;
    }

    const WindowShape& shape;

    std::int64_t now = 1'700'000'000'000;
    std::map<std::int32_t, std::int64_t> watermarks;  // by source partition
    std::map<Group, Row> rows;                        // by window
    std::map<Group, Row> panes;                       // by pane
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

std::string result_of(const Group& group, const Row& row, std::int64_t size) {
    return R"({"k":")" + group.first + R"(","de":")" + utc(group.second) + R"(","ate":")" +
           utc(group.second + size) + R"(","s":)" + std::to_string(row.sum) + R"(,"n":)" +
           std::to_string(row.count) + R"(,"maior":)" + std::to_string(row.most) + "}";
}

bool is_final(const MemoryLog::Entry& entry) {
    return std::ranges::any_of(entry.headers,
                               [](const auto& header) { return header.first == kFinalHeader; });
}

// A reader of the results: of each key the last row; nothing comes after a final one.
void check_results(const ModelWorld& world, const Expected& expected, bool final_only) {
    std::map<std::string, std::string> published;
    std::set<std::string> finals;
    for (std::int32_t r = 0; r < 3; ++r) {
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::results, r)) {
            CAPTURE(*entry->key);
            REQUIRE(entry->value);
            REQUIRE_FALSE(finals.contains(*entry->key));
            REQUIRE((is_final(*entry) || !final_only));
            published[*entry->key] = *entry->value;
            if (is_final(*entry)) {
                finals.insert(*entry->key);
            }
        }
    }
    std::size_t shown = 0;
    for (const auto& [group, row] : expected.rows) {
        const std::string key = result_key(group);
        CAPTURE(key);
        REQUIRE(finals.contains(key) == expected.is_closed(group));
        if (!final_only || expected.is_closed(group)) {
            ++shown;
            REQUIRE(published[key] == result_of(group, row, expected.shape.size));
        }
    }
    REQUIRE(published.size() == shown);
}

// The changelog has the panes of open windows and no others, and meta knows what has become of the
// rest.
void check_state(const ModelWorld& world, const Job& job, const Expected& expected) {
    std::map<Group, Row> open;
    Row all;
    Row of_sources;
    for (std::int32_t q = 0; q < kStatePartitions; ++q) {
        std::optional<Meta> meta;
        std::map<std::string, std::vector<Slot>> totals;
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::changelog, q)) {
            if (*entry->key == meta_key()) {
                Result<Meta> read = decode_meta_value(*entry->value, job.form());
                REQUIRE(read);
                meta = *read;
            } else if (!entry->value) {
                REQUIRE(totals.erase(*entry->key) == 1);
            } else {
                std::vector<Slot> slots;
                REQUIRE(decode_total_value(*entry->value, job.kinds, slots));
                totals[*entry->key] = slots;
            }
        }
        REQUIRE(meta);
        REQUIRE(meta->keys == totals.size());
        REQUIRE(meta->clock == expected.watermark());
        REQUIRE(meta->to_close == 0);
        if (job.hops()) {
            REQUIRE(meta->cursor == expected.closed_last(q));
        }
        for (const SourceProgress& source : meta->sources) {
            REQUIRE(source.applied == world.log.end(TopicRole::source, source.partition));
            REQUIRE(source.watermark == expected.watermarks.at(source.partition.value));
            REQUIRE(source.counts == expected.counts.at(source.partition));
            if (q == 0 && source.slots[0].present()) {
                of_sources.sum += static_cast<std::int64_t>(source.slots[0].value().low_128());
                of_sources.count += static_cast<std::int64_t>(source.slots[1].value().low_128());
            }
        }
        for (const auto* slots : {&meta->slots, &meta->retired}) {
            all.sum += static_cast<std::int64_t>((*slots)[0].value().low_128());
            all.count += static_cast<std::int64_t>((*slots)[1].value().low_128());
            REQUIRE_FALSE((*slots)[2].present());
        }
        for (const auto& [key, slots] : totals) {
            GroupKey group;
            REQUIRE(decode_state_key(total_state_key(key), job.key_shape(), group));
            Row& row = open[{std::string{group.values[0].text}, *group.window_start}];
            row.sum = static_cast<std::int64_t>(slots[0].value().low_128() / kUnit);
            row.count = static_cast<std::int64_t>(slots[1].value().low_128());
            row.most = static_cast<std::int64_t>(slots[2].value().low_128() / kUnit);
        }
    }
    // What was closed and what is open is what the sources had.
    REQUIRE(all == of_sources);
    std::map<Group, Row> expected_open = expected.panes;
    std::erase_if(expected_open, [&](const auto& one) { return expected.has_gone(one.first); });
    REQUIRE(open == expected_open);
}

testing::RecordingLog run_history(const WindowShape& shape, std::uint64_t seed, bool final_only,
                                  std::size_t& closed) {
    Job job = windowed_job(shape, final_only);
    // What is done for many keys, of which there are none here: looked up in groups, and moved
    // together when others have gone.
    job.cells_in_cache = seed % 3 == 0 ? 0 : job.cells_in_cache;
    job.least_gone_keys = seed % 4 < 3 ? 1 : job.least_gone_keys;
    ModelWorld world{seed};
    Expected expected{shape};
    testing::run_model_history(world, job, [&] { expected.add(world); });
    check_state(world, job, expected);
    check_results(world, expected, final_only);
    closed += static_cast<std::size_t>(std::ranges::count_if(
        expected.rows, [&](const auto& one) { return expected.is_closed(one.first); }));
    return world.recorded;
}

// Whatever happens, and what has to have happened again and again, or it shows nothing.
void run_histories(const WindowShape& shape, std::uint64_t histories) {
    std::map<std::string, std::size_t> seen{
        {"reason=aborted", 0},  {"outcome=committed", 0},   {"outcome=not committed", 0},
        {"partitions lost", 0}, {"partitions revoked", 0},  {"giving it up", 0},
        {"totals restored", 0}, {"where its chain ends", 0}};
    std::size_t closed = 0;
    for (std::uint64_t seed = 1; seed <= histories; ++seed) {
        CAPTURE(seed);
        const testing::RecordingLog recorded = run_history(shape, seed, seed % 2 == 0, closed);
        for (auto& [event, count] : seen) {
            count += recorded.count(event);
        }
    }
    CHECK(closed > 3 * histories);
    for (const auto& [event, count] : seen) {
        CAPTURE(event);
        CHECK(count >= 10);
    }
}

}  // namespace

TEST_CASE("through any history of faults windows are what the log alone says") {
    run_histories(kTumble, 300);
}

TEST_CASE("through any history of faults windows that overlap are what the log alone says") {
    run_histories(kHop, 200);
    run_histories(kUneven, 200);
}

}  // namespace kstream
