// Jobs with windows, audited: what their records are, what an audit says of all that came of them,
// and what is forged of it. In a namespace of its own: other tests sell and find in other ways.
#pragma once

#include "kstream/audit/finding.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/element.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"
#include "support/fakes/audited_statement.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::testing::audited_windows {

using World = AuditedStatement;
using Written = WrittenRecord;  // to be forged
using Kinds = std::vector<audit::FindingKind>;

// A window begins here, and 20 s later the records' Kafka timestamps are.
inline constexpr std::int64_t kStart = 1'699'999'980;

// `windows` is the function, `lengths` what it has behind the time, `more` what is selected beside
// the other columns.
inline std::string windowed(std::string_view emit, std::string_view having = "",
                            std::string_view windows = "tumble",
                            std::string_view lengths = "INTERVAL '1 minute'",
                            std::string_view more = "") {
    return "SELECT k, window_start AS b, window_end AS e, count(*) AS n, sum(v) AS s, max(v) AS m" +
           std::string{more} + " FROM " + std::string{windows} +
           "(t, to_timestamp(nullif(ts, 0)), " + std::string{lengths} +
           ", grace => INTERVAL '5 seconds', idle => 'never', emit => '" + std::string{emit} +
           "') WHERE v >= 0 GROUP BY k, window_start" + std::string{having};
}

inline void sell(World& world, const std::string& key, std::int64_t second, int value) {
    world.add(R"({"k":")" + key + R"(","ts":)" + std::to_string(kStart + second) + R"(,"v":)" +
              std::to_string(value) + "}");
}

// Of hopping windows the first three of three keys are closed, the panes of the first minute have
// gone, and those of the others are there.
inline World hopped(std::string_view emit, std::string_view more = "") {
    World world{windowed(emit, "", "hop", "INTERVAL '1 minute', INTERVAL '3 minutes'", more)};
    for (const int second : {10, 70}) {
        for (const char* const key : {"a", "b", "c"}) {
            sell(world, key, second, second);
        }
        world.commit();
    }
    sell(world, "g", 190, 4);
    world.commit();
    return world;
}

inline Audited proved(const World& world) {
    Audited audited = world.audit();
    INFO(audited.text);
    CHECK(audited.kinds.empty());
    CHECK(audited.excused == 0);
    return audited;
}

inline Kinds found(const World& world) {
    const Audited audited = world.audit();
    UNSCOPED_INFO(audited.text);
    CHECK(audited.excused == 0);
    return audited.kinds;
}

inline bool is_of(const Written& written, std::string_view key) {
    return written.key.contains(R"([")" + std::string{key} + R"(",)") ||      // a result
           written.key.starts_with(std::string{"\1s\1"} + std::string{key});  // a total
}

// The last one of a key in a topic.
inline Written& last_of(std::vector<Written>& all, std::string_view key) {
    const auto last = std::find_if(all.rbegin(), all.rend(),
                                   [key](const Written& one) { return is_of(one, key); });
    REQUIRE(last != all.rend());
    return *last;
}

inline Meta last_meta(const World& world) {
    Result<Meta> meta = decode_meta_value(*world.changelog.back().value, world.job.form());
    REQUIRE(meta.has_value());
    return *meta;
}

inline void forge_meta(World& world, const std::function<void(Meta&)>& change) {
    Meta meta = last_meta(world);
    change(meta);
    std::string value;
    append_meta_value(value, world.job.form(), meta);
    world.changelog.back().value = value;
}

// The changelog has a total of `b` that is gone.
inline void without_tombstone(World& world) {
    std::erase_if(world.changelog,
                  [](const Written& one) { return is_of(one, "b") && !one.value; });
}

// And none of `g`, which is there: in the last transaction, before its meta record.
inline void with_early_tombstone(World& world) {
    Written gone = last_of(world.changelog, "g");
    gone.value.reset();
    world.changelog.insert(world.changelog.end() - 1, gone);
}

inline void move(World& world, Written& result, std::string_view from, std::string_view to) {
    result.key.replace(result.key.find(from), from.size(), to);
    const auto state_key = state_key_of(result.key, world.job.key_shape());
    REQUIRE(state_key.has_value());
    GroupKey group;
    REQUIRE(decode_state_key(*state_key, world.job.key_shape(), group));
    std::string place;
    append_partition_key(place, group);
    result.partition =
        partition_for_key(place, static_cast<int>(world.job.identity.results_partitions));
}

inline bool is_element(const Written& written) {
    return written.key.front() == kElementKeyByte;
}

// The last of those that are so; `changelog` has one.
inline std::vector<Written>::iterator last_element(World& world, bool gone) {
    const auto last =
        std::find_if(world.changelog.rbegin(), world.changelog.rend(),
                     [gone](const Written& one) { return is_element(one) && gone != !!one.value; });
    REQUIRE(last != world.changelog.rend());
    return std::prev(last.base());
}

}  // namespace kstream::testing::audited_windows
