// One multiset of numbers, in order: for percentile_disc. A value stands once, with how often it
// came; what has a rank is found by the sums of runs of values, and not by going through them.
//
// Runs of at most kRunValues values, each run sorted, one after the other. For a million different
// values 40 bytes each at most, held by a test; a multiset of one value has some 150.
#pragma once

#include "kstream/model/int128.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kstream {

class RankedValues {
public:
    static constexpr std::size_t kRunValues = 256;

    // How often the value is there; 0: not at all.
    [[nodiscard]] std::uint64_t count(Int128 value) const;
    // Says how often it is there from now on, and returns how often it was: to be put back when a
    // layer is undone.
    std::uint64_t set_count(Int128 value, std::uint64_t count);
    // Says that it is there so often more, and returns how often it was.
    std::uint64_t add(Int128 value, std::uint64_t more);

    // The value of that rank in ascending order, equal ones each with a rank of its own.
    // Precondition: 1 <= rank <= total().
    [[nodiscard]] Int128 ranked(std::uint64_t rank) const;
    [[nodiscard]] std::uint64_t total() const { return total_; }
    [[nodiscard]] std::size_t distinct() const { return distinct_; }
    // How many there are of that value and of smaller ones.
    [[nodiscard]] std::uint64_t up_to(Int128 value) const;

    // Calls use(Int128 value, std::uint64_t count) for each value, ascending.
    template <typename Use>
    void each(Use use) const {
        for (const Run& run : runs_) {
            for (const Entry& entry : run.entries) {
                use(entry.value(), entry.count);
            }
        }
    }

    [[nodiscard]] std::size_t memory_bytes() const;

private:
    // 24 bytes; with an Int128 in it it would be 32.
    struct Entry {
        std::uint64_t low = 0;
        std::int64_t high = 0;
        std::uint64_t count = 0;

        static Entry of(Int128 value, std::uint64_t count) {
            return {static_cast<std::uint64_t>(static_cast<UInt128>(value)),
                    static_cast<std::int64_t>(value >> 64), count};
        }
        [[nodiscard]] Int128 value() const {
            return static_cast<Int128>(UInt128{static_cast<std::uint64_t>(high)} << 64 | low);
        }
    };
    static_assert(sizeof(Entry) == 24);
    struct Run {
        std::vector<Entry> entries;  // 1 or more, ascending
        std::uint64_t total = 0;
    };

    // Looks the value up, once: count_of(how often it is there) is how often from now on.
    template <typename CountOf>
    std::uint64_t change(Int128 value, CountOf count_of);
    // The run that has the value, or would have it. Precondition: there is one.
    [[nodiscard]] std::size_t run_of(Int128 value) const;
    void split(std::size_t index);

    std::vector<Run> runs_;
    std::uint64_t total_ = 0;
    std::size_t distinct_ = 0;
};

// The value of that rank in all of them together, of which none is made: it is looked for between
// the smallest and the largest value, so what it costs grows with how far these are apart, as its
// logarithm, and not with how many values there are. Precondition: 1 <= rank <= the sum of their
// totals.
[[nodiscard]] Int128 ranked_in_all(std::span<const RankedValues* const> all, std::uint64_t rank);

}  // namespace kstream
