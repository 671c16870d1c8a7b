#include "job/sql/types.hpp"

#include <utility>

namespace kstream::job::sql {

Slot Types::unknown() {
    const auto slot = static_cast<Slot>(slots_.size());
    slots_.push_back({slot, std::nullopt, {}, false});
    return slot;
}

Slot Types::known(ValueType type, Place why) {
    const Slot slot = unknown();
    slots_[slot].type = type;
    slots_[slot].why = why;
    return slot;
}

Slot Types::broken() {
    const Slot slot = unknown();
    slots_[slot].broken = true;
    return slot;
}

Slot Types::root(Slot slot) const {
    while (slots_[slot].parent != slot) {
        slot = slots_[slot].parent;
    }
    return slot;
}

std::optional<ValueType> Types::type(Slot slot) const {
    return slots_[root(slot)].type;
}

bool Types::join(Slot one, Slot other) {
    Slot into = root(one);
    Slot from = root(other);
    if (into == from || slots_[into].broken || slots_[from].broken) {
        return true;
    }
    if (slots_[into].type && slots_[from].type) {
        return slots_[into].type == slots_[from].type;
    }
    // Two that are known stay apart, so that each keeps why it is so. The younger one is joined to
    // the older one: an IN list of thousands stays one step deep.
    if (into > from) {
        std::swap(into, from);
    }
    if (!slots_[into].type) {
        slots_[into].type = slots_[from].type;
        slots_[into].why = slots_[from].why;
    }
    slots_[from].parent = into;
    return true;
}

bool Types::require(Slot slot, ValueType type, Place why) {
    State& state = slots_[root(slot)];
    if (state.broken) {
        return true;
    }
    if (!state.type) {
        state.type = type;
        state.why = why;
    }
    return state.type == type;
}

std::string_view in_words(ValueType type) {
    switch (type) {
        case ValueType::numeric:
            return "a number";
        case ValueType::text:
            return "a text";
        case ValueType::boolean:
            return "a boolean";
        case ValueType::timestamp:
            return "a timestamp";
        case ValueType::local:
            return "a local timestamp";
        case ValueType::scalar:
            return "a value of any type";
    }
    return "";
}

}  // namespace kstream::job::sql
