// What becomes of the records of a map loop that go into no total: bad ones, by the policy for
// them, and late ones. Here are the dead letters and late records of the filling step, with a bound
// of their own (docs/adr/0028), and what the tally of the process is told (docs/adr/0032).
//
// Which record is bad or late was found before, by the reader and by MapFold, which has the counts.
#pragma once

#include "kstream/codec/delta_batch.hpp"
#include "kstream/error.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/model/record.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/map_fold_config.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_tally.hpp"
#include "kstream/reader/record_reader.hpp"
#include "kstream/status.hpp"

#include <cstddef>
#include <cstdint>

namespace kstream {

class SetAside {
public:
    // `reader` is the one that reads the records. It, `job`, `log` and what `ports` point to must
    // outlive this.
    SetAside(const Job& job, const MapFoldConfig& config, RecordReader& reader, Log& log,
             MapFoldPorts ports)
        : job_(job), config_(config), reader_(reader), log_(log), ports_(ports) {}

    // The reader's last record, which is bad, counted in `counts` of its range and `status`.
    // bad_record where the policy says so; errors of reading its headers.
    [[nodiscard]] Result<void> bad_record(const RecordView& record, const RecordVerdict& verdict,
                                          RecordCounts& counts, FoldStatus& status);
    // The reader's last record, which was too late for the window in `pane` at this watermark, in
    // milliseconds; counted in the same way. Of a job with windows. Errors of reading its headers.
    [[nodiscard]] Result<void> late_record(const RecordView& record, std::int64_t watermark,
                                           expr::TimeSpan pane, RecordCounts& counts,
                                           FoldStatus& status);

    // Tells the tally what has come to `status` since the last time, and `times`, which is empty
    // afterwards. Not per record: other loops tell the same tally. Its errors.
    [[nodiscard]] Result<void> tell_tally(const FoldStatus& status, TimeTally& times);

    // Of the filling step: whether it holds more than so many times its bound.
    [[nodiscard]] bool fills(std::size_t times) const {
        return letters_.memory_bytes() > times * config_.max_letters_bytes;
    }
    void append_to(OutputBatch& out) const { out.append_all(letters_); }
    void clear() { letters_.clear(); }
    [[nodiscard]] std::size_t memory_bytes() const { return letters_.memory_bytes(); }

private:
    [[nodiscard]] Result<void> dead_letter(const RecordView& record, const RecordVerdict& verdict);

    const Job& job_;
    MapFoldConfig config_;
    RecordReader& reader_;
    Log& log_;
    MapFoldPorts ports_;
    OutputBatch letters_;   // dead letters and late records
    RecordTally reported_;  // what of FoldStatus the tally knows
    int scale_needed_ = 0;
};

}  // namespace kstream
