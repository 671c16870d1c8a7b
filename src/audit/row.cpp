#include "kstream/audit/row.hpp"

#include "audit/sums.hpp"
#include "kstream/check.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"

#include <algorithm>

namespace kstream::audit {
namespace {

// A slot of a row whose text lies in Row::texts.
constexpr Slot kText{Int128{0}, true};

// Of a set: three pointers, a color, the element, and what the allocator adds.
constexpr std::uint64_t kNodeBytes = 4 * sizeof(void*) + sizeof(Element) + 16;

}  // namespace

Row::Row(std::span<const AggregateKind> kinds) : slots(kinds.size()) {
    if (std::ranges::any_of(kinds, keeps_text)) {
        texts.resize(kinds.size());
    }
    if (has_elements(kinds)) {
        sets.resize(kinds.size());
        multisets.resize(kinds.size());
    }
}

Row::Row(std::span<const AggregateKind> kinds, std::span<const Slot> stored, const TextStore& store)
    : Row(kinds) {
    there = true;
    std::ranges::copy(stored, slots.begin());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (keeps_text(kinds[i]) && slots[i].present()) {
            texts[i] = store.text(slots[i]);
            slots[i] = kText;
        }
    }
}

std::uint64_t Row::bytes() const {
    std::uint64_t bytes = slots.size() * sizeof(Slot) + texts.size() * sizeof(std::string);
    for (const std::string& text : texts) {
        bytes += text.capacity();
    }
    for (const std::set<Element>& set : sets) {
        bytes += sizeof(std::set<Element>) + set.size() * kNodeBytes;
    }
    for (const auto& values : multisets) {
        bytes += sizeof(std::map<Int128, std::uint64_t>) +
                 values.size() * (kNodeBytes + 2 * sizeof(std::uint64_t));
    }
    return bytes;
}

StoredRow::StoredRow(std::span<const AggregateKind> kinds, const Row& row) : slots(row.slots) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (keeps_text(kinds[i]) && slots[i].present()) {
            slots[i] = Slot{};
            texts.merge(kinds[i], slots[i], row.texts[i]);
        }
    }
}

void add_row(std::span<const AggregateKind> kinds, std::span<Slot> row,
             std::span<const Slot> other) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        switch (kinds[i]) {
            case aggregate_named("min"):
            case aggregate_named("max"):
                row[i] = extreme_of(kinds[i], row[i], other[i]);
                break;
            case aggregate_named("count"):
            case aggregate_named("sum"):
            case aggregate_named("squares_low"):
            case aggregate_named("squares_high"):
                row[i] =
                    Slot{row[i].value() + other[i].value(), row[i].present() || other[i].present()};
                break;
            case kMinText:
            case kMaxText:
            case kDistinct:
            case kMultiset:
                break;
            default:
                KSTREAM_CHECK(false, "the audit knows every aggregate");
        }
    }
}

void add_row(std::span<const AggregateKind> kinds, Row& row, const Row& other,
             std::uint64_t max_distinct) {
    row.there = true;
    add_row(kinds, std::span{row.slots}, std::span{other.slots});
    for (std::size_t i = 0; i < row.texts.size(); ++i) {
        if (!keeps_text(kinds[i]) || !other.slots[i].present()) {
            continue;
        }
        const bool better =
            !row.slots[i].present() ||
            (kinds[i] == kMinText ? other.texts[i] < row.texts[i] : other.texts[i] > row.texts[i]);
        if (better) {
            row.texts[i] = other.texts[i];
            row.slots[i] = kText;
        }
    }
    for (std::size_t i = 0; i < row.sets.size(); ++i) {
        // Of another aggregate -1 is a number like any.
        if (kinds[i] != kDistinct || is_over(row.slots[i])) {
            continue;
        }
        std::set<Element>& set = row.sets[i];
        set.insert(other.sets[i].begin(), other.sets[i].end());
        if (set.size() > max_distinct || is_over(other.slots[i])) {
            set.clear();
            row.slots[i] = kOverSlot;
        } else if (!set.empty()) {
            row.slots[i] = Slot{static_cast<std::int64_t>(set.size()), true};
        }
    }
    for (std::size_t i = 0; i < row.multisets.size(); ++i) {
        if (kinds[i] != kMultiset || is_over(row.slots[i])) {
            continue;
        }
        std::map<Int128, std::uint64_t>& values = row.multisets[i];
        for (const auto& [value, count] : other.multisets[i]) {
            values[value] += count;
            row.slots[i] = Slot{row.slots[i].value() + Int192{Int128{count}}, true};
        }
        if (values.size() > max_distinct || is_over(other.slots[i])) {
            values.clear();
            row.slots[i] = kOverSlot;
        }
    }
}

std::vector<Slot> no_sums(std::span<const AggregateKind> kinds) {
    std::vector<Slot> sums(kinds.size());
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        sums[i] = Slot{Int192{}, can_be_taken_out(kinds[i])};
    }
    return sums;
}

void add_sums(std::span<const AggregateKind> kinds, std::span<Slot> sums,
              std::span<const Slot> row) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (can_be_taken_out(kinds[i])) {
            sums[i] = Slot{sums[i].value() + row[i].value(), true};
        }
    }
}

}  // namespace kstream::audit
