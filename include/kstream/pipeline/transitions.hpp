// A phase is an enum, and a table says which event leads from which phase to which. What is not in
// the table does not happen: to meet it is a bug, which ends the process before anything wrong can
// be committed. docs/adr/0041-phases.md has the tables as pictures.
//
// Header only, for every machine of pipeline/. It has no actions: who sends an event does what
// belongs to it.
#pragma once

#include "kstream/check.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <source_location>

namespace kstream {

template <typename Phase, typename Event>
struct Transition {
    Phase from;
    Event event;
    Phase to;
};

template <typename Phase, typename Event, std::size_t N>
using TransitionTable = std::array<Transition<Phase, Event>, N>;

// No value: the event does not happen in this phase.
template <typename Phase, typename Event, std::size_t N>
[[nodiscard]] constexpr std::optional<Phase> phase_after(
    const TransitionTable<Phase, Event, N>& table, Phase from, Event event) {
    for (const Transition<Phase, Event>& row : table) {
        if (row.from == from && row.event == event) {
            return row.to;
        }
    }
    return std::nullopt;
}

template <typename Phase, typename Event, std::size_t N>
void enter_phase(Phase& phase, Event event, const TransitionTable<Phase, Event, N>& table,
                 std::source_location where = std::source_location::current()) {
    const std::optional<Phase> next = phase_after(table, phase, event);
    if (!next) [[unlikely]] {
        char text[80];
        std::snprintf(text, sizeof text, "event %d does not happen in phase %d",
                      static_cast<int>(event), static_cast<int>(phase));
        detail::check_failed("a transition of the table", text, where.file_name(),
                             static_cast<int>(where.line()));
    }
    phase = *next;
}

}  // namespace kstream
