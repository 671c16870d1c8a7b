// Accumulators that hold more than a slot: texts, sets and multisets. Their tags and rows; how what
// lies beside the slots is kept and undone is in core/text_store.hpp, core/element_set.hpp and
// core/value_sets.hpp, how it is stored in docs/adr/0053-what-a-key-keeps.md.
#pragma once

#include "kstream/core/slot.hpp"
#include "kstream/model/aggregation_spec.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace kstream {

struct SideAggregateRow {
    AggregateKind kind{};  // as in AggregateRow: one space of tags, none is used again
    std::string_view name;
    std::string_view postgres;
    std::string_view slot;  // what its slot holds
};

inline constexpr AggregateKind kMinText{7};
inline constexpr AggregateKind kMaxText{8};
inline constexpr AggregateKind kDistinct{9};
inline constexpr AggregateKind kMultiset{10};

inline constexpr std::array kSideAggregates{
    SideAggregateRow{kMinText, "min_text", "min(FIELD COLLATE \"C\")", "where the text is"},
    SideAggregateRow{kMaxText, "max_text", "max(FIELD COLLATE \"C\")", "where the text is"},
    SideAggregateRow{kDistinct, "distinct", "count(DISTINCT FIELD)",
                     "how many elements; -1: too many"},
    SideAggregateRow{kMultiset, "multiset", "percentile_disc(P) WITHIN GROUP (ORDER BY FIELD)",
                     "how many values, each as often as it came; -1: too many different ones"},
};

// Whether it is one of these: one comparison, for each input of each record.
[[nodiscard]] constexpr bool lies_beside(AggregateKind kind) {
    return kind >= kMinText;
}
[[nodiscard]] constexpr bool keeps_text(AggregateKind kind) {
    return kind == kMinText || kind == kMaxText;
}
[[nodiscard]] constexpr bool keeps_elements(AggregateKind kind) {
    return kind == kDistinct || kind == kMultiset;
}

// The slot of a set or multiset that has had more different values than --max-distinct lets it
// have: it stays so, whatever comes, and the column is NULL.
inline constexpr Slot kOverSlot{Int128{-1}, true};
[[nodiscard]] constexpr bool is_over(const Slot& slot) {
    return slot == kOverSlot;
}

// Which of a job's accumulators are of that kind, in their order.
[[nodiscard]] inline std::vector<std::uint8_t> accumulators_of(std::span<const AggregateKind> kinds,
                                                               AggregateKind kind) {
    std::vector<std::uint8_t> found;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (kinds[i] == kind) {
            found.push_back(static_cast<std::uint8_t>(i));
        }
    }
    return found;
}
[[nodiscard]] inline std::vector<std::uint8_t> sets_of(std::span<const AggregateKind> kinds) {
    return accumulators_of(kinds, kDistinct);
}
[[nodiscard]] inline std::vector<std::uint8_t> multisets_of(std::span<const AggregateKind> kinds) {
    return accumulators_of(kinds, kMultiset);
}
// Whether keys have elements of their own, and so numbers.
[[nodiscard]] inline bool has_elements(std::span<const AggregateKind> kinds) {
    return std::ranges::any_of(kinds, keeps_elements);
}

}  // namespace kstream
