#include "kstream/pipeline/unique_ids.hpp"

#include "kstream/check.hpp"
#include "kstream/planted_bug.hpp"

#include <optional>
#include <utility>

namespace kstream {

bool note_id(RecentIds& ids, const RecordView& record, const RecordReader& reader,
             const RecordVerdict& verdict) {
    const std::optional<std::int64_t> time = reader.event_time();
    if (!time) {
        return false;
    }
    if (!verdict.ok) {
        ids.pass(*time);
        return false;
    }
    return ids.add(record.record_offset, *time, reader.unique_id());
}

UniqueIds::UniqueIds(const Job& job) : within_(job.event_time()->within), seed_(job.hash_seed) {
    KSTREAM_CHECK(job.has_unique(), "other jobs remember no ids");
}

void UniqueIds::install(PartitionId partition, RecentIds ids) {
    of_.insert_or_assign(partition, std::move(ids));
}

Horizon UniqueIds::horizon(PartitionId partition, Offset position) {
    const Horizon horizon = of(partition).horizon(position);
    return planted(PlantedBug::horizon_too_late) ? Horizon{position, horizon.seen} : horizon;
}

void UniqueIds::seal() {
    for (auto& [partition, ids] : of_) {
        ids.seal();
    }
}

void UniqueIds::committed() {
    for (auto& [partition, ids] : of_) {
        ids.committed();
    }
}

void UniqueIds::undo_filling() {
    if (planted(PlantedBug::rewind_keeps_ids)) {
        return;
    }
    for (auto& [partition, ids] : of_) {
        ids.undo_filling();
    }
}

void UniqueIds::undo_in_flight() {
    if (planted(PlantedBug::rewind_keeps_ids)) {
        return;
    }
    for (auto& [partition, ids] : of_) {
        ids.undo_in_flight();
    }
}

std::size_t UniqueIds::memory_bytes() const {
    std::size_t bytes = 0;
    for (const auto& [partition, ids] : of_) {
        bytes += ids.memory_bytes();
    }
    return bytes;
}

}  // namespace kstream
