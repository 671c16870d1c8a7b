// The newest meta record of every state partition, and each that follows: what the totals have
// applied, whoever owns them. Reads the changelog from near its end. Of EndWatch and MapTakeover;
// not thread-safe.
#pragma once

#include "kstream/codec/changelog.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log_reader.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace kstream {

class MetaReader {
public:
    // Both must outlive this.
    MetaReader(const Job& job, LogReader& reader);

    // What to ask for before open(): log_start, then log_end, of all changelog partitions.
    [[nodiscard]] Query bound(Query::Kind kind) const;

    // Begins to read. `starts` of the log and its `stable` ends, by state partition.
    [[nodiscard]] Result<void> open(std::span<const OffsetAnswer> starts,
                                    std::span<const OffsetAnswer> stable);
    void close();

    // Reads on; whether there was anything. The errors of LogReader, those that may be tried again
    // as well, and integrity of a meta record.
    [[nodiscard]] Result<bool> poll(Duration wait);

    // By state partition: as read so far; none before the first transaction.
    [[nodiscard]] std::span<const std::optional<Meta>> newest() const { return newest_; }

private:
    struct Changelog {
        Offset start;
        Offset stable;  // end of what was committed when it was asked for
        Offset from;    // where reading began
        bool open = false;
    };

    [[nodiscard]] Result<void> open_at(std::size_t q, Offset from);
    void close_one(std::size_t q);

    const Job& job_;
    LogReader& reader_;
    std::vector<Changelog> changelogs_;  // by state partition
    std::vector<std::optional<Meta>> newest_;
};

}  // namespace kstream
