// Of a job whose windows hop and whose panes have sets or multisets: how many different values each
// window has, of each of them. A value that several panes of a window have counts once there, so
// that is not the sum of what the panes have, and to look through these whenever the window is
// published would cost as much as they hold. It is counted where a value comes to a pane: the
// windows over that pane which have no other pane with it (TotalsPanes::new_to) have one more.
//
// What is here follows from the elements of the panes, and is stored nowhere: a restore counts it
// anew. Not thread-safe.
#pragma once

#include "kstream/expr/window.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

class WindowSizes {
    // Of a group: a node, its name, and what hangs on it.
    static constexpr std::size_t kGroupBytes = 160;

public:
    // What a step has to take out again when it is taken back.
    class Layer {
    public:
        void clear() {
            changes_.clear();
            count_ = 0;
        }
        // An upper bound, as that of all sizes.
        [[nodiscard]] std::size_t memory_bytes() const {
            return changes_.size() * kGroupBytes + 2 * count_ * sizeof(Change);
        }

    private:
        friend class WindowSizes;
        // Of a value that was new to these windows.
        struct Change {
            std::uint8_t accumulator = 0;
            expr::WindowStarts windows;
        };
        std::map<std::string, std::vector<Change>, std::less<>> changes_;  // by group
        std::size_t count_ = 0;                                            // of all groups
    };

    // `accumulators`: those of the job, of which sets and multisets are counted. A window with more
    // than `max_distinct` values is over. `slide` is that of the windows, in milliseconds.
    WindowSizes(std::size_t accumulators, std::int64_t slide, std::uint64_t max_distinct)
        : accumulators_(accumulators), slide_(slide), max_distinct_(max_distinct) {}

    // A group by what group_part_of() says of its keys.

    // A value that these windows did not have; none where the last one is before the first. Whether
    // one of them is over from now on. `layer`: what undo() needs, nothing of what is restored.
    bool add(std::string_view group, std::uint8_t accumulator, const expr::WindowStarts& windows,
             Layer* layer);
    // How many values it has.
    [[nodiscard]] std::uint64_t size(std::string_view group, std::uint8_t accumulator,
                                     std::int64_t start) const;
    // How many of them the layer has added.
    [[nodiscard]] static std::uint64_t added(const Layer& layer, std::string_view group,
                                             std::uint8_t accumulator, std::int64_t start);
    // Of how many windows and accumulators there are too many.
    [[nodiscard]] std::uint64_t over() const { return over_; }

    // The window is closed, and nobody asks for it any more.
    void forget(std::string_view group, std::int64_t start);
    void undo(const Layer& layer);
    void clear();

    // An upper bound, by the numbers of groups and windows.
    [[nodiscard]] std::size_t memory_bytes() const;

private:
    // Per window, by where it begins, the sizes by accumulator: one of them at least is not 0.
    using Windows = std::map<std::int64_t, std::vector<std::uint64_t>>;
    // Ordered: no choice of groups makes it slow.
    using Groups = std::map<std::string, Windows, std::less<>>;

    void take_out(std::string_view group, const Layer::Change& change);
    void forget(Groups::iterator group, Windows::iterator window);

    std::size_t accumulators_;
    std::int64_t slide_;
    std::uint64_t max_distinct_;
    Groups groups_;
    std::size_t windows_ = 0;  // of all groups
    std::uint64_t over_ = 0;
};

}  // namespace kstream
