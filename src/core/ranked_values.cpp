#include "kstream/core/ranked_values.hpp"

#include "kstream/check.hpp"
#include "kstream/core/make_room.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace kstream {

std::size_t RankedValues::run_of(Int128 value) const {
    const auto behind = std::ranges::upper_bound(
        runs_, value, {}, [](const Run& run) { return run.entries.front().value(); });
    return behind == runs_.begin() ? 0 : static_cast<std::size_t>(behind - runs_.begin()) - 1;
}

std::uint64_t RankedValues::count(Int128 value) const {
    if (runs_.empty()) {
        return 0;
    }
    const std::vector<Entry>& entries = runs_[run_of(value)].entries;
    const auto at = std::ranges::lower_bound(entries, value, {}, &Entry::value);
    return at != entries.end() && at->value() == value ? at->count : 0;
}

std::uint64_t RankedValues::set_count(Int128 value, std::uint64_t count) {
    return change(value, [count](std::uint64_t) { return count; });
}

std::uint64_t RankedValues::add(Int128 value, std::uint64_t more) {
    return change(value, [more](std::uint64_t before) { return before + more; });
}

template <typename CountOf>
std::uint64_t RankedValues::change(Int128 value, CountOf count_of) {
    if (runs_.empty()) {
        const std::uint64_t count = count_of(0);
        if (count != 0) {
            runs_.push_back({{Entry::of(value, count)}, count});
            total_ = count;
            distinct_ = 1;
        }
        return 0;
    }
    const std::size_t index = run_of(value);
    Run& run = runs_[index];
    auto at = std::ranges::lower_bound(run.entries, value, {}, &Entry::value);
    const bool is_there = at != run.entries.end() && at->value() == value;
    const std::uint64_t before = is_there ? at->count : 0;
    const std::uint64_t count = count_of(before);
    run.total += count - before;  // modulo 2^64, where a smaller one is a step back
    total_ += count - before;
    if (count == 0 && is_there) {
        run.entries.erase(at);
        --distinct_;
    } else if (is_there) {
        at->count = count;
    } else if (count != 0) {
        const auto place = at - run.entries.begin();
        make_room(run.entries, 1);
        run.entries.insert(run.entries.begin() + place, Entry::of(value, count));
        ++distinct_;
    }
    if (run.entries.empty()) {
        runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index));
    } else if (run.entries.size() > kRunValues) {
        split(index);
    }
    return before;
}

void RankedValues::split(std::size_t index) {
    Run second;
    std::vector<Entry>& first = runs_[index].entries;
    const auto middle = first.begin() + static_cast<std::ptrdiff_t>(first.size() / 2);
    second.entries.assign(middle, first.end());
    for (const Entry& entry : second.entries) {
        second.total += entry.count;
    }
    runs_[index].total -= second.total;
    first.erase(middle, first.end());
    first.shrink_to_fit();
    make_room(runs_, 1);
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(second));
}

Int128 RankedValues::ranked(std::uint64_t rank) const {
    KSTREAM_CHECK(rank >= 1 && rank <= total_, "a rank is one of those that there are");
    auto run = runs_.begin();
    for (; rank > run->total; ++run) {
        rank -= run->total;
    }
    auto entry = run->entries.begin();
    for (; rank > entry->count; ++entry) {
        rank -= entry->count;
    }
    return entry->value();
}

std::uint64_t RankedValues::up_to(Int128 value) const {
    if (runs_.empty()) {
        return 0;
    }
    const auto last = runs_.begin() + static_cast<std::ptrdiff_t>(run_of(value));
    std::uint64_t found = 0;
    for (auto run = runs_.begin(); run != last; ++run) {
        found += run->total;
    }
    for (const Entry& entry : last->entries) {
        if (entry.value() > value) {
            break;
        }
        found += entry.count;
    }
    return found;
}

// The smallest value at or below which there are so many: one of those that there are.
Int128 ranked_in_all(std::span<const RankedValues* const> all, std::uint64_t rank) {
    std::optional<Int128> least;
    std::optional<Int128> most;
    std::uint64_t total = 0;
    for (const RankedValues* const one : all) {
        total += one->total();
        if (one->total() > 0) {
            least = least ? std::min(*least, one->ranked(1)) : one->ranked(1);
            const Int128 last = one->ranked(one->total());
            most = most ? std::max(*most, last) : last;
        }
    }
    KSTREAM_CHECK(rank >= 1 && rank <= total, "a rank is one of those that there are");
    Int128 low = *least;
    Int128 high = *most;
    while (low < high) {
        // Their distance may have one bit more than they have.
        const UInt128 distance = static_cast<UInt128>(high) - static_cast<UInt128>(low);
        const Int128 middle = low + static_cast<Int128>(distance / 2);
        std::uint64_t found = 0;
        for (const RankedValues* const one : all) {
            found += one->up_to(middle);
        }
        if (found >= rank) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

std::size_t RankedValues::memory_bytes() const {
    std::size_t bytes = runs_.capacity() * sizeof(Run);
    for (const Run& run : runs_) {
        bytes += run.entries.capacity() * sizeof(Entry);
    }
    return bytes;
}

}  // namespace kstream
