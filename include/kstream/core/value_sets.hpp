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
    // A value of a multiset, how often it was there before, and how often it is there now.
    struct Change {
        ElementOwner owner;
        Int128 value = 0;
        std::uint64_t before = 0;
        std::uint64_t after = 0;
        friend bool operator==(const Change&, const Change&) = default;
    };
    using Changes = std::vector<Change>;

    // One multiset, looked up once for all that is added to it. Valid until it is forgotten.
    class Multiset {
    public:
        // Says that the value is there so often more, and returns how often it was. `changes` gets
        // what undo() needs.
        std::uint64_t add(Int128 value, std::uint64_t more, Changes& changes);
        [[nodiscard]] std::size_t distinct() const { return values_.distinct(); }

    private:
        friend class ValueSets;
        Multiset(ValueSets& all, ElementOwner owner)
            : all_(all), owner_(owner), values_(all.sets_[owner.packed]) {}

        ValueSets& all_;
        ElementOwner owner_;
        RankedValues& values_;
    };
    [[nodiscard]] Multiset multiset(ElementOwner owner) { return {*this, owner}; }

    // nullptr: nothing was ever in it, or it was forgotten since. Valid until it is.
    [[nodiscard]] const RankedValues* find(ElementOwner owner) const;
    // How often the value is there; 0: not at all.
    [[nodiscard]] std::uint64_t count(ElementOwner owner, Int128 value) const;

    // Says how often the value is there from now on, and returns how often it was. `changes` gets
    // what undo() needs.
    std::uint64_t set_count(ElementOwner owner, Int128 value, std::uint64_t count,
                            Changes* changes = nullptr);
    // Of a multiset without values nothing is left in memory.
    void forget_if_empty(ElementOwner owner);
    // Takes these changes back, the last one first.
    void undo(const Changes& changes);
    // What they come to, by multiset and by value, each value once. Undone, they are the same.
    static void sum_up(Changes& changes);

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
