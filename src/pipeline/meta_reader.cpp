#include "kstream/pipeline/meta_reader.hpp"

#include <algorithm>
#include <utility>

namespace kstream {

namespace {

// Meta is the last record of each transaction, so the newest one is near the end. Where a
// transaction was longer than this, the changelog is read again from its beginning.
constexpr std::int64_t kTailRecords = 2000;

PartitionId number(std::size_t index) {
    return PartitionId{static_cast<std::int32_t>(index)};
}

}  // namespace

MetaReader::MetaReader(const Job& job, LogReader& reader)
    : job_(job),
      reader_(reader),
      changelogs_(job.identity.state_partitions),
      newest_(job.identity.state_partitions) {}

Query MetaReader::bound(Query::Kind kind) const {
    Query query;
    query.kind = kind;
    query.topic = TopicRole::changelog;
    query.isolation = Isolation::read_committed;
    for (std::size_t q = 0; q < changelogs_.size(); ++q) {
        query.partitions.push_back(number(q));
    }
    return query;
}

Result<void> MetaReader::open(std::span<const OffsetAnswer> starts,
                              std::span<const OffsetAnswer> stable) {
    for (std::size_t q = 0; q < changelogs_.size(); ++q) {
        Changelog& log = changelogs_[q];
        log.start = starts[q].of_log();
        log.stable = stable[q].of_log();
        if (Result<void> opened =
                open_at(q, std::max(log.start, Offset{log.stable.value - kTailRecords}));
            !opened) {
            return opened;
        }
    }
    return {};
}

Result<void> MetaReader::open_at(std::size_t q, Offset from) {
    close_one(q);
    changelogs_[q].from = from;
    changelogs_[q].open = true;
    return reader_.open(TopicRole::changelog, number(q), from);
}

void MetaReader::close_one(std::size_t q) {
    if (std::exchange(changelogs_[q].open, false)) {
        reader_.close(TopicRole::changelog, number(q));
    }
}

void MetaReader::close() {
    for (std::size_t q = 0; q < changelogs_.size(); ++q) {
        close_one(q);
    }
}

Result<bool> MetaReader::poll(Duration wait) {
    const Result<RecordBatch> batch = reader_.poll(TopicRole::changelog, wait);
    if (!batch) {
        return std::unexpected(batch.error());
    }
    for (const RecordView& record : *batch) {
        if (record.key() != meta_key() || record.is_tombstone()) {
            continue;
        }
        Result<Meta> meta = decode_meta_value(record.value(), job_.form());
        if (!meta) {
            return std::unexpected(std::move(meta.error()));
        }
        newest_[static_cast<std::size_t>(record.partition.value)] = std::move(*meta);
    }
    const bool any = !batch->empty();
    for (std::size_t q = 0; q < changelogs_.size(); ++q) {
        const Changelog& log = changelogs_[q];
        if (!newest_[q] && log.from > log.start &&
            reader_.position(TopicRole::changelog, number(q)) >= log.stable) {
            if (Result<void> opened = open_at(q, log.start); !opened) {
                return std::unexpected(std::move(opened.error()));
            }
        }
    }
    return any;
}

}  // namespace kstream
