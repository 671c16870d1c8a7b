#include "audit/advances.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace kstream::audit {

// One that was dropped still holds for those who have read it: its keeper needs it no more.
Result<void> Advances::take(const RecordView& record) {
    if (record.is_tombstone()) {
        if (const std::optional<Advance> dropped = decode_advance_key(record.key())) {
            kept_[record.partition][dropped->partition].erase(dropped->position);
        }
        return {};
    }
    const Result<Advance> advance = decode_advance(record.key(), record.value());
    if (!advance) {
        return std::unexpected(advance.error());
    }
    kept_[record.partition][advance->partition][advance->position] = advance->watermark;
    add(*advance);
    return {};
}

void Advances::add(const Advance& advance) {
    std::int64_t& watermark =
        all_[advance.partition].try_emplace(advance.position, kNoTime).first->second;
    watermark = std::max(watermark, advance.watermark);
}

const Advances::OfPartition* Advances::of(PartitionId partition) const {
    const auto found = all_.find(partition);
    return found == all_.end() ? nullptr : &found->second;
}

std::int64_t Advances::up_to(PartitionId partition, Offset position) const {
    const OfPartition* const advances = of(partition);
    if (advances == nullptr) {
        return kNoTime;
    }
    // Each is beyond those before it.
    const auto after = advances->upper_bound(position);
    return after == advances->begin() ? kNoTime : std::prev(after)->second;
}

std::optional<Offset> Advances::next_after(PartitionId partition, Offset position) const {
    const OfPartition* const advances = of(partition);
    if (advances == nullptr) {
        return std::nullopt;
    }
    const auto after = advances->upper_bound(position);
    return after == advances->end() ? std::nullopt : std::optional{after->first};
}

std::optional<std::int64_t> Advances::at(PartitionId partition, Offset position) const {
    const OfPartition* const advances = of(partition);
    if (advances == nullptr) {
        return std::nullopt;
    }
    const auto found = advances->find(position);
    return found == advances->end() ? std::nullopt : std::optional{found->second};
}

void Advances::compare(std::span<const std::optional<Meta>> cut, Findings& findings) const {
    for (std::size_t q = 0; q < cut.size(); ++q) {
        if (!cut[q]) {
            continue;
        }
        std::uint64_t count = 0;
        UInt128 hash = 0;
        const auto kept = kept_.find(PartitionId{static_cast<std::int32_t>(q)});
        if (kept != kept_.end()) {
            for (const auto& [partition, advances] : kept->second) {
                count += advances.size();
                for (const auto& [position, watermark] : advances) {
                    hash += advance_hash({partition, position, watermark});
                }
            }
        }
        if (count != cut[q]->advances || hash != cut[q]->advances_hash) {
            findings.add(FindingKind::broken_state, fmt::format("state partition {}", q),
                         fmt::format("{} advances of event time, as meta says", cut[q]->advances),
                         count == cut[q]->advances ? fmt::format("{} others", count)
                                                   : fmt::format("{}", count));
        }
    }
}

}  // namespace kstream::audit
