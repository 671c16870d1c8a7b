// Accumulators that hold more than a slot: texts, sets and multisets. Their tags and rows; how what
// lies beside the slots is kept and undone is in core/text_store.hpp and core/element_store.hpp,
// how it is stored in docs/adr/0053-what-a-key-keeps.md.
#pragma once

#include "kstream/model/aggregation_spec.hpp"

#include <array>
#include <string_view>

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
    SideAggregateRow{kDistinct, "distinct", "count(DISTINCT FIELD)", "how many elements"},
    SideAggregateRow{kMultiset, "multiset", "percentile_disc(P) WITHIN GROUP (ORDER BY FIELD)",
                     "how many values, each as often as it came"},
};

[[nodiscard]] constexpr bool keeps_text(AggregateKind kind) {
    return kind == kMinText || kind == kMaxText;
}
[[nodiscard]] constexpr bool keeps_elements(AggregateKind kind) {
    return kind == kDistinct || kind == kMultiset;
}

}  // namespace kstream
