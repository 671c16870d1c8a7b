// The texts of min(text) and max(text), beside the slots: a slot says where its text is. Texts are
// only ever put after the last one, so a slot that was saved before a change still has its text,
// and a layer of changes is taken back with its slots and a truncate(). What has been replaced
// stays until the owner copies what it needs into another store.
//
// A text has kMaxTextBytes at most; a longer input is a bad record, as a longer group value is.
// Compared byte by byte, which of UTF-8 is the order of code points: the C collation.
#pragma once

#include "kstream/core/side_aggregates.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/model/bad_reason.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace kstream {

class TextStore {
public:
    // Of a slot of this store, which is present.
    [[nodiscard]] std::string_view text(const Slot& slot) const;

    // Puts one input, or the text of a delta, into the slot: where there is none or a worse one, it
    // is the slot's from now on. Commutative and associative. Whether it is.
    bool merge(AggregateKind kind, Slot& slot, std::string_view offered);

    // The same of another slot of this store: both have one text then.
    void merge(AggregateKind kind, Slot& slot, const Slot& other) const;

    // The same text in this store, which may be of another one now.
    [[nodiscard]] Slot copy_of(const TextStore& other, const Slot& slot);

    // All texts that slots of now have are below this; truncate() to it takes back what comes
    // later.
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    void truncate(std::size_t size);
    void clear() { truncate(0); }

    [[nodiscard]] std::size_t memory_bytes() const { return bytes_.capacity(); }

private:
    [[nodiscard]] bool is_better(AggregateKind kind, const Slot& slot,
                                 std::string_view offered) const;
    [[nodiscard]] Slot append(std::string_view text);

    std::vector<char> bytes_;
};

}  // namespace kstream
