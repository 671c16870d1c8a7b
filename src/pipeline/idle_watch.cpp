#include "kstream/pipeline/idle_watch.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/planted_bug.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <ranges>
#include <utility>

namespace kstream {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Between two looks at the cluster. An advance costs a transaction. Two looks come after the time
// of idleness, one that says so and one that moves on, perhaps of two loops: both, with their
// commits, within two seconds.
constexpr Duration kInterval = milliseconds{500};
constexpr Duration kAfterFailure = seconds{10};
// Between two looks at what this loop has read.
constexpr Duration kLook = milliseconds{100};
// A loop that has nothing to do looks once a second. Whoever has not looked for longer was held up,
// and knows nothing about that time.
constexpr Duration kMaxGap = seconds{3};

// By partition.
using Marks = std::map<PartitionId, SourceMark>;

// The least watermark of those that are not idle, of which there is one; none while it has none.
std::int64_t least_active(const Marks& marks) {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const auto& [partition, mark] : marks) {
        if (!mark.idle) {
            least = std::min(least, mark.watermark);
        }
    }
    return least;
}

}  // namespace

IdleWatch::IdleWatch(const Job& job, MapFold& fold, ClusterQueries& queries, const Clock& clock,
                     Log& log)
    : time_(*job.event_time()),
      idle_(milliseconds{time_.idle.value()}),
      windows_(job.windows().value()),
      fold_(fold),
      question_(queries),
      clock_(clock),
      log_(log),
      looked_(clock.now()),
      next_(clock.now()) {}

bool IdleWatch::due() const {
    return stage_ != Stage::wait || clock_.now() - looked_ >= kLook;
}

void IdleWatch::advance(std::span<const PartitionPosition> committed) {
    const Instant now = clock_.now();
    look(committed, now);
    if (stage_ == Stage::wait) {
        if (now < next_) {
            return;
        }
        next_ = now + kInterval;
        candidates_ = silent(now);
        stage_ = Stage::log_end;
    }
    drop_changed();
    if (candidates_.empty()) {
        question_.forget();
        stage_ = Stage::wait;
        return;
    }
    const Result<std::optional<QueryAnswer>> answer = question_.ask(query());
    if (!answer) {
        log_.write(LogLevel::warn, "whether a source partition is idle could not be found out",
                   {{"reason", answer.error().message}});
        next_ = now + kAfterFailure;
        stage_ = Stage::wait;
    } else if (*answer) {
        take(**answer, now);
    }
}

// ---- what this loop sees -----------------------------------------------------------------------

void IdleWatch::look(std::span<const PartitionPosition> committed, Instant now) {
    if (now - looked_ > kMaxGap && !planted(PlantedBug::timer_over_a_pause)) {
        watched_.clear();
    }
    looked_ = now;
    std::erase_if(watched_, [committed](const auto& entry) {
        return !std::ranges::binary_search(committed, entry.first, {},
                                           &PartitionPosition::partition);
    });
    for (const auto& [partition, position] : committed) {
        const std::uint64_t timed = fold_.activity(partition).timed;
        const auto [entry, is_new] = watched_.try_emplace(partition, position, timed, now);
        Watched& watched = entry->second;
        if (watched.timed != timed) {
            watched.since = now;
        }
        watched.position = position;
        watched.timed = timed;
    }
}

std::vector<IdleWatch::Candidate> IdleWatch::silent(Instant now) const {
    std::vector<Candidate> candidates;
    for (const auto& [partition, watched] : watched_) {
        if (now - watched.since >= idle_) {
            candidates.push_back({partition, watched.position, watched.timed});
        }
    }
    return candidates;
}

// Something has come, or the partition has gone.
void IdleWatch::drop_changed() {
    std::erase_if(candidates_, [this](const Candidate& candidate) {
        const auto now = watched_.find(candidate.partition);
        return now == watched_.end() || now->second.position != candidate.position ||
               now->second.timed != candidate.timed;
    });
}

// ---- what the cluster knows --------------------------------------------------------------------

Query IdleWatch::query() const {
    Query query;
    switch (stage_) {
        case Stage::log_end:
        case Stage::stable_end:
            query.kind = Query::Kind::log_end;
            query.isolation =
                stage_ == Stage::log_end ? Isolation::read_uncommitted : Isolation::read_committed;
            for (const Candidate& candidate : candidates_) {
                query.partitions.push_back(candidate.partition);
            }
            break;
        case Stage::describe:
            query = Query::describe(TopicRole::source);
            break;
        case Stage::marks:
            query.kind = Query::Kind::committed;
            for (std::int32_t p = 0; p < partitions_; ++p) {
                query.partitions.push_back(PartitionId{p});
            }
            break;
        case Stage::wait:
            KSTREAM_CHECK(false, "nothing is asked while waiting");
    }
    return query;
}

void IdleWatch::take(const QueryAnswer& answer, Instant now) {
    switch (stage_) {
        case Stage::log_end:
            keep_caught_up(answer);
            stage_ = Stage::stable_end;
            return;
        case Stage::stable_end:
            keep_caught_up(answer);
            stage_ = Stage::describe;
            return;
        case Stage::describe:
            partitions_ = answer.partition_count;
            stage_ = Stage::marks;
            return;
        case Stage::marks:
            if (const std::optional<Marks> all = marks(answer)) {
                decide(*all, now);
            }
            stage_ = Stage::wait;
            return;
        case Stage::wait:
            break;
    }
}

// Where the log has more than was read, it is on its way, or held back by a transaction.
void IdleWatch::keep_caught_up(const QueryAnswer& ends) {
    if (planted(PlantedBug::idle_before_caught_up)) {
        return;
    }
    std::erase_if(candidates_, [&ends](const Candidate& candidate) {
        const auto of =
            std::ranges::find(ends.offsets, candidate.partition, &OffsetAnswer::partition);
        return of == ends.offsets.end() || of->of_log() != candidate.position;
    });
}

// By partition; none while one has no offset, which may be about to begin anywhere.
std::optional<IdleWatch::Marks> IdleWatch::marks(const QueryAnswer& committed) const {
    Marks marks;
    for (const OffsetAnswer& of : committed.offsets) {
        if (watched_.contains(of.partition)) {
            marks[of.partition] = fold_.activity(of.partition).committed;
            continue;
        }
        const Result<OffsetMetadata> metadata = parse_offset_metadata(of.metadata);
        if (!of.offset || !metadata || !metadata->mark || !metadata->mark->source) {
            return std::nullopt;
        }
        marks[of.partition] = *metadata->mark->source;
    }
    return marks;
}

// ---- how far time goes on ----------------------------------------------------------------------

void IdleWatch::decide(const Marks& marks, Instant now) {
    const bool all_idle = std::ranges::all_of(std::views::values(marks), &SourceMark::idle);
    if (!all_idle) {
        leading_.reset();
    }
    const std::int64_t to = !all_idle          ? least_active(marks)
                            : time_.quiet_wall ? wall_time(marks, now)
                                               : kNoTime;
    for (const Candidate& candidate : candidates_) {
        const auto of = marks.find(candidate.partition);
        if (of == marks.end()) {
            continue;
        }
        const SourceMark& mark = of->second;
        if (!mark.idle) {
            // Alone, without an advance: two that wait for each other to say it would do so for
            // ever.
            if (!planted(PlantedBug::idle_not_said)) {
                fold_.say(candidate.partition, {.watermark = mark.watermark, .idle = true});
            }
            continue;
        }
        if (to > mark.watermark && ends_window(mark.watermark, to)) {
            fold_.say(candidate.partition, {.watermark = to, .idle = true});
            if (leading_ && leading_->partition == candidate.partition) {
                leading_ = {candidate.partition, to, now};
            }
        }
    }
}

// While all are idle: the one that is furthest goes on by its owner's clock, the others follow.
std::int64_t IdleWatch::wall_time(const Marks& marks, Instant now) {
    const auto furthest = std::ranges::max_element(marks, {}, [](const auto& entry) {
        return std::pair{entry.second.watermark, -entry.first.value};
    });
    const auto& [partition, mark] = *furthest;
    if (mark.watermark == kNoTime) {
        return kNoTime;
    }
    if (std::ranges::find(candidates_, partition, &Candidate::partition) == candidates_.end()) {
        leading_.reset();
        return mark.watermark;
    }
    if (!leading_ || leading_->partition != partition || leading_->watermark != mark.watermark) {
        leading_ = {partition, mark.watermark, now};
    }
    return mark.watermark + std::chrono::duration_cast<milliseconds>(now - leading_->since).count();
}

// Whether a window closes between the two watermarks: nobody waits for an advance that closes none.
bool IdleWatch::ends_window(std::int64_t from, std::int64_t to) const {
    if (from == kNoTime) {
        return true;
    }
    const std::int64_t end = windows_.pane(std::max<std::int64_t>(0, from - time_.grace)).end;
    return end + time_.grace <= to;
}

}  // namespace kstream
