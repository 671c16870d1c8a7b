#include "kstream/core/value_counts.hpp"

namespace kstream {

namespace {

constexpr std::size_t kFirstCells = 32;

}  // namespace

ValueCounts::ValueCounts(std::uint64_t seed) : hash_(seed), cells_(kFirstCells) {}

// Its cell, or the free one where it would stand.
ValueCounts::Cell& ValueCounts::find(const Cell& wanted) {
    std::size_t at = hash_.home(wanted.owner_, static_cast<std::uint64_t>(wanted.high_),
                                wanted.low_, cells_.size());
    while (cells_[at].count_ != 0 && !cells_[at].is_of(wanted)) {
        at = at + 1 == cells_.size() ? 0 : at + 1;
    }
    return cells_[at];
}

bool ValueCounts::add(ElementOwner owner, Int128 value) {
    const Cell wanted{owner, value};
    Cell* cell = &find(wanted);
    if (cell->count_ != 0) {
        ++cell->count_;
        return false;
    }
    if ((size_ + 1) * 4 > cells_.size() * 3) {
        grow();
        cell = &find(wanted);
    }
    *cell = wanted;
    cell->count_ = 1;
    ++size_;
    return true;
}

void ValueCounts::grow() {
    std::vector<Cell> old(2 * cells_.size());
    old.swap(cells_);
    for (const Cell& cell : old) {
        if (cell.count_ != 0) {
            find(cell) = cell;
        }
    }
}

void ValueCounts::clear() {
    cells_.assign(std::max(kFirstCells, size_ + size_ / 2), Cell{});
    size_ = 0;
}

}  // namespace kstream
