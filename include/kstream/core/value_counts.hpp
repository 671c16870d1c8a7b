// How often each value has come to the multisets of a step, those of all keys in one table: for
// percentile_disc. A step that is sealed has them in order.
//
// Open addressing with linear probing over cells of 32 bytes, at most three quarters of which are
// in use: 43 to 85 bytes for each value. The cells are kept from step to step, so a step like the
// one before allocates nothing. Not thread-safe.
#pragma once

#include "kstream/core/element.hpp"
#include "kstream/core/member_hash.hpp"
#include "kstream/model/int128.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kstream {

class ValueCounts {
public:
    // 32 bytes; with an Int128 in it it would be 48.
    class Cell {
    public:
        constexpr Cell() = default;
        constexpr Cell(ElementOwner owner, Int128 value)
            : owner_(owner),
              high_(static_cast<std::int64_t>(value >> 64)),
              low_(static_cast<std::uint64_t>(static_cast<UInt128>(value))) {}

        [[nodiscard]] constexpr ElementOwner owner() const { return owner_; }
        [[nodiscard]] constexpr Int128 value() const {
            return static_cast<Int128>(UInt128{static_cast<std::uint64_t>(high_)} << 64 | low_);
        }
        [[nodiscard]] constexpr std::uint64_t count() const { return count_; }

    private:
        friend class ValueCounts;
        // By owner and by value.
        friend constexpr bool comes_before(const Cell& one, const Cell& other) {
            if (one.owner_ != other.owner_) {
                return one.owner_ < other.owner_;
            }
            return one.high_ != other.high_ ? one.high_ < other.high_ : one.low_ < other.low_;
        }
        [[nodiscard]] constexpr bool is_of(const Cell& other) const {
            return low_ == other.low_ && owner_ == other.owner_ && high_ == other.high_;
        }

        ElementOwner owner_;
        std::int64_t high_ = 0;
        std::uint64_t low_ = 0;
        std::uint64_t count_ = 0;  // 0: the cell is free
    };
    static_assert(sizeof(Cell) == 32);

    explicit ValueCounts(std::uint64_t seed);

    // One more of it. Whether it is the first one.
    bool add(ElementOwner owner, Int128 value);
    [[nodiscard]] std::size_t size() const { return size_; }

    // Those whose owner keep(ElementOwner) is true of, by owner and by value. They take the place
    // of the table: nothing but clear() may follow. Valid until then.
    template <typename Keep>
    [[nodiscard]] std::span<const Cell> sort(Keep keep) {
        const auto rest = std::ranges::remove_if(
            cells_, [&](const Cell& cell) { return cell.count_ == 0 || !keep(cell.owner_); });
        const std::span<Cell> kept{cells_.begin(), rest.begin()};
        std::ranges::sort(
            kept, [](const Cell& one, const Cell& other) { return comes_before(one, other); });
        return kept;
    }
    // None is there; as many again have room.
    void clear();

    [[nodiscard]] std::size_t memory_bytes() const { return cells_.capacity() * sizeof(Cell); }

private:
    [[nodiscard]] Cell& find(const Cell& wanted);
    void grow();

    MemberHash hash_;
    std::vector<Cell> cells_;
    std::size_t size_ = 0;
};

}  // namespace kstream
