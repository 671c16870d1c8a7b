#include "kstream/pipeline/horizon_reader.hpp"

#include "kstream/check.hpp"
#include "kstream/pipeline/bad_record.hpp"

#include <utility>

namespace kstream {

HorizonReader::HorizonReader(const Job& job, LogReader& reader, UniqueIds& ids)
    : job_(job), reader_(reader), ids_(ids), records_reader_(reader_of(job)) {}

Result<bool> HorizonReader::advance(const ReadyPartition& partition) {
    const Horizon horizon = partition.mark.horizon.value();
    moved_ = false;
    if (!open_) {
        found_ = ids_.begin(horizon.seen);
        if (horizon.offset < partition.position) {
            if (auto opened = reader_.open(TopicRole::source, partition.partition, horizon.offset);
                !opened) {
                return std::unexpected(std::move(opened.error()));
            }
            open_ = partition.partition;
        }
    }
    KSTREAM_CHECK(!open_ || *open_ == partition.partition, "one partition after the other");
    if (open_) {
        const Result<RecordBatch> batch = reader_.poll(TopicRole::source, Duration::zero());
        if (!batch) {
            return std::unexpected(batch.error());
        }
        moved_ = !batch->empty();
        for (const RecordView& record : *batch) {
            if (record.record_offset < partition.position) {
                remember(record);
            }
        }
        if (reader_.position(TopicRole::source, partition.partition) < partition.position) {
            return false;
        }
        reader_.close(TopicRole::source, partition.partition);
        open_.reset();
    }
    // What no longer matters at the position goes at once.
    found_->seal();
    found_->committed();
    ids_.install(partition.partition, *std::move(found_));
    found_.reset();
    return true;
}

void HorizonReader::stop(PartitionId partition) {
    if (open_ == partition) {
        reader_.close(TopicRole::source, partition);
        open_.reset();
        found_.reset();
    }
}

void HorizonReader::remember(const RecordView& record) {
    ++records_;
    if (record.is_tombstone()) {
        return;
    }
    if (records_reader_->wants_headers()) {
        read_headers(record);
    }
    const RecordVerdict verdict = records_reader_->read(record);
    (void)note_id(*found_, record, *records_reader_, verdict);
}

// Of each name that the statement has the last one, which is the one that counts.
void HorizonReader::read_headers(const RecordView& record) {
    headers_.clear();
    for (const job::Field& field : job_.statement->statement.fields) {
        if (field.origin == job::FieldOrigin::header) {
            headers_.push_back({field.header, reader_.header(record, field.header.c_str())});
        }
    }
    records_reader_->set_headers(headers_);
}

}  // namespace kstream
