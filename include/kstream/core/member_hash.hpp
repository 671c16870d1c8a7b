// Where a member of a set or multiset stands in a table of all of them. Seeded per process, as
// KeyTable's hash is: who chooses the values cannot choose collisions. Nothing stored depends on
// it.
#pragma once

#include "kstream/core/element.hpp"
#include "kstream/core/stable_hash.hpp"
#include "kstream/model/int128.hpp"

#include <cstddef>
#include <cstdint>

namespace kstream {

class MemberHash {
public:
    explicit constexpr MemberHash(std::uint64_t seed) : seed_(detail::mix64(seed | 1)) {}

    // Of a table with so many cells: the hash as a fraction of 2^64, so there is no remainder to
    // calculate, and any number of cells will do.
    [[nodiscard]] constexpr std::size_t home(ElementOwner owner, std::uint64_t high,
                                             std::uint64_t low, std::size_t cells) const {
        std::uint64_t h = fold(owner.packed ^ seed_, seed_ ^ 0xa0761d6478bd642fULL);
        h = fold(h ^ high, seed_ ^ 0xe7037ed1a0b428dbULL);
        h = detail::mix64(fold(h ^ low, seed_ ^ 0x8ebc6af09c88c6e3ULL));
        return static_cast<std::size_t>(UInt128{h} * cells >> 64);
    }

private:
    [[nodiscard]] static constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const UInt128 product = UInt128{a} * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }

    std::uint64_t seed_;
};

}  // namespace kstream
