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
#include <unordered_map>
#include <vector>

namespace kstream {

class WindowSizes {
public:
    // What a step has to take out again when it is taken back.
    class Layer {
    public:
        void clear() {
            groups_.clear();
            changes_.clear();
        }
        [[nodiscard]] std::size_t memory_bytes() const {
            return changes_.capacity() * sizeof(Change) + groups_.capacity() * sizeof(std::string);
        }

    private:
        friend class WindowSizes;
        // Of a value that was new to these windows.
        struct Change {
            std::uint32_t group = 0;  // among groups_
            std::uint8_t accumulator = 0;
            expr::WindowStarts windows;
        };
        std::vector<std::string> groups_;
        std::vector<Change> changes_;
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
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    // Per window, by where it begins, the sizes by accumulator: one of them at least is not 0.
    using Windows = std::map<std::int64_t, std::vector<std::uint64_t>>;
    using Groups = std::unordered_map<std::string, Windows, Hash, std::equal_to<>>;

    void forget(Groups::iterator group, Windows::iterator window);

    std::size_t accumulators_;
    std::int64_t slide_;
    std::uint64_t max_distinct_;
    Groups groups_;
    std::size_t windows_ = 0;  // of all groups
    std::uint64_t over_ = 0;
};

}  // namespace kstream
