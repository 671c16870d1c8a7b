// The sets and multisets of the changelog, as they are at the cut of each state partition: elements
// and values under the numbers of keys, which the totals of these keys say.
//
// Those of all keys, whatever class of them is looked at, for whose a number is stands in its total
// alone: they come on top of the memory that accounts may use.
#pragma once

#include "kstream/audit/audited_job.hpp"
#include "kstream/codec/element.hpp"
#include "kstream/core/element.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/error.hpp"
#include "kstream/model/int128.hpp"
#include "kstream/model/record.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

namespace kstream::audit {

class StoredSets {
public:
    using Multiset = std::map<Int128, std::uint64_t>;  // how often each value is there

    // Nothing in them yet. `job` must outlive this.
    explicit StoredSets(const AuditedJob& job);

    // Forgets everything.
    void begin();

    // Whether the job has any, and so its keys numbers.
    [[nodiscard]] bool any() const { return !sets_.empty() || !multisets_.empty(); }
    // Which accumulators they are.
    [[nodiscard]] std::span<const std::uint8_t> sets() const { return sets_; }
    [[nodiscard]] std::span<const std::uint8_t> multisets() const { return multisets_; }

    // A changelog record of an element, or its tombstone; of the cut it becomes part with a call of
    // the next two. What it returns is the transaction that it says it was written in, 0 of a
    // tombstone. integrity when it is damaged, or none that the job has.
    [[nodiscard]] Result<std::uint64_t> take(const RecordView& record);
    // A meta record of this state partition comes: all that stands before it is of the cut.
    void settle_all(std::size_t q);
    // The same of what stands after it and is of transactions up to this one, which a new owner
    // would restore as well.
    void settle_up_to(std::size_t q, std::uint64_t transaction);

    // Under the number of a key, of one accumulator; empty where there are none.
    [[nodiscard]] const std::set<Element>& set_of(std::size_t q, std::uint64_t number,
                                                  std::uint8_t set) const;
    [[nodiscard]] const Multiset& multiset_of(std::size_t q, std::uint64_t number,
                                              std::uint8_t set) const;
    // How many records the changelog has under the number that a total with these slots needs: not
    // those of sets that are over.
    [[nodiscard]] std::uint64_t needed_by(std::span<const Slot> slots, std::size_t q,
                                          std::uint64_t number) const;

    struct Sum {
        std::uint64_t elements = 0;  // records of the changelog
        UInt128 hash = 0;            // what they add to the hash of the state
    };
    // Of all of a state partition.
    [[nodiscard]] Sum sum(std::size_t q) const;

private:
    struct New {
        ElementOwner owner;
        Element element;                // of a set
        Int128 value = 0;               // of a multiset
        std::uint64_t count = 0;        // how often it is there; 0: it was taken out
        std::uint64_t transaction = 0;  // 0: it was taken out
    };

    [[nodiscard]] bool is_multiset(std::uint8_t accumulator) const {
        return accumulator < job_.kinds.size() && job_.kinds[accumulator] == kMultiset;
    }
    void settle(std::size_t q, const New& one);

    const AuditedJob& job_;
    std::vector<std::uint8_t> sets_;  // which accumulators they are
    std::vector<std::uint8_t> multisets_;
    // By state partition and ElementOwner::packed.
    std::vector<std::unordered_map<std::uint64_t, std::set<Element>>> elements_;
    std::vector<std::unordered_map<std::uint64_t, Multiset>> values_;
    std::vector<std::vector<New>> newer_;
};

}  // namespace kstream::audit
