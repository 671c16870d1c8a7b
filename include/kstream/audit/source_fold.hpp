// Counts the records of the source again, for each state partition up to where that one is: the
// cuts of two state partitions are of different moments, so one record may belong to what one of
// them says and not to what another does.
#pragma once

#include "kstream/audit/accounts.hpp"
#include "kstream/audit/audited_job.hpp"
#include "kstream/audit/finding.hpp"
#include "kstream/audit/ids.hpp"
#include "kstream/audit/window_span.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"
#include "kstream/ports/log_reader.hpp"
#include "kstream/reader/record_fields.hpp"
#include "kstream/reader/record_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace kstream::audit {

class Advances;

// A piece of a source partition that has to be read.
struct Piece {
    PartitionId partition;
    Offset from;
    Offset to;
    friend bool operator==(const Piece&, const Piece&) = default;
};

class SourceFold {
public:
    // `accounts` and `advances` must outlive this; of the latter, those of a cut are known before
    // its records are folded. None: the job has no windows.
    SourceFold(const AuditedJob& job, Accounts& accounts, const Advances* advances = nullptr);

    // Takes up what an earlier audit has counted: `base` by state partition. Before the first
    // aim().
    void begin_at(const std::vector<std::optional<Meta>>& base);

    // What has to be read to come from where the fold is to this cut, nothing left out: every piece
    // has to be folded whole, in order, before the next aim().
    [[nodiscard]] std::vector<Piece> aim(const std::vector<std::optional<Meta>>& cut);
    // Records outside of the pieces are passed over. `headers` has those of the records; of a
    // statement that asks for some.
    void fold(RecordBatch records, const LogReader* headers = nullptr);
    // All pieces have been read to their ends.
    void arrive();

    // Compares counts and sums of each source partition with what each meta record says.
    // Where fewer records were found than were read, and there may have been so many: records of
    // the source are gone from between others.
    [[nodiscard]] std::optional<std::string> fewer_records(
        const std::vector<std::optional<Meta>>& cut) const;
    void compare(const std::vector<std::optional<Meta>>& cut, Findings& findings) const;

    // How far state partition q is folded: what --save-base keeps, and what the report shows.
    [[nodiscard]] std::vector<SourceProgress> progress(std::size_t q) const;
    [[nodiscard]] std::uint64_t records() const { return records_; }

private:
    // One state partition's part of a source partition.
    struct Part {
        bool open = false;
        Offset base;
        Offset from;  // folded up to here
        Offset to;    // to be folded up to here
        RecordCounts counts;
        std::vector<Slot> sums;
        std::int64_t watermark = kNoTime;  // at `from`
        Horizon horizon;                   // the same, of a job with unique_by
        [[nodiscard]] bool takes(Offset record) const {
            return open && record >= from && record < to;
        }
    };
    struct Partition {
        std::vector<Part> parts;    // by state partition
        std::vector<Offset> edges;  // of all parts, ascending
        std::size_t next_edge = 0;  // the segment being read ends there
        Offset lowest;
        Offset highest;
        // Of a job with event time: the newest time of the records before the one that is read.
        std::int64_t watermark = kNoTime;
        std::optional<Offset> next_advance;  // that it does not hold yet
        // Of a job with unique_by: what lies between there and `lowest` is read for its ids alone.
        Offset ids_from;
        Ids ids;
        RecordCounts segment;
        std::vector<Slot> segment_sums;
    };

    Partition& partition(PartitionId p);
    void end_segment(PartitionId p, Partition& in);
    void advance(PartitionId p, Partition& in, Offset up_to) const;
    // Whether the watermark in meta may be what the partition's comes to there.
    [[nodiscard]] bool has_watermark(const Part& part, const SourceProgress& source) const;
    void fold_one(const RecordView& record, Partition& in, const LogReader* headers);
    void judge_one(const RecordView& record, Partition& in, const LogReader* headers);
    void begin_ids(Partition& in) const;
    [[nodiscard]] std::optional<StatementAudit::Judgement> judgement(const RecordView& record,
                                                                     const LogReader* headers);
    [[nodiscard]] static bool is_duplicate(const StatementAudit::Judgement& judged,
                                           const RecordView& record, Partition& in);
    // The window that a record of that time goes into.
    [[nodiscard]] const WindowSpan& window_of(std::int64_t time);
    // Of a job with windows: whether meta's clock is what its sources' watermarks come to.
    void compare_clock(std::size_t q, const Meta& meta, Findings& findings) const;
    // The account that a record counts for; null where it is for another pass, or not up to here.
    [[nodiscard]] Account* account_of(const GroupKey& group, const RecordView& record,
                                      const Partition& in);
    // The same of the key in state_key_.
    [[nodiscard]] Account* account_of_key(const GroupKey& group, const RecordView& record,
                                          const Partition& in);
    // Of a job with hopping windows: what a record has for all that its time lies in.
    void count_windows(const StatementAudit::Judgement& judged, GroupKey& group,
                       const RecordView& record, const Partition& in);

    // Of a job with sessions, of which `group` has the record's time.
    void count_in_session(const GroupKey& group, const Row& row, const RecordView& record,
                          const Partition& in);

    const AuditedJob& job_;
    Accounts& accounts_;
    const Advances* advances_;
    std::unique_ptr<RecordReader> reader_;  // of a job of the flags
    std::unique_ptr<RecordFields> fields_;  // of a statement
    std::map<PartitionId, Partition> partitions_;
    std::uint64_t records_ = 0;
    WindowSpan window_;  // that was asked for last
    std::string state_key_;
    std::string place_;
};

}  // namespace kstream::audit
