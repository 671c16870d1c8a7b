#include "kstream/pipeline/staged_takeover.hpp"

#include "kstream/pipeline/identity_check.hpp"
#include "kstream/pipeline/partition_list.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace kstream {

namespace {

using std::chrono::seconds;

constexpr Duration kSaidAfter = seconds{2};

}  // namespace

StagedTakeover::StagedTakeover(const Job& job, Kind kind, ClusterQueries& queries,
                               LogReader& reader, const Clock& clock, Log& log, Duration patience)
    : job_(job),
      reader_(reader),
      clock_(clock),
      log_(log),
      patience_(patience),
      kind_(kind),
      question_(queries) {}

void StagedTakeover::begin(std::span<const PartitionId> partitions) {
    waiting_.insert(waiting_.end(), partitions.begin(), partitions.end());
}

void StagedTakeover::cancel(std::span<const PartitionId> partitions) {
    for (const PartitionId partition : partitions) {
        std::erase(waiting_, partition);
        forget(partition, active_.erase(partition) != 0, stage_);
    }
    if (active_.empty()) {
        question_.forget();
        forget_round();
        stage_ = 0;
    }
}

Result<void> StagedTakeover::advance(std::vector<ReadyPartition>& ready) {
    for (;;) {
        Result<bool> done = stage_ == 0 ? gather() : run_stage(stage_, ready);
        if (!done) {
            return std::unexpected(std::move(done.error()));
        }
        if (!*done) {
            return {};
        }
        if (active_.empty() || stage_ + 1 == kind_.stages) {
            forget_round();
            stage_ = 0;
        } else {
            ++stage_;
        }
    }
}

bool StagedTakeover::gather() {
    for (const PartitionId partition : waiting_) {
        active_.emplace(partition, Asked{});
    }
    waiting_.clear();
    began_ = progress_ = clock_.now();
    said_waiting_ = false;
    return !active_.empty();
}

std::vector<PartitionId> StagedTakeover::active_partitions() const {
    std::vector<PartitionId> partitions;
    for (const auto& entry : active_) {
        partitions.push_back(entry.first);
    }
    return partitions;
}

// ---- questions ---------------------------------------------------------------------------------

Result<bool> StagedTakeover::ask(Query query, QueryAnswer& answer) {
    Result<std::optional<QueryAnswer>> result = question_.ask(std::move(query));
    if (!result) {
        return std::unexpected(std::move(result.error()));
    }
    if (!*result) {
        return check_patience(false);
    }
    answer = std::move(**result);
    progress_ = clock_.now();
    return true;
}

Result<bool> StagedTakeover::check_topic(TopicRole topic, std::string_view called,
                                         const TopicId& expected,
                                         std::optional<std::uint32_t> partitions) {
    QueryAnswer answer;
    Result<bool> there = ask(Query::describe(topic), answer);
    if (!there || !*there) {
        return there;
    }
    const bool believed = topic == TopicRole::source && planted(PlantedBug::topic_id_not_checked);
    if (answer.topic_id != expected && !believed) {
        return fail(ExitCode::identity,
                    fmt::format("{} was replaced: its id was {}, now {}", called,
                                topic_id_text(expected), topic_id_text(answer.topic_id)),
                    "it was deleted and re-created; run `kstream reset` to start over");
    }
    if (partitions && answer.partition_count != static_cast<std::int32_t>(*partitions)) {
        return fail(ExitCode::identity,
                    fmt::format("{} has {} partitions now, the state is for {}", called,
                                answer.partition_count, *partitions),
                    "keys would move between partitions; run `kstream reset` to start over");
    }
    return true;
}

Result<bool> StagedTakeover::take_committed() {
    Query query;
    query.kind = Query::Kind::committed;
    query.topic = kind_.input;
    query.partitions = active_partitions();
    QueryAnswer answer;
    Result<bool> there = ask(std::move(query), answer);
    if (!there || !*there) {
        return there;
    }
    for (const OffsetAnswer& offset : answer.offsets) {
        const auto entry = active_.find(offset.partition);
        if (entry == active_.end() || !offset.offset) {
            continue;
        }
        auto mark = check_offset_identity(job_, offset, kind_.group);
        if (!mark) {
            return std::unexpected(std::move(mark.error()));
        }
        entry->second.committed = offset.offset;
        entry->second.mark = *mark;
    }
    return true;
}

Result<bool> StagedTakeover::take_offsets(Query::Kind kind, TopicRole topic, Offset Asked::* into,
                                          Isolation isolation) {
    Query query;
    query.kind = kind;
    query.topic = topic;
    query.isolation = isolation;
    query.partitions = active_partitions();
    QueryAnswer answer;
    Result<bool> there = ask(std::move(query), answer);
    if (!there || !*there) {
        return there;
    }
    for (const OffsetAnswer& offset : answer.offsets) {
        if (const auto entry = active_.find(offset.partition); entry != active_.end()) {
            entry->second.*into = offset.of_log();
        }
    }
    return true;
}

Result<bool> StagedTakeover::check_patience(bool progress) {
    const Instant now = clock_.now();
    if (progress) {
        progress_ = now;
        return false;
    }
    const Duration stalled = now - progress_;
    if (stalled > kSaidAfter && !said_waiting_) {
        said_waiting_ = true;
        log_.write(LogLevel::warn, "takeover waits, for an open transaction or for the brokers",
                   {{"stage", kind_.group}, {"partitions", partition_list(active_partitions())}});
    }
    if (stalled > patience_) {
        return fail(ExitCode::try_again,
                    fmt::format("takeover of {} partitions {} made no progress for {} s: an open "
                                "transaction of another process holds back {}, or brokers are "
                                "missing",
                                kind_.group, partition_list(active_partitions()),
                                std::chrono::duration_cast<std::chrono::seconds>(stalled).count(),
                                kind_.held_back),
                    "it ends by itself after its transaction timeout: start again; where it does "
                    "not, kafka-transactions.sh find-hanging and docs/RUNBOOK.md, "
                    "KstreamOpenTransactionHangs");
    }
    return false;
}

}  // namespace kstream
