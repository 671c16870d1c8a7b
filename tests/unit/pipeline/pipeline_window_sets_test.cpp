// count(DISTINCT x) and percentile_disc over windows through the whole pipeline, over a log in
// memory and random faults (model_member.hpp): what is published of a window is what the log alone
// says, and of what closed windows have kept nothing is left.
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/element.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/core/time_text.hpp"
#include "support/fakes/model_history.hpp"
#include "support/fakes/model_member.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
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

constexpr std::int64_t kSize = 60'000;
constexpr std::int64_t kGrace = 5'000;

Job set_job(bool final_only, std::uint64_t max_distinct) {
    Job job = testing::make_statement_job(
        std::string{"SELECT k, window_start AS de, count(*) AS n, count(DISTINCT loja) AS lojas, "
                    "percentile_disc(0.9) WITHIN GROUP (ORDER BY v::numeric) AS p90 FROM tumble(t, "
                    "to_timestamp(tempo * 0.001), INTERVAL '1 minute', grace => INTERVAL '5 "
                    "seconds', max_ahead => 'never', emit => '"} +
            (final_only ? "final', idle => 'never" : "updates") + "') GROUP BY k, window_start",
        kStatePartitions, kSourcePartitions);
    job.spec.max_distinct = max_distinct;
    return job;
}

using Group = std::pair<std::string, std::int64_t>;  // key, start of the window

struct Row {
    std::uint64_t count = 0;
    std::set<std::string> shops;
    std::multiset<std::int64_t> values;

    [[nodiscard]] std::uint64_t different() const {
        return std::set<std::int64_t>{values.begin(), values.end()}.size();
    }
};

// The input, and what the log says of it.
struct Expected {
    void add(ModelWorld& world) {
        const auto p = static_cast<std::int32_t>(world.random.below(kSourcePartitions));
        std::int64_t& watermark = watermarks.try_emplace(p, kNoTime).first->second;
        now += static_cast<std::int64_t>(world.random.below(3'000));
        const std::int64_t time = now - static_cast<std::int64_t>(world.random.below(
                                            world.random.chance(20) ? 180'000 : 3'000));
        const std::string key = world.random.text(1, 4);
        const auto value = static_cast<std::int64_t>(world.random.below(40));
        const std::string shop = "s" + std::to_string(world.random.below(30)) +
                                 (world.random.chance(30) ? " with a name that is long" : "");
        world.log.append(TopicRole::source, p, "tx",
                         R"({"k":")" + key + R"(","v":)" + std::to_string(value) + R"(,"loja":")" +
                             shop + R"(","tempo":)" + std::to_string(time) + "}",
                         world.clock.wall_ms());
        const std::int64_t before = std::exchange(watermark, std::max(watermark, time));
        const std::int64_t start = time - time % kSize;
        if (start + kSize + kGrace <= before) {
            return;
        }
        Row& row = rows[{key, start}];
        ++row.count;
        row.shops.insert(shop);
        row.values.insert(value);
    }
    // Of the state partitions: the least of all.
    [[nodiscard]] std::int64_t watermark() const {
        if (watermarks.size() < kSourcePartitions) {
            return kNoTime;
        }
        return std::ranges::min_element(watermarks, {}, [](const auto& one) { return one.second; })
            ->second;
    }
    [[nodiscard]] bool is_closed(const Group& group) const {
        return watermark() != kNoTime && group.second + kSize + kGrace <= watermark();
    }

    std::int64_t now = 1'700'000'000'000;
    std::map<std::int32_t, std::int64_t> watermarks;  // by source partition
    std::map<Group, Row> rows;
};

std::string utc(std::int64_t ms) {
    std::string text;
    append_timestamp(text, ms);
    return text;
}

std::string result_key(const Group& group) {
    return R"([")" + group.first + R"(",")" + utc(group.second) + R"("])";
}

std::string result_of(const Group& group, const Row& row, std::uint64_t max_distinct) {
    const std::size_t rank = (9 * row.values.size() + 9) / 10;
    const std::int64_t percentile = *std::next(row.values.begin(), static_cast<int>(rank) - 1);
    return R"({"k":")" + group.first + R"(","de":")" + utc(group.second) + R"(","n":)" +
           std::to_string(row.count) + R"(,"lojas":)" +
           (row.shops.size() > max_distinct ? "null" : std::to_string(row.shops.size())) +
           R"(,"p90":)" + (row.different() > max_distinct ? "null" : std::to_string(percentile)) +
           "}";
}

void check_results(const ModelWorld& world, const Expected& expected, const Job& job,
                   bool final_only) {
    std::map<std::string, std::string> published;
    std::set<std::string> finals;
    for (std::int32_t r = 0; r < 3; ++r) {
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::results, r)) {
            CAPTURE(*entry->key);
            REQUIRE_FALSE(finals.contains(*entry->key));
            published[*entry->key] = entry->value.value();
            if (std::ranges::any_of(entry->headers, [](const auto& header) {
                    return header.first == kFinalHeader;
                })) {
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
            REQUIRE(published[key] == result_of(group, row, job.spec.max_distinct));
        }
    }
    REQUIRE(published.size() == shown);
}

// Of a state partition: elements by their owner.
struct Stored {
    Meta meta;
    std::map<std::uint64_t, std::uint64_t> elements;  // times that their values came
    std::map<std::string, std::pair<std::vector<Slot>, std::uint64_t>> totals;  // and number
};

Stored stored_in(const ModelWorld& world, const Job& job, std::int32_t q) {
    Stored stored;
    std::map<std::string, std::string> elements;
    for (const MemoryLog::Entry* entry : visible(world, TopicRole::changelog, q)) {
        const std::string& key = *entry->key;
        if (key == meta_key()) {
            Result<Meta> read = decode_meta_value(*entry->value, job.form());
            REQUIRE(read);
            stored.meta = *read;
        } else if (key.front() == kElementKeyByte) {
            if (entry->value) {
                elements[key] = *entry->value;
            } else {
                REQUIRE(elements.erase(key) == 1);  // nothing is swept twice
            }
        } else if (!entry->value) {
            REQUIRE(stored.totals.erase(key) == 1);
        } else {
            auto& [slots, number] = stored.totals[key];
            slots.clear();
            REQUIRE(decode_total_value(*entry->value, job.kinds, slots, nullptr, nullptr, &number));
        }
    }
    for (const auto& [key, value] : elements) {
        stored.elements[decode_element_owner(key)->packed] += decode_element_value(value)->count;
    }
    return stored;
}

// What is kept is kept of open windows, and meta knows how much all of them had.
void check_state(const ModelWorld& world, const Job& job, const Expected& expected) {
    const std::uint8_t set = sets_of(job.kinds).front();
    const std::uint8_t multiset = multisets_of(job.kinds).front();
    Int192 sizes;
    Int192 times;
    std::size_t open = 0;
    for (std::int32_t q = 0; q < kStatePartitions; ++q) {
        Stored stored = stored_in(world, job, q);
        REQUIRE(stored.meta.to_close == 0);
        REQUIRE(stored.meta.to_sweep == 0);
        REQUIRE(stored.meta.keys == stored.totals.size());
        open += stored.totals.size();
        for (const auto& [key, total] : stored.totals) {
            for (const std::uint8_t accumulator : {set, multiset}) {
                const Slot& slot = total.first[accumulator];
                const auto found =
                    stored.elements.find(ElementOwner{total.second, accumulator}.packed);
                const bool any = found != stored.elements.end();
                REQUIRE(any == !is_over(slot));
                if (any) {
                    REQUIRE(slot.value() == Int192{Int128{found->second}});
                    stored.elements.erase(found);
                }
            }
        }
        REQUIRE(stored.elements.empty());
        sizes = sizes + stored.meta.slots[set].value() + stored.meta.retired[set].value();
        times = times + stored.meta.slots[multiset].value() + stored.meta.retired[multiset].value();
    }
    std::uint64_t all_sizes = 0;
    std::uint64_t all_times = 0;
    for (const auto& [group, row] : expected.rows) {
        open -= expected.is_closed(group) ? 0U : 1U;
        all_sizes += row.shops.size() > job.spec.max_distinct ? 0 : row.shops.size();
        all_times += row.different() > job.spec.max_distinct ? 0 : row.values.size();
    }
    REQUIRE(open == 0);
    REQUIRE(sizes == Int192{Int128{all_sizes}});
    REQUIRE(times == Int192{Int128{all_times}});
}

// Whether there was a meta record that says that something is left to sweep.
bool has_waited(const ModelWorld& world, const Job& job) {
    for (std::int32_t q = 0; q < kStatePartitions; ++q) {
        for (const MemoryLog::Entry* entry : visible(world, TopicRole::changelog, q)) {
            if (*entry->key == meta_key() &&
                decode_meta_value(*entry->value, job.form())->to_sweep > 0) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace

TEST_CASE("through any history of faults sets of windows are what the log alone says") {
    constexpr std::uint64_t kHistories = 200;
    std::map<std::string, std::size_t> seen{{"reason=aborted", 0},       {"outcome=committed", 0},
                                            {"partitions lost", 0},      {"partitions revoked", 0},
                                            {"totals restored", 0},      {"giving it up", 0},
                                            {"more different values", 0}};
    std::size_t closed = 0;
    std::size_t waited = 0;
    for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
        CAPTURE(seed);
        const bool final_only = seed % 2 == 0;
        Job job = set_job(final_only, seed % 3 == 0 ? 2 : kDefaultMaxDistinct);
        job.least_gone_keys = seed % 4 < 3 ? 1 : job.least_gone_keys;
        ModelWorld world{seed};
        Expected expected;
        testing::run_model_history(world, job, [&] { expected.add(world); });
        check_state(world, job, expected);
        check_results(world, expected, job, final_only);
        closed += static_cast<std::size_t>(std::ranges::count_if(
            expected.rows, [&](const auto& one) { return expected.is_closed(one.first); }));
        waited += has_waited(world, job) ? 1U : 0U;
        for (auto& [event, count] : seen) {
            count += world.recorded.count(event);
        }
    }
    CHECK(closed > 3 * kHistories);
    CHECK(waited > kHistories / 2);
    for (const auto& [event, count] : seen) {
        CAPTURE(event);
        CHECK(count >= 10);
    }
}

}  // namespace kstream
