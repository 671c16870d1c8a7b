#include "kstream/core/text_store.hpp"

#include "kstream/check.hpp"
#include "kstream/core/make_room.hpp"

namespace kstream {

std::string_view TextStore::text(const Slot& slot) const {
    KSTREAM_CHECK(slot.present(), "an absent slot has no text");
    const Int192 place = slot.value();
    return std::string_view{bytes_.data(), bytes_.size()}.substr(place.low, place.middle);
}

Slot TextStore::append(std::string_view text) {
    KSTREAM_CHECK(text.size() <= kMaxTextBytes, "longer ones are bad records");
    const std::size_t at = bytes_.size();
    make_room(bytes_, text.size());
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return {Int192{at, text.size(), 0}, true};
}

bool TextStore::is_better(AggregateKind kind, const Slot& slot, std::string_view offered) const {
    KSTREAM_CHECK(keeps_text(kind), "of min_text and max_text only");
    if (!slot.present()) {
        return true;
    }
    const std::string_view held = text(slot);
    return kind == kMinText ? offered < held : offered > held;
}

bool TextStore::merge(AggregateKind kind, Slot& slot, std::string_view offered) {
    if (!is_better(kind, slot, offered)) {
        return false;
    }
    slot = append(offered);
    return true;
}

void TextStore::merge(AggregateKind kind, Slot& slot, const Slot& other) const {
    if (other.present() && is_better(kind, slot, text(other))) {
        slot = other;
    }
}

Slot TextStore::copy_of(const TextStore& other, const Slot& slot) {
    return slot.present() ? append(other.text(slot)) : Slot{};
}

void TextStore::truncate(std::size_t size) {
    KSTREAM_CHECK(size <= bytes_.size(), "what is taken back came later");
    bytes_.resize(size);
}

}  // namespace kstream
