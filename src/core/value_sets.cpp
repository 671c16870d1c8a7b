#include "kstream/core/value_sets.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

namespace kstream {

const RankedValues* ValueSets::find(ElementOwner owner) const {
    const auto found = sets_.find(owner.packed);
    return found == sets_.end() ? nullptr : &found->second;
}

std::uint64_t ValueSets::count(ElementOwner owner, Int128 value) const {
    const RankedValues* const values = find(owner);
    return values == nullptr ? 0 : values->count(value);
}

std::uint64_t ValueSets::set_count(ElementOwner owner, Int128 value, std::uint64_t count,
                                   Changes* changes) {
    const std::uint64_t before = sets_[owner.packed].set_count(value, count);
    // Modulo 2^64: of 32 bits one less was 4,294,967,295 more.
    distinct_ += std::size_t{count != 0} - std::size_t{before != 0};
    if (changes != nullptr) {
        changes->push_back({owner, value, before, count});
    }
    return before;
}

std::uint64_t ValueSets::Multiset::add(Int128 value, std::uint64_t more, Changes& changes) {
    const std::uint64_t before = values_.add(value, more);
    all_.distinct_ += std::size_t{before + more != 0} - std::size_t{before != 0};
    changes.push_back({owner_, value, before, before + more});
    return before;
}

void ValueSets::forget_if_empty(ElementOwner owner) {
    const auto found = sets_.find(owner.packed);
    if (found != sets_.end() && found->second.distinct() == 0) {
        sets_.erase(found);
    }
}

void ValueSets::undo(const Changes& changes) {
    for (const Change& change : changes | std::views::reverse) {
        set_count(change.owner, change.value, change.before);
    }
}

void ValueSets::sum_up(Changes& changes) {
    if (changes.empty()) {
        return;
    }
    const auto place = [](const Change& change) {
        return std::pair{change.owner.packed, change.value};
    };
    std::ranges::stable_sort(changes, {}, place);
    auto last = changes.begin();
    for (const Change& change : changes | std::views::drop(1)) {
        if (place(change) == place(*last)) {
            last->after = change.after;
        } else {
            *++last = change;
        }
    }
    changes.erase(last + 1, changes.end());
}

std::size_t ValueSets::memory_bytes() const {
    // Both are what core/ranked_values.hpp says.
    constexpr std::size_t kOfValue = 40;
    constexpr std::size_t kOfMultiset = 150;
    return distinct_ * kOfValue + sets_.size() * kOfMultiset;
}

}  // namespace kstream
