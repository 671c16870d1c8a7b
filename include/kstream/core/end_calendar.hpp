// When keys end: which of them have ended by some time, the earliest first, without a look at the
// others. Of windows of event time, of which many have one end.
//
// Advisory: it says where to look, and whoever takes a key out looks at it. A key may stand here
// more than once, or after it has gone; each live one has to stand at its end. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace kstream {

class EndCalendar {
public:
    struct Ended {
        std::uint32_t key = 0;
        std::int64_t end = 0;
    };

    // Constant time while keys of few ends come by turns.
    void file(std::int64_t end, std::uint32_t key) {
        if (last_ == nullptr || end != last_end_) {
            last_ = &keys_[end];
            last_end_ = end;
        }
        last_->push_back(key);
    }

    // Takes out one whose end is at most `time`; of one end, the last one that was filed.
    std::optional<Ended> take(std::int64_t time) {
        if (!any(time)) {
            return std::nullopt;
        }
        const auto first = keys_.begin();
        const Ended ended{first->second.back(), first->first};
        first->second.pop_back();
        if (first->second.empty()) {
            keys_.erase(first);
            last_ = nullptr;
        }
        return ended;
    }

    [[nodiscard]] bool any(std::int64_t time) const {
        return !keys_.empty() && keys_.begin()->first <= time;
    }
    // How many stand here up to that time.
    [[nodiscard]] std::uint64_t count(std::int64_t time) const {
        std::uint64_t count = 0;
        for (auto at = keys_.begin(); at != keys_.end() && at->first <= time; ++at) {
            count += at->second.size();
        }
        return count;
    }

    void clear() {
        keys_.clear();
        last_ = nullptr;
    }

    [[nodiscard]] std::size_t memory_bytes() const {
        constexpr std::size_t kNode = 80;  // of the map, about
        std::size_t bytes = 0;
        for (const auto& [end, keys] : keys_) {
            bytes += kNode + keys.capacity() * sizeof(std::uint32_t);
        }
        return bytes;
    }

private:
    std::map<std::int64_t, std::vector<std::uint32_t>> keys_;  // by end; none is empty
    std::vector<std::uint32_t>* last_ = nullptr;               // of the end that was filed last
    std::int64_t last_end_ = 0;
};

}  // namespace kstream
