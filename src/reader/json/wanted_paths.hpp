// The paths into a record that a job wants, as a tree: what the record walk goes down by.
#pragma once

#include "kstream/job/statement.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

// One value that is wanted, or on the way to one.
struct WantedNode {
    static constexpr std::uint32_t kNoField = 0xffffffffU;

    job::PathStep step;              // how its parent has it
    std::uint32_t field = kNoField;  // the number of the path that ends here
    std::uint64_t seen_in = 0;       // number of the last record that was walked and has it
    std::vector<WantedNode*> children;
    bool counts_from_end = false;  // a child has a negative index
    std::size_t longest_name = 0;  // of its children
};

class WantedPaths {
public:
    // The number of the path, which is wanted from here on; the same path has the same number.
    std::size_t want(std::span<const job::PathStep> path) {
        WantedNode* node = &nodes_.front();
        for (const job::PathStep& step : path) {
            node = child(*node, step);
        }
        if (node->field == WantedNode::kNoField) {
            node->field = static_cast<std::uint32_t>(size_++);
        }
        return node->field;
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] WantedNode& root() { return nodes_.front(); }

private:
    WantedNode* child(WantedNode& parent, const job::PathStep& step) {
        for (WantedNode* const known : parent.children) {
            if (known->step == step) {
                return known;
            }
        }
        WantedNode& made = nodes_.emplace_back();
        made.step = step;
        parent.children.push_back(&made);
        parent.counts_from_end = parent.counts_from_end || step.index.value_or(0) < 0;
        parent.longest_name = std::max(parent.longest_name, step.name.size());
        return &made;
    }

    std::deque<WantedNode> nodes_ = std::deque<WantedNode>(1);  // nodes stay where they are
    std::size_t size_ = 0;
};

// The member of that name; nullptr when nobody wants it.
[[nodiscard]] inline WantedNode* wanted_member(const WantedNode& object, std::string_view name) {
    for (WantedNode* const child : object.children) {
        if (!child->step.index && child->step.name == name) {
            return child;
        }
    }
    return nullptr;
}

}  // namespace kstream
