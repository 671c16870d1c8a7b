// The multisets of all keys of a state partition: for percentile_disc. What a layer changes of them
// is kept by whoever has the layer, and put back from its end.
#pragma once

#include "kstream/core/element.hpp"
#include "kstream/core/ranked_values.hpp"
#include "kstream/model/int128.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace kstream {

class ValueSets {
public:
    // A value of a multiset, and how often it was there before.
    struct Change {
        ElementOwner owner;
        Int128 value = 0;
        std::uint64_t before = 0;
    };
    using Changes = std::vector<Change>;

    // nullptr: nothing was ever in it. Valid for as long as this is.
    [[nodiscard]] const RankedValues* find(ElementOwner owner) const;
    // How often the value is there; 0: not at all.
    [[nodiscard]] std::uint64_t count(ElementOwner owner, Int128 value) const;

    // Says how often the value is there from now on, and returns how often it was. `changes` gets
    // what undo() needs.
    std::uint64_t set_count(ElementOwner owner, Int128 value, std::uint64_t count,
                            Changes* changes = nullptr);
    // Takes these changes back, the last one first.
    void undo(const Changes& changes);

    // Calls use(ElementOwner, const RankedValues&) for each, in no order.
    template <typename Use>
    void each(Use use) const {
        for (const auto& [packed, values] : sets_) {
            ElementOwner owner;
            owner.packed = packed;
            use(owner, values);
        }
    }

    // An upper bound, by the numbers of multisets and of different values.
    [[nodiscard]] std::size_t memory_bytes() const;

private:
    std::unordered_map<std::uint64_t, RankedValues> sets_;  // by ElementOwner::packed
    std::size_t distinct_ = 0;                              // of all
};

}  // namespace kstream
