#include "kstream/audit/group_sessions.hpp"

#include <algorithm>
#include <iterator>

namespace kstream::audit {

GroupSessions::Joined GroupSessions::add(std::string_view group, std::int64_t first,
                                         std::int64_t last) {
    auto of_group = spans_.find(group);
    if (of_group == spans_.end()) {
        of_group = spans_.emplace(std::string{group}, Spans{}).first;
    }
    Spans& spans = of_group->second;
    // Of those that begin before it the last one alone can come so far.
    auto at = spans.upper_bound(first);
    if (at != spans.begin() && first - std::prev(at)->second <= gap_) {
        --at;
    }
    Joined joined{first, {}};
    while (at != spans.end() && at->first - last <= gap_) {
        joined.first = std::min(joined.first, at->first);
        last = std::max(last, at->second);
        joined.others.push_back(at->first);
        at = spans.erase(at);
    }
    std::erase(joined.others, joined.first);
    spans[joined.first] = last;
    return joined;
}

void GroupSessions::keep(const std::function<bool(std::string_view group)>& wanted) {
    std::erase_if(spans_, [&](const auto& one) { return !wanted(one.first); });
}

}  // namespace kstream::audit
