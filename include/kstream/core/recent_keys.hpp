// The keys met last, in front of a KeyTable: short texts to what the table said of them. A stream's
// records name few keys again and again; for one of these, neither its encoded form has to be made
// nor the table be asked. What is not found here has to be looked up; nothing else follows from it.
#pragma once

#include "kstream/core/key_table.hpp"
#include "kstream/core/stable_hash.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace kstream {

// `kWindows`: a key is of a window as well, which is told apart by where it begins.
template <bool kWindows>
class RecentKeysOf {
public:
    // The index that was remembered for `text`, or KeyTable::kNone. `kind` tells apart texts that
    // are equal and mean something else.
    [[nodiscard]] std::uint32_t find(std::uint8_t kind, std::string_view text,
                                     std::int64_t window_start = 0) const {
        if (text.size() > kMaxBytes) {
            return KeyTable::kNone;
        }
        const Entry wanted = entry_of(kind, text, window_start);
        const Entry& found = entries_[place_of(wanted)];
        return found.front == wanted.front && found.back == wanted.back &&
                       found.form == wanted.form && found.window == wanted.window
                   ? found.index
                   : KeyTable::kNone;
    }

    // In the place of another key, where there is one. Texts of more than 16 bytes are not kept.
    void remember(std::uint8_t kind, std::string_view text, std::uint32_t index,
                  std::int64_t window_start = 0) {
        if (text.size() > kMaxBytes) {
            return;
        }
        Entry entry = entry_of(kind, text, window_start);
        entry.index = index;
        entries_[place_of(entry)] = entry;
    }

    // To be called when the table's indexes change their meaning.
    void clear() { entries_.fill(Entry{}); }

private:
    static constexpr std::size_t kWord = sizeof(std::uint64_t);
    static constexpr std::size_t kMaxBytes = 2 * kWord;
    static constexpr int kPlaceBits = 8;

    struct NoWindow {
        constexpr explicit NoWindow(std::int64_t) {}
        friend constexpr bool operator==(NoWindow, NoWindow) { return true; }
    };
    using Window = std::conditional_t<kWindows, std::int64_t, NoWindow>;

    // The first and the last 8 bytes and the size are all of a text of up to 16 bytes.
    struct Entry {
        std::uint64_t front = 0;
        std::uint64_t back = 0;
        std::uint32_t form = 0;  // size and kind
        std::uint32_t index = KeyTable::kNone;
        [[no_unique_address]] Window window{0};
    };

    [[nodiscard]] static Entry entry_of(std::uint8_t kind, std::string_view text,
                                        std::int64_t window_start) {
        Entry entry;
        entry.window = Window{window_start};
        const char* const bytes = text.data();
        const std::size_t size = text.size();
        entry.front = detail::load_le64(bytes, size < kWord ? size : kWord);
        entry.back = size < kWord ? 0 : detail::load_le64(bytes + size - kWord, kWord);
        entry.form = static_cast<std::uint32_t>(size) << 8 | kind;
        return entry;
    }

    // Who chooses keys can make them share a place: then each is looked up in the table.
    [[nodiscard]] static std::size_t place_of(const Entry& entry) {
        std::uint64_t text = entry.front ^ (entry.back << 1);
        if constexpr (kWindows) {
            text ^= static_cast<std::uint64_t>(entry.window) * 0xff51afd7ed558ccdULL;
        }
        const std::uint64_t mixed = text * 0x9e3779b97f4a7c15ULL;
        return static_cast<std::size_t>(mixed >> (64 - kPlaceBits));
    }

    std::array<Entry, std::size_t{1} << kPlaceBits> entries_;
};

using RecentKeys = RecentKeysOf<false>;
using RecentWindowKeys = RecentKeysOf<true>;

}  // namespace kstream
