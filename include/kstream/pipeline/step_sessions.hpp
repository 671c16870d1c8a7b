// Which row of a step a record of a job with sessions goes into: that of its group which the record
// goes on from. A step of a second holds many records of one visitor, each of a millisecond of its
// own; the totals need no more of them than where they begin, where they end and what they add up
// to (docs/PROTOCOL.md, E6). What is left apart here becomes one there.
//
// Of each group the row that was begun last is known, and no other. It begins at its first record,
// and one that is earlier begins another row: keys are of where a row begins, and stay.
//
// Times and the gap are in milliseconds. Not thread-safe.
#pragma once

#include "kstream/core/key_table.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace kstream {

class StepSessions {
public:
    // `seed` and `cells_in_cache` as of KeyTable. The gap is that of the job's sessions.
    StepSessions(std::uint64_t seed, std::size_t cells_in_cache, std::int64_t gap)
        : gap_(gap), groups_(seed, cells_in_cache) {}

    // The number of a group; a new one has no row yet. `likely` is what prefetch() said of it, or
    // KeyTable::kNone.
    KeyTable::Found find_or_insert(std::string_view group, std::uint32_t likely);

    // The row of this group that a record of `time` goes on from, and is part of from now on; or
    // KeyTable::kNone: then begin() one for it.
    [[nodiscard]] std::uint32_t go_on(std::uint32_t group, std::int64_t time);
    void begin(std::uint32_t group, std::uint32_t row, std::int64_t time);

    // As KeyTable::prefetch of the groups; `rows` gets the row of each.
    void prefetch(std::span<const std::string_view> groups, std::span<std::uint32_t> likely,
                  std::span<std::uint32_t> rows) const;
    [[nodiscard]] bool outgrows_caches() const { return groups_.outgrows_caches(); }

    void clear();

    // What a new group is charged with: its key, the table's cell and end, a span, each in a vector
    // that doubles.
    [[nodiscard]] static std::size_t charge_of(std::string_view group) {
        return 2 *
               (group.size() + 2 * sizeof(std::uint64_t) + sizeof(std::uint64_t) + sizeof(Span));
    }
    [[nodiscard]] std::size_t memory_bytes() const {
        return groups_.memory_bytes() + spans_.capacity() * sizeof(Span);
    }

private:
    struct Span {
        std::int64_t first = 0;
        std::int64_t last = 0;
        std::uint32_t row = KeyTable::kNone;
    };

    std::int64_t gap_;
    KeyTable groups_;
    std::vector<Span> spans_;  // of each group
};

}  // namespace kstream
