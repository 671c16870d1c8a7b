// Of a job whose windows hop: which panes each group has, and which window is closed next.
//
// The totals of such a job are of panes (TotalsState has them); a window is the merge of the panes
// that it is made of, and exists when one of them does. How far windows are closed is one cursor:
// by end, and of one end by the hash of the group. So what is closed is a function of the panes and
// the cursor alone, and nothing else has to be stored, or taken back with a step. Not thread-safe.
#pragma once

#include "kstream/codec/changelog.hpp"
#include "kstream/core/end_calendar.hpp"
#include "kstream/core/key_table.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/model/int128.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace kstream {

class TotalsPanes {
public:
    // A window of a group, by where it begins.
    struct Place {
        std::uint32_t group = 0;
        std::int64_t start = 0;
        friend auto operator<=>(const Place&, const Place&) = default;
    };
    struct Pane {
        std::int64_t start = 0;
        std::uint32_t key = 0;  // its index among the totals
    };
    // What a step has to put back when it is taken back.
    struct Layer {
        ClosingCursor cursor_before;
        std::vector<Place> closed;  // in their order
    };

    // `window` is of hop, and `windows` are made of it.
    TotalsPanes(const job::Window& window, expr::Windows windows, std::uint64_t hash_seed);

    // --- which panes there are, by the indexes of their keys ---

    // Forgets all of them, but for the cursor: before the keys are added anew, from 0 on.
    void clear();
    // The key that was put in last.
    void add(std::string_view state_key);
    // The same of a key that has gone: it has an index, and is no pane any more.
    void add_gone() { group_of_.push_back(KeyTable::kNone); }
    // A pane has gone, and its key keeps its index.
    void remove(std::uint32_t key);

    // --- windows ---

    // The end of the first window over the pane that begins there: from then on nothing may come.
    [[nodiscard]] std::int64_t first_end(std::int64_t pane_start) const;
    // The window of a group that begins there, if it has one.
    [[nodiscard]] std::optional<Place> find(std::string_view group_part, std::int64_t start) const;
    // The newest of the windows over a pane, where no earlier pane of the group has the same: of
    // those whose keys are below `keys`.
    [[nodiscard]] std::optional<Place> newest_over(std::uint32_t key, std::int64_t start,
                                                   std::uint32_t keys) const;
    // The first window of the key's group that is not closed: of the one that begins there, and
    // those that follow it.
    [[nodiscard]] std::int64_t first_open(std::uint32_t key, std::int64_t start) const;
    // Appends those windows over a pane that are not closed.
    void append_open(std::uint32_t key, std::int64_t start, std::vector<Place>& out) const;
    // The panes of a window, in the order of time.
    [[nodiscard]] std::span<const Pane> panes_of(const Place& window) const;
    // What all keys of its group have in common (group_part_of).
    [[nodiscard]] std::string_view group_part(const Place& window) const {
        return names_.key(window.group);
    }
    // The windows over the pane of that key, which begins there, to which something is new that
    // comes to it: those of which no other pane has it. They follow each other; none where the last
    // one is before the first. has(pane) is asked of the nearest panes first, on either side up to
    // the one that has it.
    template <typename Has>
    [[nodiscard]] expr::WindowStarts new_to(std::uint32_t key, std::int64_t start, Has has) const {
        expr::WindowStarts windows = windows_.over(windows_.pane(start));
        const std::vector<Pane>& panes = groups_[group_of_[key]].panes;
        const auto at = std::ranges::lower_bound(panes, start, {}, &Pane::start);
        for (auto before = at;
             before != panes.begin() && std::prev(before)->start >= windows.first;) {
            if (has(*--before)) {
                windows.first = windows_.over(windows_.pane(before->start)).last + slide_;
                break;
            }
        }
        if (windows.first > windows.last) {
            return windows;
        }
        for (auto behind = at + 1; behind != panes.end() && behind->start < windows.last + size_;
             ++behind) {
            if (has(*behind)) {
                windows.last = windows_.over(windows_.pane(behind->start)).first - slide_;
                break;
            }
        }
        return windows;
    }
    [[nodiscard]] bool is_closed(const Place& window, const ClosingCursor& cursor) const {
        return cursor.has_passed(window.start + size_, groups_[window.group].hash);
    }

    // --- closing ---

    [[nodiscard]] const ClosingCursor& cursor() const { return cursor_; }
    // What was restored. Before the keys are added.
    void resume(const ClosingCursor& cursor) { cursor_ = cursor; }

    struct Closed {
        std::span<const Pane> panes;  // of the window, one or more
        // Of its panes those over which no window is left: they go with this one.
        std::span<const Pane> dying;
    };
    // Closes the next window of those that end at `until` or before: the earliest end first, in one
    // end by the hash of the group. The panes are as they were, until remove() or clear().
    [[nodiscard]] std::optional<Closed> close_next(std::int64_t until, Layer& layer);
    // Whether the next one has the place of the last one, for the hashes of two groups are equal:
    // no step may end between them.
    [[nodiscard]] bool goes_on() const {
        return !agenda_.empty() && agenda_end_ == cursor_.end &&
               agenda_.back().hash == cursor_.hash;
    }
    // Of how many groups a window that ends at `until` or before is still to be closed. Perhaps too
    // many; 0 when there is none.
    [[nodiscard]] std::uint64_t to_close(std::int64_t until) const {
        return agenda_.size() + calendar_.count(until);
    }

    // --- steps ---

    void begin(Layer& layer) const {
        layer.cursor_before = cursor_;
        layer.closed.clear();
    }
    // Takes the layer back, and with it the keys from `keys_before` on.
    void undo(const Layer& layer, std::uint32_t keys_before);

    [[nodiscard]] std::size_t memory_bytes() const;

private:
    static constexpr std::int64_t kNowhere = std::numeric_limits<std::int64_t>::max();

    struct Group {
        UInt128 hash = 0;
        std::int64_t stands_at = kNowhere;  // where in the calendar, or in the agenda
        std::vector<Pane> panes;            // by start
    };
    // Of the windows of one end, which is the next one to be closed.
    struct Item {
        UInt128 hash = 0;
        std::uint32_t group = 0;
        friend bool operator==(const Item&, const Item&) = default;
    };

    [[nodiscard]] std::int64_t last_end(std::int64_t pane_start) const;
    // From this end on windows of the group are not closed.
    [[nodiscard]] std::int64_t open_from(const Group& group) const {
        return cursor_.end + (cursor_.has_passed(cursor_.end, group.hash) ? 1 : 0);
    }
    // That end, or the first one from there on that is a number of slides later.
    [[nodiscard]] std::int64_t end_from(std::int64_t end, std::int64_t from) const {
        return end >= from ? end : end + (from - end + slide_ - 1) / slide_ * slide_;
    }
    [[nodiscard]] std::optional<std::int64_t> next_end(const Group& group) const;
    void file(std::uint32_t group);
    void truncate(std::uint32_t keys);
    void make_agenda(std::int64_t until);
    void drop_agenda();

    expr::Windows windows_;
    std::int64_t size_;
    std::int64_t slide_;
    std::uint64_t hash_seed_;
    KeyTable names_;                       // of groups: the values of their keys
    std::vector<Group> groups_;            // by index of the name; some may have no pane
    std::vector<std::uint32_t> group_of_;  // by index of the key; kNone of one that has gone
    // Each group that has a window to be closed some day stands at the end of the next one, or
    // before it; whoever takes it out looks at it.
    EndCalendar calendar_;
    // Those of the end that is being closed, the next one last; so that many groups of one end are
    // put in order once.
    std::vector<Item> agenda_;
    std::int64_t agenda_end_ = 0;
    ClosingCursor cursor_;
};

}  // namespace kstream
