// What steps have written, taken apart again, and states that are restored from it.
#pragma once

#include "kstream/codec/changelog.hpp"
#include "kstream/pipeline/totals_state.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::testing {

// Key and value; none is a tombstone's.
using Writes = std::vector<std::pair<std::string, std::optional<std::string>>>;
// Of each key the last one, as compaction leaves it.
using Compacted = std::map<std::string, std::optional<std::string>>;

inline Writes writes_to(TopicRole topic, const OutputBatch& out) {
    Writes writes;
    for (const OutputBatch::Record& record : out.records()) {
        if (record.topic == topic) {
            const auto value = out.value(record);
            writes.emplace_back(out.key(record).value(),
                                value ? std::optional{std::string{*value}} : std::nullopt);
        }
    }
    return writes;
}

inline void compact(Compacted& topic, const Writes& writes) {
    for (const auto& [key, value] : writes) {
        topic[key] = value;
    }
}

// The last record of a totals step.
inline Meta meta_of(const OutputBatch& out, std::span<const AggregateKind> kinds) {
    const Writes writes = writes_to(TopicRole::changelog, out);
    Result<Meta> meta = decode_meta_value(writes.back().second.value(), kinds);
    REQUIRE(meta);
    return *std::move(meta);
}

// A changelog as any of these, or with values that are all there.
template <typename Changelog>
Result<void> restore_all(TotalsState& state, const Changelog& changelog) {
    for (const auto& [key, value] : changelog) {
        const std::optional<std::string_view> said{value};
        if (!said) {
            state.restore_tombstone(key);
        } else if (Result<void> done = state.restore(key, *said); !done) {
            return done;
        }
    }
    return state.finish_restore();
}

// All results of a state that is restored from that, by their keys.
template <typename Changelog>
std::map<std::string, std::string> published_again(const Job& job, const Changelog& changelog) {
    TotalsState state{job, PartitionId{0}};
    REQUIRE(restore_all(state, changelog));
    state.write_again();
    state.fill_again(100, 1 << 20);
    OutputBatch out;
    state.seal(Offset{9}, out);
    CHECK(state.again_sealed());
    std::map<std::string, std::string> results;
    for (const auto& [key, value] : writes_to(TopicRole::results, out)) {
        results[key] = value.value();
    }
    return results;
}

}  // namespace kstream::testing
