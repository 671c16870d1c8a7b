#include "kstream/pipeline/loop_report.hpp"

#include "kstream/pipeline/partition_list.hpp"

#include <algorithm>
#include <utility>

namespace kstream {

namespace {

constexpr Duration kPublishInterval = std::chrono::seconds{1};

double to_seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

LoopReport::LoopReport(Stage stage, int worker, const Clock& clock, Log& log, StatusSink& sink)
    : clock_(clock), log_(log), sink_(sink), phase_since_(clock.now()), published_(phase_since_) {
    status_.stage = stage;
    status_.worker = worker;
}

void LoopReport::say(LogLevel level, std::string_view what) {
    log_.write(level, what,
               {{"stage", stage_name(status_.stage)}, {"worker", std::int64_t{status_.worker}}});
}

void LoopReport::say(LogLevel level, std::string_view what, LogField more) {
    log_.write(level, what,
               {{"stage", stage_name(status_.stage)},
                {"worker", std::int64_t{status_.worker}},
                std::move(more)});
}

void LoopReport::say(LogLevel level, std::string_view what,
                     std::span<const PartitionId> partitions) {
    say(level, what, LogField{"partitions", partition_list(partitions)});
}

void LoopReport::enter(LoopPhase phase) {
    const Instant now = clock_.now();
    status_.phase_seconds[static_cast<std::size_t>(phase_)] += to_seconds(now - phase_since_);
    phase_ = phase;
    phase_since_ = now;
}

void LoopReport::committed(const StepInFlight& step, Duration took) {
    status_.steps.commit_seconds.record(to_seconds(took));
    status_.steps.last_commit_wall_seconds = static_cast<double>(clock_.wall_ms()) / 1000.0;
    for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
        status_.steps.written[role].records += step.volumes()[role].records;
        status_.steps.written[role].bytes += step.volumes()[role].bytes;
    }
}

void LoopReport::publish(const Positions& positions, const RecordSource& source, const Fold& fold,
                         const Takeover& takeover) {
    const Instant now = clock_.now();
    if (!due_ && now - published_ < kPublishInterval) {
        return;
    }
    due_ = false;
    published_ = now;
    look_at(positions, source, fold);
    status_.fold = fold.status();
    status_.state = fold.state();
    status_.takeover = takeover.status();
    sink_.publish(status_);
}

void LoopReport::look_at(const Positions& positions, const RecordSource& source, const Fold& fold) {
    status_.member.partitions.clear();
    status_.member.caught_up = status_.member.joined;
    for (std::size_t i = 0; i < positions.size(); ++i) {
        const Positions::Track& t = positions[i];
        if (t.phase == PartitionPhase::absent) {
            continue;
        }
        PartitionStatus status;
        status.partition = Positions::number(i);
        const RecordSource::LogEnd end = source.log_end(status.partition);
        status.restoring = t.phase != PartitionPhase::active;
        status.log_end = end.last_stable;
        if (end.high_watermark >= 0 && end.last_stable >= 0) {
            status.open_transaction_records = end.high_watermark - end.last_stable;
        }
        const bool behind = end.last_stable > t.next.value;
        status.watermark_ms = fold.watermark(status.partition);
        fold.describe_time(status);
        if (!status.restoring) {
            status.position = t.next.value;
            status.committed = t.committed.value;
            if (end.last_stable >= 0 && !behind) {
                status.lag_seconds = 0;
            } else if (behind && t.newest_ms >= 0) {
                const std::int64_t age_ms = clock_.wall_ms() - t.newest_ms;
                status.lag_seconds = std::max(0.0, static_cast<double>(age_ms) / 1000.0);
            }
        }
        status_.member.caught_up = status_.member.caught_up && !status.restoring && !behind;
        status_.member.partitions.push_back(status);
    }
}

}  // namespace kstream
