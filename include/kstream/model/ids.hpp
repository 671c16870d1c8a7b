// Strong types for the numbers of the log. The classic bug of this field is an offset that means
// "last processed" in one place and "next to read" in another: here an Offset is ALWAYS a position,
// that is the offset of the next record to read, unless a name says `record_offset`.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace kstream {

struct PartitionId {
    std::int32_t value = -1;
    friend constexpr auto operator<=>(PartitionId, PartitionId) = default;
};

struct Offset {
    std::int64_t value = 0;
    // The position after a record at this offset.
    [[nodiscard]] constexpr Offset next() const { return Offset{value + 1}; }
    friend constexpr auto operator<=>(Offset, Offset) = default;
};

// The UUID that the controller gave a topic (KIP-516). A topic that was deleted and re-created has
// the same name and another id; that is how a replaced log is distinguished from a continued one.
struct TopicId {
    std::array<std::uint8_t, 16> bytes{};
    friend constexpr auto operator<=>(const TopicId&, const TopicId&) = default;
};

// The topics of one application by what they are for; adapters know the names.
// Only jobs with windows have one for records that come too late.
enum class TopicRole : std::uint8_t { source, repartition, changelog, results, dead_letters, late };
inline constexpr std::size_t kTopicRoleCount = 6;

// Of records that are in no total: copies of those of the source, also without a key, and as large.
// Nothing rests on them.
constexpr bool holds_copies(TopicRole role) {
    return role == TopicRole::dead_letters || role == TopicRole::late;
}

}  // namespace kstream

template <>
struct std::hash<kstream::PartitionId> {
    std::size_t operator()(kstream::PartitionId id) const noexcept {
        return std::hash<std::int32_t>{}(id.value);
    }
};
