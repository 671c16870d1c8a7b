// The sets of all keys of a state partition, or of a step, in one table: for count(DISTINCT x).
//
// Open addressing with linear probing over cells of 24 bytes, which are the elements themselves.
// The table grows by a quarter, so it is 64 to 80 % full: 30 to 37.5 bytes for each of a million
// elements (a table that doubles has up to 60), held by a test. Not thread-safe.
//
// Changes can be taken back, layer by layer: a layer's list of them is undone from its end, the
// latest layer first.
#pragma once

#include "kstream/core/element.hpp"
#include "kstream/core/member_hash.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kstream {

class ElementSet {
public:
    struct Change {
        OwnedElement what;
        bool added = false;  // else erased
    };
    using Changes = std::vector<Change>;

    explicit ElementSet(std::uint64_t seed);

    // Whether it is new; then `changes` has it too.
    bool insert(const OwnedElement& what, Changes* changes = nullptr);
    // Whether it was there; then `changes` has it too.
    bool erase(const OwnedElement& what, Changes* changes = nullptr);
    [[nodiscard]] bool contains(const OwnedElement& what) const;
    // Begins to load what the next of these will touch.
    void prefetch(const OwnedElement& what) const;

    // Takes back what `changes` has, and empties it.
    void undo(Changes& changes);

    [[nodiscard]] std::size_t size() const { return size_; }
    // None is there; as many again have room.
    void clear();
    // All elements, by owner and by value: the same for the same elements, however they came.
    [[nodiscard]] std::vector<OwnedElement> sorted() const;

    // A cut of the table, for who looks through all of it in pieces: the elements in `cells` of its
    // cells from `from` on. `from` moves on, to 0 after the last. An element may be met twice, or
    // not at all, when the table has changed in between: another round finds it.
    [[nodiscard]] std::vector<OwnedElement> sweep(std::size_t& from, std::size_t cells) const;

    [[nodiscard]] std::size_t memory_bytes() const { return cells_.capacity() * sizeof(Cell); }

private:
    using Cell = OwnedElement;  // of kNobody where it is free

    [[nodiscard]] std::size_t home_of(const OwnedElement& what) const;
    [[nodiscard]] std::size_t next(std::size_t at) const {
        return at + 1 == cells_.size() ? 0 : at + 1;
    }
    // Its cell, or the free one where it would stand.
    [[nodiscard]] std::size_t find(const OwnedElement& what) const;
    void put(const OwnedElement& what);
    void take(std::size_t at);
    void grow();

    MemberHash hash_;
    std::vector<Cell> cells_;
    std::size_t size_ = 0;
};

}  // namespace kstream
