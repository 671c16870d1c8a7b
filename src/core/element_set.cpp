#include "kstream/core/element_set.hpp"

#include <algorithm>

namespace kstream {

namespace {

constexpr std::size_t kFirstCells = 32;
constexpr ElementOwner kNobody{ElementOwner::kMaxNumber + 1, 0xff};

}  // namespace

ElementSet::ElementSet(std::uint64_t seed) : hash_(seed), cells_(kFirstCells, Cell{kNobody, {}}) {}

void ElementSet::clear() {
    cells_.assign(std::max(kFirstCells, size_ + size_ / 2), Cell{kNobody, {}});
    size_ = 0;
}

std::size_t ElementSet::home_of(const OwnedElement& what) const {
    return hash_.home(what.owner, what.element.high, what.element.low, cells_.size());
}

std::size_t ElementSet::find(const OwnedElement& what) const {
    std::size_t at = home_of(what);
    while (cells_[at].owner != kNobody && cells_[at] != what) {
        at = next(at);
    }
    return at;
}

bool ElementSet::contains(const OwnedElement& what) const {
    return cells_[find(what)].owner != kNobody;
}

void ElementSet::prefetch(const OwnedElement& what) const {
    __builtin_prefetch(&cells_[home_of(what)]);
}

void ElementSet::put(const OwnedElement& what) {
    if ((size_ + 1) * 5 > cells_.size() * 4) {
        grow();
    }
    cells_[find(what)] = what;
    ++size_;
}

bool ElementSet::insert(const OwnedElement& what, Changes* changes) {
    const std::size_t at = find(what);
    if (cells_[at].owner != kNobody) {
        return false;
    }
    if ((size_ + 1) * 5 > cells_.size() * 4) {
        put(what);
    } else {
        cells_[at] = what;
        ++size_;
    }
    if (changes != nullptr) {
        changes->push_back({what, true});
    }
    return true;
}

// Moves up what was put after the cell because of it, so that no search ends too early.
void ElementSet::take(std::size_t at) {
    const std::size_t cells = cells_.size();
    const auto distance = [cells](std::size_t from, std::size_t to) {
        return to >= from ? to - from : to + cells - from;
    };
    std::size_t hole = at;
    for (std::size_t i = next(at); cells_[i].owner != kNobody; i = next(i)) {
        if (distance(home_of(cells_[i]), i) >= distance(hole, i)) {
            cells_[hole] = cells_[i];
            hole = i;
        }
    }
    cells_[hole] = Cell{kNobody, {}};
    --size_;
}

bool ElementSet::erase(const OwnedElement& what, Changes* changes) {
    const std::size_t at = find(what);
    if (cells_[at].owner == kNobody) {
        return false;
    }
    take(at);
    if (changes != nullptr) {
        changes->push_back({what, false});
    }
    return true;
}

void ElementSet::undo(Changes& changes) {
    for (std::size_t i = changes.size(); i-- > 0;) {
        const Change& change = changes[i];
        if (change.added) {
            take(find(change.what));
        } else {
            put(change.what);
        }
    }
    changes.clear();
}

void ElementSet::grow() {
    std::vector<Cell> old(cells_.size() + cells_.size() / 4, Cell{kNobody, {}});
    old.swap(cells_);
    for (const Cell& cell : old) {
        if (cell.owner != kNobody) {
            cells_[find(cell)] = cell;
        }
    }
}

std::vector<OwnedElement> ElementSet::sorted() const {
    std::vector<OwnedElement> all;
    all.reserve(size_);
    std::ranges::copy_if(cells_, std::back_inserter(all),
                         [](const Cell& cell) { return cell.owner != kNobody; });
    std::ranges::sort(all);
    return all;
}

std::vector<OwnedElement> ElementSet::sweep(std::size_t& from, std::size_t cells) const {
    std::vector<OwnedElement> found;
    from = std::min(from, cells_.size());
    const std::size_t end = from + std::min(cells, cells_.size() - from);
    for (; from < end; ++from) {
        if (cells_[from].owner != kNobody) {
            found.push_back(cells_[from]);
        }
    }
    from = from == cells_.size() ? 0 : from;
    return found;
}

}  // namespace kstream
