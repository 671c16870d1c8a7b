// Keys to small dense indexes: the table under both the deltas of a step and the totals of a
// partition. What belongs to a key lies in vectors of the caller, by index.
//
// Open addressing with linear probing over 8-byte cells (index and hash tag); key bytes lie one
// after the other in one buffer. The hash is seeded per process, so that nobody who chooses keys
// can choose collisions (design: untrusted input). Not thread-safe; views returned by key() are
// valid until the next insertion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace kstream {

class KeyTable {
public:
    // Cells and keys of fewer are in the second-level cache of most machines, a megabyte.
    static constexpr std::size_t kCellsInCache = std::size_t{1} << 15;

    explicit KeyTable(std::uint64_t seed, std::size_t cells_in_cache = kCellsInCache);

    // The index of `wanted`, which is added when it is new. Indexes count up from 0 in order of
    // insertion; `inserted` says whether this call added it.
    struct Found {
        std::uint32_t index;
        bool inserted;
    };
    Found find_or_insert(std::string_view wanted);
    // The same, mostly without its hash: `likely` is what prefetch() said of `wanted`, or kNone.
    Found find_or_insert(std::string_view wanted, std::uint32_t likely) {
        return likely < size() && key(likely) == wanted ? Found{likely, false}
                                                        : find_or_insert(wanted);
    }

    // The index, or kNone.
    static constexpr std::uint32_t kNone = 0xffffffffU;
    [[nodiscard]] std::uint32_t find(std::string_view wanted) const;

    // How many keys are best asked for together: what they touch has to fit the first-level cache.
    static constexpr std::size_t kTogether = 32;
    // Begins to load what finding these keys will touch, so that the memory answers for all of them
    // at once and not for one after another; a table of a million keys is in no cache. `likely`
    // gets for each key the index that it has by its hash alone, or kNone: for what the caller
    // holds by index. At most kTogether keys; a table that a cache holds does nothing and says
    // kNone.
    void prefetch(std::span<const std::string_view> keys, std::span<std::uint32_t> likely) const;
    // Whether that pays: the table is too large for a cache that is a core's own.
    [[nodiscard]] bool outgrows_caches() const;

    [[nodiscard]] std::string_view key(std::uint32_t index) const;
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(ends_.size()); }

    // Forgets all keys from `size` on, in the order of insertion: how a discarded step is undone.
    void truncate(std::uint32_t size);
    void clear() { truncate(0); }

    // Forgets the keys that are not `wanted`, one for each index. The others keep their order and
    // get the indexes from 0 on. Costs a pass over all keys.
    void keep(const std::vector<bool>& wanted);

    // Bytes of all keys.
    [[nodiscard]] std::size_t key_bytes() const { return bytes_.size(); }

    // Bytes held, for the memory budget.
    [[nodiscard]] std::size_t memory_bytes() const;

private:
    struct Cell {
        std::uint32_t tag = 0;
        std::uint32_t index = kNone;
    };

    [[nodiscard]] std::uint64_t hash(std::string_view key) const;
    [[nodiscard]] std::size_t slot_of(std::uint32_t index) const;
    void grow();
    void fill_cells(std::size_t count);

    std::uint64_t seed_;
    std::size_t cells_in_cache_;
    std::vector<Cell> cells_;          // power of two, at most 5/8 full
    std::vector<char> bytes_;          // all keys, one after the other
    std::vector<std::uint64_t> ends_;  // end of key i in bytes_
};

}  // namespace kstream
