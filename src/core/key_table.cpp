#include "kstream/core/key_table.hpp"

#include "kstream/check.hpp"
#include "kstream/core/make_room.hpp"
#include "kstream/core/stable_hash.hpp"
#include "kstream/model/decimal.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace kstream {

namespace {

constexpr std::size_t kInitialCells = 64;

// Folded multiply: the high and the low half of a 128-bit product, mixed. One multiplication for
// eight bytes; the seed makes the multiplicand unknown to whoever chooses the keys.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const UInt128 product = UInt128{a} * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load64(const char* bytes) {
    std::uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

}  // namespace

KeyTable::KeyTable(std::uint64_t seed, std::size_t cells_in_cache)
    : seed_(detail::mix64(seed | 1)), cells_in_cache_(cells_in_cache), cells_(kInitialCells) {}

std::uint64_t KeyTable::hash(std::string_view key) const {
    std::uint64_t h = seed_ ^ (key.size() * 0x9e3779b97f4a7c15ULL);
    const char* bytes = key.data();
    std::size_t left = key.size();
    while (left > 8) {
        h = fold(h ^ load64(bytes), seed_ ^ 0xa0761d6478bd642fULL);
        bytes += 8;
        left -= 8;
    }
    const std::uint64_t tail = detail::load_le64(bytes, left);
    return detail::mix64(fold(h ^ tail, seed_ ^ 0xe7037ed1a0b428dbULL));
}

std::string_view KeyTable::key(std::uint32_t index) const {
    const std::uint64_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view{bytes_.data(), bytes_.size()}.substr(begin, ends_[index] - begin);
}

KeyTable::Found KeyTable::find_or_insert(std::string_view wanted) {
    const std::uint64_t h = hash(wanted);
    const auto tag = static_cast<std::uint32_t>(h >> 32);
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = h & mask;
    for (; cells_[at].index != kNone; at = (at + 1) & mask) {
        if (cells_[at].tag == tag && key(cells_[at].index) == wanted) {
            return {cells_[at].index, false};
        }
    }
    const std::uint32_t index = size();
    KSTREAM_CHECK(index != kNone, "more keys than an index can name");
    make_room(bytes_, wanted.size());
    bytes_.insert(bytes_.end(), wanted.begin(), wanted.end());
    make_room(ends_, 1);
    ends_.push_back(bytes_.size());
    cells_[at] = Cell{tag, index};
    if (ends_.size() * 8 > cells_.size() * 5) {
        grow();
    }
    return {index, true};
}

std::uint32_t KeyTable::find(std::string_view wanted) const {
    const std::uint64_t h = hash(wanted);
    const auto tag = static_cast<std::uint32_t>(h >> 32);
    const std::size_t mask = cells_.size() - 1;
    for (std::size_t at = h & mask; cells_[at].index != kNone; at = (at + 1) & mask) {
        if (cells_[at].tag == tag && key(cells_[at].index) == wanted) {
            return cells_[at].index;
        }
    }
    return kNone;
}

bool KeyTable::outgrows_caches() const {
    return cells_.size() > cells_in_cache_;
}

void KeyTable::prefetch(std::span<const std::string_view> keys,
                        std::span<std::uint32_t> likely) const {
    KSTREAM_CHECK(keys.size() <= kTogether && likely.size() == keys.size(), "a group of keys");
    std::ranges::fill(likely, kNone);
    if (!outgrows_caches()) {
        return;
    }
    // Each pass needs what the one before has asked for.
    const std::size_t mask = cells_.size() - 1;
    std::array<std::uint64_t, kTogether> hashes;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        hashes[i] = hash(keys[i]);
        __builtin_prefetch(&cells_[hashes[i] & mask]);
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto tag = static_cast<std::uint32_t>(hashes[i] >> 32);
        std::size_t at = hashes[i] & mask;
        while (cells_[at].index != kNone && cells_[at].tag != tag) {
            at = (at + 1) & mask;
        }
        likely[i] = cells_[at].index;
        if (likely[i] != kNone) {
            __builtin_prefetch(&ends_[likely[i]]);
        }
    }
    for (const std::uint32_t index : likely) {
        if (index != kNone) {
            __builtin_prefetch(key(index).data());
        }
    }
}

std::size_t KeyTable::slot_of(std::uint32_t index) const {
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = hash(key(index)) & mask;
    while (cells_[at].index != index) {
        KSTREAM_CHECK(cells_[at].index != kNone, "key table: a key lost its cell");
        at = (at + 1) & mask;
    }
    return at;
}

void KeyTable::grow() {
    fill_cells(cells_.size() * 2);
}

// In the order of the indexes: what truncate() rests on.
void KeyTable::fill_cells(std::size_t count) {
    std::vector<Cell> cells(count);
    const std::size_t mask = count - 1;
    for (std::uint32_t index = 0; index < size(); ++index) {
        const std::uint64_t h = hash(key(index));
        std::size_t at = h & mask;
        while (cells[at].index != kNone) {
            at = (at + 1) & mask;
        }
        cells[at] = Cell{static_cast<std::uint32_t>(h >> 32), index};
    }
    cells_ = std::move(cells);
}

void KeyTable::keep(const std::vector<bool>& wanted) {
    KSTREAM_CHECK(wanted.size() == size(), "one for each key");
    std::uint32_t kept = 0;
    std::uint64_t bytes = 0;
    std::uint64_t begin = 0;
    for (std::uint32_t index = 0; index < size(); ++index) {
        const std::uint64_t end = ends_[index];
        if (wanted[index]) {
            std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(begin),
                      bytes_.begin() + static_cast<std::ptrdiff_t>(end),
                      bytes_.begin() + static_cast<std::ptrdiff_t>(bytes));
            bytes += end - begin;
            ends_[kept++] = bytes;
        }
        begin = end;
    }
    ends_.resize(kept);
    bytes_.resize(bytes);
    // What is gone is memory that others can have.
    ends_.shrink_to_fit();
    bytes_.shrink_to_fit();
    std::size_t count = kInitialCells;
    while (ends_.size() * 8 > count * 5) {
        count *= 2;
    }
    fill_cells(count);
}

void KeyTable::truncate(std::uint32_t new_size) {
    const std::uint32_t dropped = size() - new_size;
    if (dropped == 0) {
        return;
    }
    if (new_size == 0) {
        // One pass over the cells beats one probe for each key. Capacity stays for the next step.
        std::ranges::fill(cells_, Cell{});
        bytes_.clear();
        ends_.clear();
        return;
    }
    // The last key in is the first out, also after a growth, which inserts in order of the indexes:
    // whatever was put after a cell because of it came later and is gone already. So an emptied
    // cell breaks no probe chain.
    for (std::uint32_t index = size(); index-- > new_size;) {
        cells_[slot_of(index)] = Cell{};
        ends_.pop_back();
        bytes_.resize(ends_.empty() ? 0 : ends_.back());
    }
}

std::size_t KeyTable::memory_bytes() const {
    return cells_.capacity() * sizeof(Cell) + bytes_.capacity() +
           ends_.capacity() * sizeof(std::uint64_t);
}

}  // namespace kstream
