#include "kstream/core/recent_ids.hpp"

#include "kstream/check.hpp"
#include "kstream/core/stable_hash.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kstream {

namespace {

// The index is filled to four fifths, grows by a third, and is made smaller below three tenths.
constexpr std::size_t kLeastCells = 64;
constexpr std::size_t kMostDistance = 255;

std::size_t cells_for(std::size_t entries) {
    return std::max(kLeastCells, entries * 5 / 3);
}

}  // namespace

RecentIds::RecentIds(std::int64_t within, std::uint64_t seed, std::int64_t seen)
    : within_(within), seed_(seed), seen_(seen) {
    front_.seen = live_.seen = end_.seen = seen;
    sealed_ = committed_ = {.end = end_, .live = live_, .seen = seen};
}

bool RecentIds::add(Offset record_offset, std::int64_t time, UInt128 id) {
    move_live();
    const std::int64_t before = seen_;
    pass(time);
    const std::optional<std::size_t> known = find(id);
    const bool duplicate = known && entry_in(*known) >= live_.entry;
    append(static_cast<std::uint64_t>(record_offset.value - end_.offset));
    append(static_cast<std::uint64_t>(before - end_.seen));
    append(static_cast<std::uint64_t>(seen_ - before));
    const std::uint64_t entry = end_.entry;
    end_ = {.entry = entry + 1,
            .byte = front_.byte + moments_.size(),
            .offset = record_offset.value,
            .seen = seen_};
    hashes_.push_back(id);
    if (known) {
        replaced_.push_back({entry, entry_in(*known)});
        cells_[*known] = static_cast<std::uint32_t>(entry);
    } else if ((used_ + 1) * 5 > cells_.size() * 4 || !place_in_index(id, entry)) {
        rebuild_index(cells_for(used_ + 1));
    }
    return duplicate;
}

Horizon RecentIds::horizon(Offset position) {
    move_live();
    if (live_.entry == end_.entry) {
        return {.offset = position, .seen = seen_};
    }
    const Moment oldest = moment_at(live_);
    return {.offset = Offset{oldest.offset}, .seen = oldest.seen_before};
}

// ---- layers ------------------------------------------------------------------------------------

void RecentIds::seal() {
    move_live();
    sealed_ = {.end = end_, .live = live_, .seen = seen_};
}

void RecentIds::committed() {
    committed_ = sealed_;
    std::erase_if(replaced_,
                  [this](const Replaced& one) { return one.entry < committed_.end.entry; });
    while (front_.entry < committed_.live.entry) {
        forget_first();
    }
    moments_.erase(moments_.begin(), moments_.begin() + static_cast<std::ptrdiff_t>(
                                                            committed_.live.byte - front_.byte));
    front_ = committed_.live;
    if (cells_.size() > kLeastCells && used_ * 10 < cells_.size() * 3) {
        rebuild_index(cells_for(used_));
    }
}

void RecentIds::undo_filling() {
    undo_to(sealed_);
}

void RecentIds::undo_in_flight() {
    undo_to(committed_);
    sealed_ = committed_;
}

void RecentIds::undo_to(const Layer& layer) {
    while (end_.entry > layer.end.entry) {
        forget_last();
    }
    moments_.resize(layer.end.byte - front_.byte);
    end_ = layer.end;
    live_ = layer.live;
    seen_ = layer.seen;
}

// Its bytes stay, for the caller.
void RecentIds::forget_last() {
    const std::uint64_t entry = --end_.entry;
    const std::optional<std::size_t> cell = find(hashes_.back());
    KSTREAM_CHECK(cell.has_value() && entry_in(*cell) == entry,
                  "the newest entry of an id is in the index");
    const bool replaced = !replaced_.empty() && replaced_.back().entry == entry;
    if (replaced && replaced_.back().older >= front_.entry) {
        cells_[*cell] = static_cast<std::uint32_t>(replaced_.back().older);
    } else {
        remove_from_index(*cell);
    }
    if (replaced) {
        replaced_.pop_back();
    }
    hashes_.pop_back();
}

// The same.
void RecentIds::forget_first() {
    const std::optional<std::size_t> cell = find(hashes_.front());
    if (cell && entry_in(*cell) == front_.entry) {
        remove_from_index(*cell);
    }
    hashes_.pop_front();
    ++front_.entry;
}

// ---- entries -----------------------------------------------------------------------------------

void RecentIds::append(std::uint64_t number) {
    for (; number >= 0x80; number >>= 7) {
        moments_.push_back(static_cast<std::uint8_t>(number | 0x80));
    }
    moments_.push_back(static_cast<std::uint8_t>(number));
}

std::uint64_t RecentIds::number_at(std::uint64_t& byte) const {
    std::uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
        const std::uint8_t next = moments_[static_cast<std::size_t>(byte++ - front_.byte)];
        number |= std::uint64_t{next & 0x7FU} << shift;
        if (next < 0x80) {
            return number;
        }
    }
}

RecentIds::Moment RecentIds::moment_at(const Place& place) const {
    std::uint64_t byte = place.byte;
    Moment moment;
    moment.offset = place.offset + static_cast<std::int64_t>(number_at(byte));
    moment.seen_before = place.seen + static_cast<std::int64_t>(number_at(byte));
    moment.seen = moment.seen_before + static_cast<std::int64_t>(number_at(byte));
    moment.next = {
        .entry = place.entry + 1, .byte = byte, .offset = moment.offset, .seen = moment.seen};
    return moment;
}

// Time never falls, so what is too old for this record is too old for all after it.
void RecentIds::move_live() {
    while (live_.entry < end_.entry) {
        const Moment moment = moment_at(live_);
        if (moment.seen >= seen_ - within_) {
            return;
        }
        live_ = moment.next;
    }
}

// ---- the index ---------------------------------------------------------------------------------

std::size_t RecentIds::home(UInt128 id) const {
    const std::uint64_t mixed = detail::mix64(static_cast<std::uint64_t>(id) ^ seed_);
    return static_cast<std::size_t>((UInt128{mixed} * cells_.size()) >> 64);
}

// Fewer than 2^32 entries are there at once, all of them from front_ on.
std::uint64_t RecentIds::entry_in(std::size_t cell) const {
    return front_.entry + (cells_[cell] - static_cast<std::uint32_t>(front_.entry));
}

UInt128 RecentIds::id_of(std::uint64_t entry) const {
    return hashes_[static_cast<std::size_t>(entry - front_.entry)];
}

std::optional<std::size_t> RecentIds::find(UInt128 id) const {
    if (cells_.empty()) {
        return std::nullopt;
    }
    std::size_t cell = home(id);
    for (std::size_t distance = 1; distance <= distances_[cell]; ++distance) {
        if (distance == distances_[cell] && id_of(entry_in(cell)) == id) {
            return cell;
        }
        cell = cell + 1 == cells_.size() ? 0 : cell + 1;
    }
    return std::nullopt;
}

// Precondition: the id is not there. False: somebody would stand too far from home. The index is
// then of no use until it is rebuilt.
bool RecentIds::place_in_index(UInt128 id, std::uint64_t entry) {
    if (cells_.empty()) {
        return false;
    }
    ++used_;
    auto number = static_cast<std::uint32_t>(entry);
    std::size_t cell = home(id);
    for (std::size_t distance = 1; distance <= kMostDistance; ++distance) {
        if (distances_[cell] == 0) {
            cells_[cell] = number;
            distances_[cell] = static_cast<std::uint8_t>(distance);
            return true;
        }
        if (distances_[cell] < distance) {
            std::swap(cells_[cell], number);
            distance = std::exchange(distances_[cell], static_cast<std::uint8_t>(distance));
        }
        cell = cell + 1 == cells_.size() ? 0 : cell + 1;
    }
    return false;
}

void RecentIds::remove_from_index(std::size_t cell) {
    --used_;
    for (;;) {
        const std::size_t next = cell + 1 == cells_.size() ? 0 : cell + 1;
        if (distances_[next] <= 1) {
            distances_[cell] = 0;
            return;
        }
        cells_[cell] = cells_[next];
        distances_[cell] = static_cast<std::uint8_t>(distances_[next] - 1);
        cell = next;
    }
}

// From the entries, of which the newest of an id counts. The old one goes first: both would be more
// than there is memory for.
void RecentIds::rebuild_index(std::size_t cells) {
    for (bool whole = false; !whole; cells = cells * 4 / 3) {
        cells_ = std::vector<std::uint32_t>();
        distances_ = std::vector<std::uint8_t>();
        cells_.resize(cells);
        distances_.resize(cells);
        used_ = 0;
        whole = true;
        std::uint64_t entry = front_.entry;
        for (auto hash = hashes_.begin(); whole && hash != hashes_.end(); ++hash, ++entry) {
            if (const std::optional<std::size_t> known = find(*hash)) {
                cells_[*known] = static_cast<std::uint32_t>(entry);
            } else {
                whole = place_in_index(*hash, entry);
            }
        }
    }
}

std::size_t RecentIds::memory_bytes() const {
    // A deque has blocks of 512 bytes, a pointer to each with room for twice as many, and what the
    // allocator has beside each.
    constexpr std::size_t kBlock = 512;
    constexpr std::size_t kBesideBlock = 2 * sizeof(void*) + 16;
    const std::size_t entries = hashes_.size() * sizeof(UInt128) + moments_.size();
    return entries + (entries / kBlock + 2) * kBesideBlock + 2 * kBlock +
           cells_.capacity() * sizeof(std::uint32_t) + distances_.capacity() +
           replaced_.capacity() * sizeof(Replaced);
}

}  // namespace kstream
