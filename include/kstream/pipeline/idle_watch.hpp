// Moves time on in source partitions in which nothing comes (docs/adr/0057, rule 6): of a job whose
// statement says after how long one is idle. Beside a map loop, for the partitions that it has.
//
// A partition is idle when no record with a time has come since that long, and the log has no more
// than was read: both of its ends were asked for after that. Its owner says so with a committed
// offset, and then moves its watermark to the least one of all partitions that are not idle, by
// what the group has committed. What is committed is perhaps older, then it is lower, and waiting
// for a window longer is never wrong; a partition without an offset holds all others back.
#pragma once

#include "kstream/expr/window.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/question.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_source.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace kstream {

class IdleWatch {
public:
    // Whether the job has anything to watch.
    [[nodiscard]] static bool is_asked_for(const Job& job) {
        return job.has_windows() && job.event_time()->idle.has_value();
    }

    // All must outlive this. Precondition: is_asked_for(job).
    IdleWatch(const Job& job, MapFold& fold, ClusterQueries& queries, const Clock& clock, Log& log);

    // Whether advance() has anything to do: ten times a second, and while a question is open.
    [[nodiscard]] bool due() const;

    // One look, between two iterations of the loop; never blocks. `committed`: of the partitions
    // whose records flow, ascending. What cannot be found out is logged and looked for again ten
    // seconds later: time stands still meanwhile, and nothing else.
    void advance(std::span<const PartitionPosition> committed);

private:
    enum class Stage : std::uint8_t { wait, log_end, stable_end, describe, marks };

    // A partition that this loop has.
    struct Watched {
        Offset position;
        std::uint64_t timed = 0;  // records with a time, so far
        Instant since;            // none has come since then
    };
    // One that has had nothing for long enough, when its ends were asked for.
    struct Candidate {
        PartitionId partition;
        Offset position;
        std::uint64_t timed = 0;
    };
    using Marks = std::map<PartitionId, SourceMark>;

    void look(std::span<const PartitionPosition> committed, Instant now);
    [[nodiscard]] std::vector<Candidate> silent(Instant now) const;
    void drop_changed();
    [[nodiscard]] Query query() const;
    void take(const QueryAnswer& answer, Instant now);
    void keep_caught_up(const QueryAnswer& ends);
    [[nodiscard]] std::optional<Marks> marks(const QueryAnswer& committed) const;
    void decide(const Marks& marks, Instant now);
    [[nodiscard]] std::int64_t wall_time(const Marks& marks, Instant now);
    [[nodiscard]] bool ends_window(std::int64_t from, std::int64_t to) const;

    const job::EventTime& time_;
    const Duration idle_;
    const expr::Windows windows_;
    MapFold& fold_;
    Question question_;
    const Clock& clock_;
    Log& log_;

    std::map<PartitionId, Watched> watched_;
    Instant looked_;
    Instant next_;
    Stage stage_ = Stage::wait;
    std::vector<Candidate> candidates_;
    std::int32_t partitions_ = 0;  // of the source

    // While all are idle and time goes on by the wall, where this loop has the partition that is
    // furthest: since when that has had its watermark.
    struct Leading {
        PartitionId partition;
        std::int64_t watermark = kNoTime;
        Instant since;
    };
    std::optional<Leading> leading_;
};

}  // namespace kstream
