#include "kstream/core/lateness.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace kstream {
namespace {

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

constexpr auto kLadder =
    std::to_array<std::int64_t>({0, kSecond, 10 * kSecond, kMinute, 10 * kMinute, kHour, 6 * kHour,
                                 kDay, 7 * kDay, 30 * kDay, 365 * kDay});

// Each divides the next, so what was rounded up twice is as if it were rounded once. By the last
// one, 8,000 years have fewer values than are kept.
constexpr auto kUnits = std::to_array<std::int64_t>(
    {1, 10, 100, kSecond, 10 * kSecond, kMinute, 10 * kMinute, kHour, kDay, 10 * kDay});

}  // namespace

Lateness::Lateness(std::size_t partitions, std::int64_t own_grace, std::size_t max_needs)
    : own_grace_(own_grace),
      max_needs_(max_needs),
      partitions_(partitions),
      rungs_(kLadder.begin(), kLadder.end()) {
    const auto at = std::ranges::lower_bound(rungs_, own_grace);
    if (at == rungs_.end() || *at != own_grace) {
        rungs_.insert(at, own_grace);
    }
    between_.resize(rungs_.size() + 1);
}

std::optional<std::int64_t> Lateness::see(PartitionId partition, std::int64_t time) {
    Partition& of = partitions_[static_cast<std::size_t>(partition.value)];
    const std::optional<std::int64_t> before = of.newest;
    ++of.timed;
    of.out_of_order += before && time < *before ? 1U : 0U;
    of.oldest = std::min(of.oldest.value_or(time), time);
    of.newest = std::max(before.value_or(time), time);
    return before;
}

void Lateness::judge(PartitionId partition, Offset record_offset, std::int64_t clock,
                     std::int64_t needed) {
    ++judged_;
    const auto rung = std::ranges::lower_bound(rungs_, needed) - rungs_.begin();
    ++between_[static_cast<std::size_t>(rung)];
    if (needed == 0) {
        return;
    }
    Partition& of = partitions_[static_cast<std::size_t>(partition.value)];
    of.most_needed = std::max(of.most_needed, needed);
    if (!worst_ || needed > worst_->needed) {
        worst_ = {partition, record_offset, clock, needed};
    }
    ++needs_[rounded(needed)];
    while (needs_.size() > max_needs_ && unit_ != kUnits.back()) {
        coarsen();
    }
}

std::int64_t Lateness::rounded(std::int64_t needed) const {
    return (needed + unit_ - 1) / unit_ * unit_;
}

void Lateness::coarsen() {
    unit_ = *std::next(std::ranges::find(kUnits, unit_));
    std::map<std::int64_t, std::uint64_t> coarser;
    for (const auto& [needed, records] : needs_) {
        coarser[rounded(needed)] += records;
    }
    needs_ = std::move(coarser);
}

std::uint64_t Lateness::out_of_order() const {
    std::uint64_t records = 0;
    for (const Partition& partition : partitions_) {
        records += partition.out_of_order;
    }
    return records;
}

// None is less than any time.
std::optional<PartitionId> Lateness::furthest_behind() const {
    const auto least = std::ranges::min_element(partitions_, {}, &Partition::newest);
    return least == partitions_.end()
               ? std::nullopt
               : std::optional{PartitionId{static_cast<std::int32_t>(least - partitions_.begin())}};
}

std::vector<Lateness::Row> Lateness::table() const {
    std::vector<Row> rows;
    std::uint64_t refused = judged_;
    bool some = true;  // were refused by the rung before
    for (std::size_t i = 0; i < rungs_.size(); ++i) {
        refused -= between_[i];
        const bool own = rungs_[i] == own_grace_;
        if (some || own) {
            rows.push_back({rungs_[i], refused, own});
        }
        some = refused > 0;
    }
    return rows;
}

std::uint64_t Lateness::refused_by_own() const {
    const std::vector<Row> rows = table();
    return std::ranges::find(rows, true, &Row::own)->refused;
}

std::int64_t Lateness::least_grace(std::uint64_t refused) const {
    std::uint64_t more = 0;  // need more than what is looked at
    for (auto one = needs_.rbegin(); one != needs_.rend(); ++one) {
        more += one->second;
        if (more > refused) {
            return std::min(one->first, worst_->needed);
        }
    }
    return 0;
}

}  // namespace kstream
