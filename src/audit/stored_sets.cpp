#include "kstream/audit/stored_sets.hpp"

#include "kstream/core/side_aggregates.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace kstream::audit {

StoredSets::StoredSets(const AuditedJob& job)
    : job_(job), sets_(sets_of(job.kinds)), multisets_(multisets_of(job.kinds)) {
    begin();
}

void StoredSets::begin() {
    elements_.assign(job_.state_partitions, {});
    values_.assign(job_.state_partitions, {});
    newer_.assign(job_.state_partitions, {});
}

// Each is written once, in the transaction of the step that found it, and taken out where its set
// has gone over. Most come before the total that says whose they are, for that is written again
// with every change.
Result<std::uint64_t> StoredSets::take(const RecordView& record) {
    const Result<ElementOwner> owner = decode_element_owner(record.key());
    const Result<ElementCount> count = record.is_tombstone() ? Result<ElementCount>{ElementCount{}}
                                                             : decode_element_value(record.value());
    if (!owner || !count) {
        return std::unexpected(owner ? count.error() : owner.error());
    }
    New one{
        .owner = *owner, .element = {}, .count = count->count, .transaction = count->transaction};
    if (is_multiset(owner->accumulator())) {
        const Result<OwnedValue> found = decode_value_key(record.key());
        if (!found) {
            return std::unexpected(found.error());
        }
        one.value = found->value;
    } else {
        const Result<OwnedElement> found = decode_element_key(record.key());
        if (!found) {
            return std::unexpected(found.error());
        }
        one.element = found->element;
        if (std::ranges::find(sets_, owner->accumulator()) == sets_.end() || count->count > 1) {
            return fail(ExitCode::integrity, "an element that this job does not have");
        }
    }
    const auto q = static_cast<std::size_t>(record.partition.value);
    // Counts are compared with the identity, which says so.
    if (q < newer_.size()) {
        newer_[q].push_back(one);
    }
    return count->transaction;
}

void StoredSets::settle_all(std::size_t q) {
    for (const New& one : std::exchange(newer_[q], {})) {
        settle(q, one);
    }
}

void StoredSets::settle_up_to(std::size_t q, std::uint64_t transaction) {
    std::erase_if(newer_[q], [&](const New& one) {
        const bool settles = one.transaction != 0 && one.transaction <= transaction;
        if (settles) {
            settle(q, one);
        }
        return settles;
    });
}

void StoredSets::settle(std::size_t q, const New& one) {
    const bool taken_out = one.transaction == 0;
    if (is_multiset(one.owner.accumulator())) {
        Multiset& values = values_[q][one.owner.packed];
        if (taken_out) {
            values.erase(one.value);
        } else {
            values[one.value] = one.count;
        }
        return;
    }
    std::set<Element>& set = elements_[q][one.owner.packed];
    if (taken_out) {
        set.erase(one.element);
    } else {
        set.insert(one.element);
    }
}

const std::set<Element>& StoredSets::set_of(std::size_t q, std::uint64_t number,
                                            std::uint8_t set) const {
    static const std::set<Element> kNone;
    const auto found = elements_[q].find(ElementOwner{number, set}.packed);
    return found == elements_[q].end() ? kNone : found->second;
}

const StoredSets::Multiset& StoredSets::multiset_of(std::size_t q, std::uint64_t number,
                                                    std::uint8_t set) const {
    static const Multiset kNone;
    const auto found = values_[q].find(ElementOwner{number, set}.packed);
    return found == values_[q].end() ? kNone : found->second;
}

std::uint64_t StoredSets::needed_by(std::span<const Slot> slots, std::size_t q,
                                    std::uint64_t number) const {
    std::uint64_t elements = 0;
    for (const std::uint8_t set : sets_) {
        elements += is_over(slots[set]) ? 0 : set_of(q, number, set).size();
    }
    for (const std::uint8_t set : multisets_) {
        elements += is_over(slots[set]) ? 0 : multiset_of(q, number, set).size();
    }
    return elements;
}

StoredSets::Sum StoredSets::sum(std::size_t q) const {
    Sum all;
    std::string changelog_key;
    for (const auto& [packed, set] : elements_[q]) {
        all.elements += set.size();
        OwnedElement one;
        one.owner.packed = packed;
        for (const Element& element : set) {
            one.element = element;
            changelog_key.clear();
            append_element_key(changelog_key, one);
            all.hash += element_hash(changelog_key, 1);
        }
    }
    for (const auto& [packed, values] : values_[q]) {
        all.elements += values.size();
        ElementOwner owner;
        owner.packed = packed;
        for (const auto& [value, count] : values) {
            changelog_key.clear();
            append_value_key(changelog_key, owner, value);
            all.hash += element_hash(changelog_key, count);
        }
    }
    return all;
}

}  // namespace kstream::audit
