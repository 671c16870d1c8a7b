#include "kstream/pipeline/totals_takeover.hpp"

#include "kstream/pipeline/identity_check.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kstream {

namespace {

// The first records of `batch` that are of one partition and few enough for TotalsState::expect().
RecordBatch together(RecordBatch batch) {
    const RecordBatch few = batch.first(std::min(batch.size(), KeyTable::kTogether));
    const auto other = std::ranges::find_if(few, [&few](const RecordView& record) {
        return record.partition != few.front().partition;
    });
    return few.first(static_cast<std::size_t>(other - few.begin()));
}

}  // namespace

TotalsTakeover::TotalsTakeover(const Job& job, TotalsFold& fold, ClusterQueries& queries,
                               LogReader& reader, const Clock& clock, Log& log, Duration patience)
    : StagedTakeover(job,
                     {.input = TopicRole::repartition,
                      .group = kTotalsGroupSuffix,
                      .held_back = "the changelog or the committed offsets",
                      .stages = static_cast<int>(Stage::end)},
                     queries, reader, clock, log, patience),
      fold_(fold) {}

void TotalsTakeover::forget(PartitionId partition, bool active, int stage) {
    doubts_.erase(partition);
    states_.erase(partition);
    if (active && stage == static_cast<int>(Stage::restore)) {
        reader_.close(TopicRole::changelog, partition);
    }
}

Result<bool> TotalsTakeover::run_stage(int stage, std::vector<ReadyPartition>& ready) {
    const bool end_first = planted(PlantedBug::end_before_offsets);
    switch (static_cast<Stage>(stage)) {
        case Stage::repartition_identity:
            return check_state_topic(TopicRole::repartition, "the repartition topic",
                                     job_.identity.repartition_id);
        case Stage::changelog_identity:
            return check_state_topic(TopicRole::changelog, "the changelog topic",
                                     job_.identity.changelog_id);
        case Stage::source_count:
            return !job_.has_windows() ? true : take_source_count();
        case Stage::source_start:
            return !job_.has_windows() ? true : take_source_starts();
        case Stage::committed:
            return end_first ? take_changelog_end() : take_committed();
        case Stage::changelog_start:
            return take_offsets(Query::Kind::log_start, TopicRole::changelog,
                                &Asked::changelog_start);
        case Stage::changelog_end:
            return end_first ? take_committed() : take_changelog_end();
        case Stage::repartition_start:
            return take_offsets(Query::Kind::log_start, TopicRole::repartition,
                                &Asked::input_start);
        case Stage::repartition_end: {
            Result<bool> there =
                take_offsets(Query::Kind::log_end, TopicRole::repartition, &Asked::input_end);
            return there && *there ? open_readers() : there;
        }
        case Stage::restore:
            return restore(ready);
        case Stage::gather:
        case Stage::end:
            break;
    }
    return false;
}

Result<bool> TotalsTakeover::check_state_topic(TopicRole topic, std::string_view called,
                                               const TopicId& expected) {
    return check_topic(topic, called, expected, job_.identity.state_partitions);
}

Result<bool> TotalsTakeover::take_source_count() {
    QueryAnswer answer;
    Result<bool> there = ask(Query::describe(TopicRole::source), answer);
    if (there && *there) {
        source_partitions_ = answer.partition_count;
    }
    return there;
}

// Of the partitions whose advances are kept in one of this round. What another topic of that name
// has to do with it, the map loop says (P4): the totals of this one go nowhere from here on.
Result<bool> TotalsTakeover::take_source_starts() {
    Query query;
    query.kind = Query::Kind::log_start;
    query.topic = TopicRole::source;
    for (std::int32_t p = 0; p < source_partitions_; ++p) {
        const PartitionId partition{p};
        if (active_.contains(keeper_of_advances(partition, job_.identity.state_partitions))) {
            query.partitions.push_back(partition);
        }
    }
    source_starts_.clear();
    if (query.partitions.empty()) {
        return true;
    }
    QueryAnswer answer;
    Result<bool> there = ask(std::move(query), answer);
    if (there && *there) {
        for (const OffsetAnswer& offset : answer.offsets) {
            source_starts_[offset.partition] = offset.of_log();
        }
    }
    return there;
}

// The end of the log, not the last stable offset: see the top of the header.
Result<bool> TotalsTakeover::take_changelog_end() {
    return take_offsets(Query::Kind::log_end, TopicRole::changelog, &Asked::changelog_end,
                        planted(PlantedBug::restored_to_last_stable) ? Isolation::read_committed
                                                                     : Isolation::read_uncommitted);
}

// What does not fit, although the logs are where they were when it did not fit before, is wrong.
Result<bool> TotalsTakeover::open_readers() {
    const auto same_moment = [](const Asked& one, const Asked& other) {
        return one.committed == other.committed && one.changelog_start == other.changelog_start &&
               one.changelog_end == other.changelog_end && one.input_start == other.input_start;
    };
    for (const auto& [partition, asked] : active_) {
        const auto doubt = doubts_.find(partition);
        if (doubt != doubts_.end() && same_moment(doubt->second.of, asked)) {
            return std::unexpected(doubt->second.error);
        }
    }
    for (const auto& [partition, asked] : active_) {
        if (auto opened = reader_.open(TopicRole::changelog, partition, asked.changelog_start);
            !opened) {
            return std::unexpected(std::move(opened.error()));
        }
        states_[partition] = std::make_unique<TotalsState>(job_, partition);
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
        if (const auto state = states_.find(group.front().partition); state != states_.end()) {
            if (auto restored = restore_records(group, *state->second); !restored) {
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
        states_.erase(partition);
        if (!finished) {
            return std::unexpected(std::move(finished.error()));
        }
        entry = active_.erase(entry);
    }
    if (active_.empty()) {
        status_.restore_seconds += std::chrono::duration<double>(clock_.now() - began_).count();
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
            state.restore_tombstone(record.key());
            continue;
        }
        if (auto restored = state.restore(record.key(), record.value()); !restored) {
            Error error = std::move(restored.error());
            error.message = fmt::format("{} (changelog partition {} offset {})", error.message,
                                        record.partition.value, record.record_offset.value);
            return std::unexpected(std::move(error));
        }
        ++status_.restored_records;
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
    log_.write(LogLevel::warn, "restored totals do not fit: restoring again",
               {{"partition", std::int64_t{partition.value}}, {"reason", error.message}});
    doubt.error = std::move(error);
    doubt.of = active_.at(partition);
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
        states_.erase(partition);
        active_.erase(partition);
    }
    return true;
}

// P8: what was restored has to be whole, and it has to be of the same moment as the offsets.
Result<void> TotalsTakeover::finish(PartitionId partition, const Asked& asked,
                                    std::vector<ReadyPartition>& ready) {
    std::unique_ptr<TotalsState>& state = states_.at(partition);
    if (auto whole = state->finish_restore(source_starts_); !whole) {
        return whole;
    }
    const std::optional<Meta>& meta = state->restored_meta();
    const std::optional<Offset> committed = asked.committed;
    if (committed && !meta) {
        return fail(ExitCode::integrity,
                    fmt::format("totals partition {}: offset {} is committed, but the changelog "
                                "has no meta record",
                                partition.value, committed->value),
                    "the changelog was truncated or replaced; run `kstream reset` to start over");
    }
    if (meta && committed && *committed != meta->repartition_position) {
        return fail(
            ExitCode::integrity,
            fmt::format("totals partition {}: the committed offset is {}, the changelog is "
                        "at {}",
                        partition.value, committed->value, meta->repartition_position.value),
            "the changelog was truncated (an unclean leader election?), or offsets were changed by "
            "hand; run `kstream reset` to start over");
    }
    if (meta && asked.mark && asked.mark->step != meta->transaction) {
        return fail(
            ExitCode::integrity,
            fmt::format("totals partition {}: transaction {} is committed, the changelog is at {}",
                        partition.value, asked.mark->step, meta->transaction),
            "the changelog was truncated (an unclean leader election?), or offsets were changed by "
            "hand; run `kstream reset` to start over");
    }
    if (meta) {
        if (auto ours =
                check_identity(job_, meta->identity, "the stored totals belong to another job",
                               "change it back, or choose another --application-id and another "
                               "--output-topic, or run `kstream reset`",
                               meta->spec_text);
            !ours) {
            return ours;
        }
    }
    // Without meta nothing has been applied, so nothing can have been purged either: where the log
    // begins later, another owner has gone on since the changelog was asked for.
    const Offset position = meta ? meta->repartition_position : Offset{0};
    const bool behind_end = position > asked.input_end && !planted(PlantedBug::position_behind_end);
    if (position < asked.input_start || behind_end) {
        return fail(ExitCode::integrity,
                    fmt::format("totals partition {}: position {} is not in the repartition log "
                                "any more, which holds [{}, {})",
                                partition.value, position.value, asked.input_start.value,
                                asked.input_end.value),
                    "records were deleted, or truncated (an unclean leader election?), before they "
                    "were read; run `kstream reset` to start over");
    }
    const double took = std::chrono::duration<double>(clock_.now() - began_).count();
    log_.write(LogLevel::info, "totals restored",
               {{"partition", std::int64_t{partition.value}},
                {"keys", static_cast<std::int64_t>(state->keys())},
                {"position", position.value},
                {"seconds", fmt::format("{:.3f}", took)}});
    state->set_changelog_end(asked.changelog_end);
    fold_.install(std::move(state));
    ready.push_back(
        {.partition = partition, .position = position, .step = meta ? meta->transaction : 0});
    return {};
}

}  // namespace kstream
