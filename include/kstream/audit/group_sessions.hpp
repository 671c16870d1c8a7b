// The sessions of each group, as an audit reckons them from the times of its records: spans that
// are further from each other than the gap. Those of the loops (core/session_index) are another
// reading of docs/adr/0057. In milliseconds since 1970.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::audit {

class GroupSessions {
public:
    explicit GroupSessions(std::int64_t gap) : gap_(gap) {}

    // The session that a span has become, alone or with those that were there.
    struct Joined {
        std::int64_t first = 0;
        std::vector<std::int64_t> others;  // where those began that are no more of their own
    };
    Joined add(std::string_view group, std::int64_t first, std::int64_t last);

    void clear() { spans_.clear(); }
    // Forgets the other groups.
    void keep(const std::function<bool(std::string_view group)>& wanted);

private:
    using Spans = std::map<std::int64_t, std::int64_t>;  // from first to last

    std::int64_t gap_;
    std::map<std::string, Spans, std::less<>> spans_;
};

}  // namespace kstream::audit
