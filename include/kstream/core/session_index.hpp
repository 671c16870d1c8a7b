// The open sessions of each group: which of them a span of time touches, being no further from it
// than the gap, on either side. Of one group no session touches another one: they would be one.
//
// Times and the gap are in milliseconds; none of them, nor the sum of two, leaves 64 bits. Not
// thread-safe.
#pragma once

#include "kstream/core/key_table.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace kstream {

class SessionIndex {
public:
    struct Session {
        std::int64_t first = 0;
        std::int64_t last = 0;
        std::uint32_t key = 0;  // what the owner has of it
        friend bool operator==(const Session&, const Session&) = default;
    };

    // `seed` as of KeyTable.
    SessionIndex(std::uint64_t seed, std::int64_t gap) : gap_(gap), groups_(seed) {}

    [[nodiscard]] std::int64_t gap() const { return gap_; }

    // Those of the group that the span from `first` to `last` touches, the earliest first. Valid
    // until the next change.
    [[nodiscard]] std::span<const Session> touched(std::string_view group, std::int64_t first,
                                                   std::int64_t last) const;

    // In the place of all that it touches.
    void put(std::string_view group, const Session& session);
    // Takes out the one that begins there; nothing where none does.
    void take(std::string_view group, std::int64_t first);

    // Keys have moved: `place` has the new one of each.
    void renumber(std::span<const std::uint32_t> place);
    void clear();

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t memory_bytes() const;

private:
    using Sessions = std::vector<Session>;

    [[nodiscard]] Sessions::const_iterator first_touched(const Sessions& sessions,
                                                         std::int64_t first) const;
    void forget_empty_groups();

    std::int64_t gap_;
    KeyTable groups_;
    std::vector<Sessions> sessions_;  // of each group, by time
    std::size_t size_ = 0;            // of all groups
    std::size_t empty_ = 0;           // groups without a session
};

}  // namespace kstream
