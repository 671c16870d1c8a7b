#include "kstream/pipeline/totals_takeover.hpp"

#include "kstream/codec/spec_difference.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kstream {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The first records of `batch` that are of one partition and few enough for TotalsState::expect().
RecordBatch together(RecordBatch batch) {
    const RecordBatch few = batch.first(std::min(batch.size(), KeyTable::kTogether));
    const auto other = std::ranges::find_if(few, [&few](const RecordView& record) {
        return record.partition != few.front().partition;
    });
    return few.first(static_cast<std::size_t>(other - few.begin()));
}

constexpr std::string_view topic_word(TopicRole topic) {
    return topic == TopicRole::repartition ? "repartition" : "changelog";
}

}  // namespace

Result<void> check_offset_identity(const Job& job, const OffsetAnswer& answer,
                                   std::string_view group_suffix) {
    Result<Identity> stored = parse_identity_text(answer.metadata);
    if (!stored) {
        return std::unexpected(std::move(stored.error()));
    }
    const std::vector<std::string> differences = identity_differences(*stored, job.identity);
    if (differences.empty()) {
        return {};
    }
    std::string all;
    for (const std::string& difference : differences) {
        all += fmt::format("{}{}", all.empty() ? "" : "; ", difference);
    }
    return fail(ExitCode::identity,
                fmt::format("the committed offset of group ...-{} partition {} belongs to another "
                            "job or log: {}",
                            group_suffix, answer.partition.value, all),
                "choose another --application-id and another --output-topic, or run `kstream "
                "reset` to begin again");
}

TotalsTakeover::TotalsTakeover(const Job& job, TotalsFold& fold, ClusterQueries& queries,
                               LogReader& reader, const Clock& clock, Log& log, Duration patience)
    : job_(job),
      fold_(fold),
      question_(queries),
      reader_(reader),
      clock_(clock),
      log_(log),
      patience_(patience) {}

void TotalsTakeover::begin(std::span<const PartitionId> partitions) {
    waiting_.insert(waiting_.end(), partitions.begin(), partitions.end());
}

void TotalsTakeover::cancel(std::span<const PartitionId> partitions) {
    for (const PartitionId partition : partitions) {
        std::erase(waiting_, partition);
        doubts_.erase(partition);
        if (active_.erase(partition) != 0 && stage_ == Stage::restore) {
            reader_.close(TopicRole::changelog, partition);
        }
    }
    if (active_.empty()) {
        question_.forget();
        stage_ = Stage::gather;
    }
}

Result<void> TotalsTakeover::advance(std::vector<ReadyPartition>& ready) {
    // Each stage says whether the next one may begin now.
    for (;;) {
        Result<bool> done = false;
        QueryAnswer answer;
        switch (stage_) {
            case Stage::gather:
                done = gather();
                break;
            case Stage::repartition_identity:
                done = ask(Query::Kind::describe, TopicRole::repartition, answer);
                if (done && *done) {
                    if (auto same = check_topic(answer, TopicRole::repartition,
                                                job_.identity.repartition_id);
                        !same) {
                        return same;
                    }
                }
                break;
            case Stage::changelog_identity:
                done = ask(Query::Kind::describe, TopicRole::changelog, answer);
                if (done && *done) {
                    if (auto same =
                            check_topic(answer, TopicRole::changelog, job_.identity.changelog_id);
                        !same) {
                        return same;
                    }
                }
                break;
            case Stage::committed:
                done = planted(PlantedBug::end_before_offsets)
                           ? take_offsets(Query::Kind::log_end, TopicRole::changelog,
                                          &Restoring::changelog_end)
                           : take_committed();
                break;
            case Stage::changelog_start:
                done = take_offsets(Query::Kind::log_start, TopicRole::changelog,
                                    &Restoring::changelog_start);
                break;
            case Stage::changelog_end:
                done = planted(PlantedBug::end_before_offsets)
                           ? take_committed()
                           : take_offsets(Query::Kind::log_end, TopicRole::changelog,
                                          &Restoring::changelog_end);
                break;
            case Stage::repartition_start:
                done = take_offsets(Query::Kind::log_start, TopicRole::repartition,
                                    &Restoring::repartition_start);
                break;
            case Stage::repartition_end:
                done = take_offsets(Query::Kind::log_end, TopicRole::repartition,
                                    &Restoring::repartition_end);
                if (done && *done) {
                    done = open_readers();
                }
                break;
            case Stage::restore:
                done = restore(ready);
                break;
        }
        if (!done) {
            return std::unexpected(std::move(done.error()));
        }
        if (!*done) {
            return {};
        }
        stage_ = stage_ == Stage::restore ? Stage::gather
                                          : static_cast<Stage>(static_cast<int>(stage_) + 1);
    }
}

Result<bool> TotalsTakeover::gather() {
    for (const PartitionId partition : waiting_) {
        active_[partition].state = std::make_unique<TotalsState>(job_, partition);
    }
    waiting_.clear();
    began_ = progress_ = clock_.now();
    said_waiting_ = false;
    return !active_.empty();
}

Result<bool> TotalsTakeover::ask(Query::Kind kind, TopicRole topic, QueryAnswer& answer) {
    Query query;
    query.kind = kind;
    query.topic = topic;
    // The end of the log, not the last stable offset: see the top of the header.
    query.isolation = planted(PlantedBug::restored_to_last_stable) ? Isolation::read_committed
                                                                   : Isolation::read_uncommitted;
    for (const auto& entry : active_) {
        query.partitions.push_back(entry.first);
    }
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

Result<void> TotalsTakeover::check_topic(const QueryAnswer& answer, TopicRole topic,
                                         const TopicId& expected) {
    if (answer.topic_id != expected) {
        return fail(
            ExitCode::identity,
            fmt::format("the {} topic was replaced: its id was {}, now {}", topic_word(topic),
                        topic_id_text(expected), topic_id_text(answer.topic_id)),
            "it was deleted and made again; run `kstream reset` to begin again");
    }
    if (answer.partition_count != static_cast<std::int32_t>(job_.identity.state_partitions)) {
        return fail(
            ExitCode::identity,
            fmt::format("the {} topic has {} partitions now, the state is for {}",
                        topic_word(topic), answer.partition_count, job_.identity.state_partitions),
            "keys would move between partitions; run `kstream reset` to begin again");
    }
    return {};
}

Result<bool> TotalsTakeover::take_committed() {
    QueryAnswer answer;
    Result<bool> there = ask(Query::Kind::committed, TopicRole::repartition, answer);
    if (!there || !*there) {
        return there;
    }
    for (const OffsetAnswer& offset : answer.offsets) {
        const auto entry = active_.find(offset.partition);
        if (entry == active_.end() || !offset.offset) {
            continue;
        }
        if (auto same = check_offset_identity(job_, offset, "totals"); !same) {
            return std::unexpected(std::move(same.error()));
        }
        entry->second.committed = offset.offset;
    }
    return true;
}

Result<bool> TotalsTakeover::take_offsets(Query::Kind kind, TopicRole topic,
                                          Offset Restoring::* into) {
    QueryAnswer answer;
    Result<bool> there = ask(kind, topic, answer);
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

// What does not fit, although the logs are where they were when it did not fit before, is wrong.
Result<bool> TotalsTakeover::open_readers() {
    for (const auto& [partition, restoring] : active_) {
        const auto doubt = doubts_.find(partition);
        if (doubt != doubts_.end() && doubt->second.of.same_moment(restoring)) {
            return std::unexpected(doubt->second.error);
        }
    }
    for (const auto& [partition, restoring] : active_) {
        if (auto opened = reader_.open(TopicRole::changelog, partition, restoring.changelog_start);
            !opened) {
            return std::unexpected(std::move(opened.error()));
        }
    }
    return true;
}

Result<bool> TotalsTakeover::restore(std::vector<ReadyPartition>& ready) {
    Result<RecordBatch> batch = reader_.poll(TopicRole::changelog, Duration::zero());
    if (!batch) {
        if (batch.error().exit_code == ExitCode::integrity) {
            return doubt_all(batch.error());
        }
        if (batch.error().disposition == Disposition::stop) {
            return std::unexpected(std::move(batch.error()));
        }
        return check_patience(false);
    }
    for (std::size_t at = 0; at < batch->size();) {
        const RecordBatch group = together(batch->subspan(at));
        at += group.size();
        if (const auto entry = active_.find(group.front().partition); entry != active_.end()) {
            if (auto restored = restore_records(group, *entry->second.state); !restored) {
                return std::unexpected(std::move(restored.error()));
            }
        }
    }
    if (auto patient = check_patience(!batch->empty()); !patient) {
        return patient;
    }
    for (auto entry = active_.begin(); entry != active_.end();) {
        const PartitionId partition = entry->first;
        if (reader_.position(TopicRole::changelog, partition) < entry->second.changelog_end) {
            ++entry;
            continue;
        }
        reader_.close(TopicRole::changelog, partition);
        auto finished = finish(partition, entry->second, ready);
        if (!finished && finished.error().exit_code == ExitCode::integrity) {
            finished = doubt(partition, std::move(finished.error()));
        } else {
            doubts_.erase(partition);
        }
        if (!finished) {
            return std::unexpected(std::move(finished.error()));
        }
        entry = active_.erase(entry);
    }
    if (active_.empty()) {
        restoring_ += clock_.now() - began_;
    }
    return active_.empty();
}

Result<void> TotalsTakeover::restore_records(RecordBatch group, TotalsState& state) {
    std::array<std::string_view, KeyTable::kTogether> keys;
    std::size_t totals = 0;
    for (const RecordView& record : group) {
        if (record.key() != meta_key() && record.key_size > 0) {
            keys[totals++] = total_state_key(record.key());
        }
    }
    state.expect(std::span{keys}.first(totals));
    for (const RecordView& record : group) {
        if (record.is_tombstone()) {
            continue;
        }
        if (auto restored = state.restore(record.key(), record.value()); !restored) {
            Error error = std::move(restored.error());
            error.message = fmt::format("{} (changelog partition {} offset {})", error.message,
                                        record.partition.value, record.record_offset.value);
            return std::unexpected(std::move(error));
        }
        ++restored_records_;
    }
    return {};
}

// Begins anew for the partition, as long as a member that has lost it may take to hear of that: in
// that time its new owner can commit more often than this one restores. The caller takes it out.
Result<void> TotalsTakeover::doubt(PartitionId partition, Error error) {
    Doubt& doubt = doubts_[partition];
    const Instant now = clock_.now();
    if (!doubt.since) {
        doubt.since = now;
    }
    if (now - *doubt.since > patience_) {
        return std::unexpected(std::move(error));
    }
    log_.write(LogLevel::warn, "restored totals do not fit: restoring anew",
               {{"partition", std::int64_t{partition.value}}, {"reason", error.message}});
    doubt.error = std::move(error);
    doubt.of = std::move(active_.at(partition));
    doubt.of.state.reset();
    waiting_.push_back(partition);
    return {};
}

// The log of one of them is not what it was a moment ago.
Result<bool> TotalsTakeover::doubt_all(const Error& error) {
    while (!active_.empty()) {
        const PartitionId partition = active_.begin()->first;
        reader_.close(TopicRole::changelog, partition);
        if (Result<void> again = doubt(partition, error); !again) {
            return std::unexpected(std::move(again.error()));
        }
        active_.erase(partition);
    }
    return true;
}

// P8: what was restored has to be whole, and it has to be of the same moment as the offsets.
Result<void> TotalsTakeover::finish(PartitionId partition, Restoring& restoring,
                                    std::vector<ReadyPartition>& ready) {
    if (auto whole = restoring.state->finish_restore(); !whole) {
        return whole;
    }
    const std::optional<Meta>& meta = restoring.state->restored_meta();
    const std::optional<Offset> committed = restoring.committed;
    if (committed && !meta) {
        return fail(ExitCode::integrity,
                    fmt::format("totals partition {}: offset {} is committed, but the changelog "
                                "has no meta record",
                                partition.value, committed->value),
                    "the changelog was truncated or replaced; run `kstream reset` to begin again");
    }
    if (meta && committed && *committed != meta->repartition_position) {
        return fail(
            ExitCode::integrity,
            fmt::format("totals partition {}: the committed offset is {}, the changelog is "
                        "at {}",
                        partition.value, committed->value, meta->repartition_position.value),
            "offsets were changed by hand, or the changelog was; run `kstream reset`");
    }
    if (meta) {
        if (const auto differences = identity_differences(meta->identity, job_.identity);
            !differences.empty()) {
            const auto of_job = spec_differences(meta->spec_text, job_.spec_text);
            return fail(ExitCode::identity,
                        fmt::format("the stored totals belong to another job: {}{}{}",
                                    of_job.empty() ? "" : of_job[0], of_job.empty() ? "" : "; ",
                                    differences[0]),
                        "change it back, or choose another --application-id and another "
                        "--output-topic, or run `kstream reset`");
        }
    }
    // Without meta nothing has been applied, so nothing can have been purged either: where the log
    // begins later, another owner has gone on since the changelog was asked for.
    const Offset position = meta ? meta->repartition_position : Offset{0};
    const bool behind_end =
        position > restoring.repartition_end && !planted(PlantedBug::position_behind_end);
    if (position < restoring.repartition_start || behind_end) {
        return fail(ExitCode::integrity,
                    fmt::format("totals partition {}: position {} is not in the repartition log "
                                "any more, which holds [{}, {})",
                                partition.value, position.value, restoring.repartition_start.value,
                                restoring.repartition_end.value),
                    "records were deleted or truncated before they were read; run `kstream reset`");
    }
    const double took = std::chrono::duration<double>(clock_.now() - began_).count();
    log_.write(LogLevel::info, "totals restored",
               {{"partition", std::int64_t{partition.value}},
                {"keys", static_cast<std::int64_t>(restoring.state->keys())},
                {"position", position.value},
                {"seconds", fmt::format("{:.3f}", took)}});
    fold_.install(std::move(restoring.state));
    ready.push_back({partition, position, false});
    return {};
}

void TotalsTakeover::report(LoopStatus& status) const {
    status.restored_records = restored_records_;
    status.restore_seconds = std::chrono::duration<double>(restoring_).count();
}

// Always "not yet", or the end of the patience.
Result<bool> TotalsTakeover::check_patience(bool progress) {
    const Instant now = clock_.now();
    if (progress) {
        progress_ = now;
        return false;
    }
    const Duration stalled = now - progress_;
    if (stalled > seconds{2} && !said_waiting_) {
        said_waiting_ = true;
        log_.write(LogLevel::warn, "takeover waits, for an open transaction or for the brokers",
                   {{"partitions", static_cast<std::int64_t>(active_.size())}});
    }
    if (stalled > patience_) {
        return fail(ExitCode::try_again,
                    "takeover made no progress: an open transaction of another process holds back "
                    "the changelog or the committed offsets, or brokers are missing",
                    "it ends by itself after its transaction timeout; start again");
    }
    return false;
}

}  // namespace kstream
