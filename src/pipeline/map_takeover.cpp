#include "kstream/pipeline/map_takeover.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/pipeline/identity_check.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace kstream {

namespace {

// Any state partition will do: every map step writes its ranges to all of them.
constexpr PartitionId kWitness{0};

// Each time the logs have moved. No pause and no rebalance makes it so many.
constexpr std::uint32_t kMaxDoubts = 5;

// P4: to go on where another job's chain ends would add up two jobs.
constexpr std::string_view kOfAnother = "the map steps in the log belong to another job";

}  // namespace

MapTakeover::MapTakeover(const Job& job, StartPolicy from, ClusterQueries& queries,
                         LogReader& reader, const Clock& clock, Log& log, Duration patience,
                         UniqueIds* ids)
    : StagedTakeover(job,
                     {.input = TopicRole::source,
                      .group = kMapGroupSuffix,
                      .held_back = "the committed offsets",
                      .stages = static_cast<int>(Stage::end)},
                     queries, reader, clock, log, patience),
      from_(from) {
    KSTREAM_CHECK((ids != nullptr) == job.has_unique(), "who looks for duplicates remembers ids");
    if (ids != nullptr) {
        horizons_.emplace(job, reader, *ids);
    }
}

void MapTakeover::forget(PartitionId partition, bool, int) {
    doubts_.erase(partition);
    to_join_.erase(partition);
    to_read_.erase(partition);
    if (horizons_) {
        horizons_->stop(partition);
    }
}

void MapTakeover::forget_round() {
    if (changelog_.open) {
        reader_.close(TopicRole::changelog, kWitness);
    }
    if (repartition_.open) {
        reader_.close(TopicRole::repartition, kWitness);
    }
    changelog_ = Range{};
    repartition_ = Range{};
    chain_end_.clear();
    to_join_.clear();
    if (metas_) {
        metas_->close();
        metas_.reset();
    }
}

Result<bool> MapTakeover::run_stage(int stage, std::vector<ReadyPartition>& ready) {
    switch (static_cast<Stage>(stage)) {
        case Stage::source_identity:
        case Stage::same_source:
        case Stage::same_source_still:
            return check_source();
        case Stage::committed:
            return take_committed();
        case Stage::log_start:
            return take_offsets(Query::Kind::log_start, TopicRole::source, &Asked::input_start);
        case Stage::log_end:
            return take_offsets(Query::Kind::log_end, TopicRole::source, &Asked::input_end);
        case Stage::settle_known:
            return settle_known(ready);
        case Stage::read_back:
        case Stage::read_back_chained:
            return read_back(ready);
        case Stage::changelog_start:
            return take_range(Query::Kind::log_start, TopicRole::changelog, changelog_.from);
        case Stage::changelog_end:
            return take_range(Query::Kind::log_end, TopicRole::changelog, changelog_.end);
        case Stage::read_meta:
            return read_range(TopicRole::changelog, changelog_);
        case Stage::repartition_start:
            return take_repartition_start();
        case Stage::repartition_end:
            return take_range(Query::Kind::log_end, TopicRole::repartition, repartition_.end);
        case Stage::read_chain:
            return read_range(TopicRole::repartition, repartition_);
        case Stage::settle_chained:
            return settle_chained(ready);
        case Stage::resolve_from:
            return resolve_from(ready);
        case Stage::join_start:
            return take_bound(Query::Kind::log_start, changelog_starts_);
        case Stage::join_end:
            return begin_to_join();
        case Stage::join:
            return join(ready);
        case Stage::gather:
        case Stage::end:
            break;
    }
    return false;
}

Result<bool> MapTakeover::check_source() {
    return check_topic(TopicRole::source, fmt::format("topic {}", job_.spec.source_topic),
                       job_.identity.source_id, std::nullopt);
}

Result<void> MapTakeover::check_in_log(PartitionId partition, Offset position,
                                       const Asked& asked) const {
    if (position < asked.input_start) {
        return fail(ExitCode::integrity,
                    fmt::format("topic {} partition {}: records [{}, {}) were deleted before they "
                                "were read",
                                job_.spec.source_topic, partition.value, position.value,
                                asked.input_start.value),
                    "retention is shorter than the time this job was down; run `kstream reset` to "
                    "start over at what is left");
    }
    if (position > asked.input_end && !planted(PlantedBug::position_behind_end)) {
        return fail(ExitCode::integrity,
                    fmt::format("topic {} partition {}: offset {} was read, but the log ends at {}",
                                job_.spec.source_topic, partition.value, position.value,
                                asked.input_end.value),
                    "the log was truncated (an unclean leader election?); run `kstream reset` to "
                    "start over");
    }
    return {};
}

// What was read and counted long ago, and is wanted once more.
Result<void> MapTakeover::check_horizon(PartitionId partition, const Horizon& horizon,
                                        Offset position, const Asked& asked) const {
    if (horizon.offset >= position || horizon.offset >= asked.input_start) {
        return {};
    }
    return fail(ExitCode::integrity,
                fmt::format("topic {} partition {}: records [{}, {}) were deleted, and their ids "
                            "are needed to find duplicates from offset {} on",
                            job_.spec.source_topic, partition.value, horizon.offset.value,
                            asked.input_start.value, position.value),
                "the topic has to keep records for longer than unique_by looks back (within): "
                "raise its retention, then run `kstream reset` to start over at what is left");
}

// Whether the position can be started at. False: it is looked for anew; the caller takes the
// partition out.
Result<bool> MapTakeover::believe(const ReadyPartition& found, const Asked& asked) {
    const PartitionId partition = found.partition;
    Offset position = found.position;
    Result<void> there = check_in_log(partition, position, asked);
    if (const std::optional<Horizon>& horizon = found.mark.horizon; there && horizon) {
        there = check_horizon(partition, *horizon, position, asked);
        position = there ? position : horizon->offset;
    }
    if (there) {
        return true;
    }
    const Offset bound = position < asked.input_start ? asked.input_start : asked.input_end;
    if (Result<void> again = doubt(partition, position, bound, there.error()); !again) {
        return std::unexpected(std::move(again.error()));
    }
    return false;
}

Result<void> MapTakeover::doubt(PartitionId partition, Offset position, Offset bound,
                                const Error& error) {
    Doubt& doubt = doubts_[partition];
    const bool same = doubt.times > 0 && doubt.position == position && doubt.bound == bound;
    if (same || ++doubt.times > kMaxDoubts) {
        return std::unexpected(error);
    }
    log_.write(LogLevel::warn, "the position does not fit the log: looking for it again",
               {{"partition", std::int64_t{partition.value}}, {"reason", error.message}});
    doubt.position = position;
    doubt.bound = bound;
    waiting_.push_back(partition);
    return {};
}

// A log that is read was purged in the meantime. As often as the logs have moved since the last
// time: totals that commit and purge without a pause may well do so, and their chain is found in
// the end.
Result<bool> MapTakeover::read_chain_anew(Offset bound, const Error& error) {
    const std::pair now{changelog_.end, bound};
    if (chain_doubt_ == now) {
        return std::unexpected(error);
    }
    chain_doubt_ = now;
    log_.write(LogLevel::warn, "the chain was purged while it was read: looking for it again",
               {{"reason", error.message}});
    begin(active_partitions());
    active_.clear();
    return true;
}

Result<bool> MapTakeover::settle_known(std::vector<ReadyPartition>& ready) {
    for (auto entry = active_.begin(); entry != active_.end();) {
        const auto& [partition, asked] = *entry;
        if (!asked.committed) {
            ++entry;
            continue;
        }
        const OffsetMark mark = asked.mark.value_or(OffsetMark{});
        const ReadyPartition found{.partition = partition,
                                   .position = *asked.committed,
                                   .step = mark.step,
                                   .mark = mark.source.value_or(SourceMark{})};
        const Result<bool> there = believe(found, asked);
        if (!there) {
            return there;
        }
        if (*there) {
            if (Result<void> settled = settle(found, ready); !settled) {
                return std::unexpected(std::move(settled.error()));
            }
        }
        entry = is_held_back(partition) ? std::next(entry) : active_.erase(entry);
    }
    return true;
}

// One after the other: each can be read from as soon as its own ids are there.
Result<bool> MapTakeover::read_back(std::vector<ReadyPartition>& ready) {
    while (!to_read_.empty()) {
        const ReadyPartition next = to_read_.begin()->second;
        const std::uint64_t before = horizons_->records();
        const Result<bool> done = horizons_->advance(next);
        status_.restored_records += horizons_->records() - before;
        if (!done && done.error().exit_code == ExitCode::integrity) {
            // Deleted since the log's start was asked for.
            const Result<void> again = doubt(next.partition, next.mark.horizon->offset,
                                             active_.at(next.partition).input_start, done.error());
            if (!again) {
                return std::unexpected(again.error());
            }
            horizons_->stop(next.partition);
        } else if (!done && done.error().disposition == Disposition::stop) {
            return done;
        } else if (!done || !*done) {
            return check_patience(done && horizons_->moved());
        } else {
            log_.write(LogLevel::info, "ids read back",
                       {{"partition", std::int64_t{next.partition.value}},
                        {"from", next.mark.horizon->offset.value},
                        {"position", next.position.value}});
            let_in(next, ready);
        }
        to_read_.erase(next.partition);
        if (!is_held_back(next.partition)) {
            active_.erase(next.partition);
        }
        if (to_read_.empty()) {
            status_.restore_seconds += std::chrono::duration<double>(clock_.now() - began_).count();
        }
    }
    return true;
}

// Where the partition begins is known; its ids may have to be read back.
Result<void> MapTakeover::settle(const ReadyPartition& found, std::vector<ReadyPartition>& ready) {
    if (found.mark.watermark >= kEndOfTime && !from_.closes) {
        return std::unexpected(has_ended(job_));
    }
    if (horizons_) {
        to_read_.emplace(found.partition, found);
    } else {
        let_in(found, ready);
    }
    return {};
}

// Nothing more has to be found out about the partition; it may have to join before it is read.
void MapTakeover::let_in(const ReadyPartition& found, std::vector<ReadyPartition>& ready) {
    doubts_.erase(found.partition);
    if (has_to_join(found.partition, found.mark)) {
        to_join_.emplace(found.partition, found);
    } else {
        ready.push_back(found);
    }
}

bool MapTakeover::is_held_back(PartitionId partition) const {
    return to_read_.contains(partition) || to_join_.contains(partition);
}

bool MapTakeover::has_to_join(PartitionId partition, const SourceMark& mark) const {
    return job_.has_windows() && mark.watermark == kNoTime &&
           partition.value >= static_cast<std::int32_t>(job_.identity.initial_source_partitions) &&
           !planted(PlantedBug::new_partition_pulls_back);
}

// ---- partitions without a committed offset -----------------------------------------------------

// The order is that of P8, for the same reason: the committed offsets came first, so every step
// that was committed by then lies below the ends that are asked for now.
Result<bool> MapTakeover::take_range(Query::Kind kind, TopicRole topic, Offset& into) {
    Query query;
    query.kind = kind;
    query.topic = topic;
    query.isolation = Isolation::read_uncommitted;
    query.partitions = {kWitness};
    QueryAnswer answer;
    Result<bool> there = ask(std::move(query), answer);
    if (there && *there) {
        into = answer.offsets[0].of_log();
    }
    return there;
}

// The chain is read from where meta says that the totals are. Steps between that and the start of
// the log have been applied and purged since meta was read: a newer meta knows of them.
Result<bool> MapTakeover::take_repartition_start() {
    Offset start;
    Result<bool> there = take_range(Query::Kind::log_start, TopicRole::repartition, start);
    if (!there || !*there || start <= repartition_.from) {
        return there;
    }
    const Error error = Error::stop(
        ExitCode::integrity,
        fmt::format("map steps at [{}, {}) of repartition partition {} were deleted before the "
                    "totals had applied them",
                    repartition_.from.value, start.value, kWitness.value),
        "run `kstream reset` to start over");
    return read_chain_anew(start, error);
}

Result<bool> MapTakeover::read_range(TopicRole topic, Range& range) {
    if (!range.open) {
        if (range.from >= range.end) {
            return true;
        }
        if (auto opened = reader_.open(topic, kWitness, range.from); !opened) {
            return std::unexpected(std::move(opened.error()));
        }
        range.open = true;
    }
    Result<RecordBatch> batch = reader_.poll(topic, Duration::zero());
    if (!batch) {
        if (batch.error().exit_code == ExitCode::integrity) {
            return read_chain_anew(range.from, batch.error());
        }
        if (batch.error().disposition == Disposition::stop) {
            return std::unexpected(std::move(batch.error()));
        }
        return check_patience(false);
    }
    for (const RecordView& record : *batch) {
        if (auto noted = note_record(topic, record); !noted) {
            return std::unexpected(std::move(noted.error()));
        }
    }
    if (reader_.position(topic, kWitness) < range.end) {
        return check_patience(!batch->empty());
    }
    reader_.close(topic, kWitness);
    range.open = false;
    return true;
}

// The newest step, which need not be the last one in the log: one that came twice stands after the
// ones that followed it.
void MapTakeover::note_chain_end(PartitionId partition, ChainEnd end) {
    const auto [known, is_new] = chain_end_.emplace(partition, end);
    if (!is_new) {
        known->second = std::max(known->second, end);
    }
}

Result<void> MapTakeover::note_record(TopicRole topic, const RecordView& record) {
    if (topic == TopicRole::changelog) {
        if (record.key() != meta_key()) {
            return {};
        }
        Result<Meta> meta = decode_meta_value(record.value(), job_.form());
        if (!meta) {
            return std::unexpected(std::move(meta.error()));
        }
        if (Result<void> ours = check_identity(job_, meta->identity, kOfAnother, kChooseAnother);
            !ours) {
            return ours;
        }
        for (const SourceProgress& source : meta->sources) {
            note_chain_end(source.partition, {source.applied, source.watermark, source.horizon});
        }
        repartition_.from = meta->repartition_position;
        return {};
    }
    if (auto decoded = decode_delta_batch(record.value(), job_.form(), batch_); !decoded) {
        return decoded;
    }
    if (Result<void> ours =
            check_identity(job_, batch_.header.identity, kOfAnother, kChooseAnother);
        !ours) {
        return ours;
    }
    for (const SourceRange& range : batch_.header.ranges) {
        note_chain_end(range.partition, {range.to, range.watermark, range.horizon});
    }
    return {};
}

Result<bool> MapTakeover::settle_chained(std::vector<ReadyPartition>& ready) {
    for (auto entry = active_.begin(); entry != active_.end();) {
        const auto& [partition, asked] = *entry;
        const auto chained = chain_end_.find(partition);
        if (to_join_.contains(partition)) {
            ++entry;
            continue;
        }
        if (chained == chain_end_.end() || planted(PlantedBug::chain_end_ignored)) {
            ++entry;
            continue;
        }
        const ChainEnd end = chained->second;
        const SourceMark mark{.watermark = end.watermark,
                              .horizon = horizons_ ? std::optional{end.horizon} : std::nullopt};
        const ReadyPartition found{.partition = partition,
                                   .position = end.position,
                                   .mark = mark,
                                   .say = job_.has_windows() ? std::optional{mark} : std::nullopt};
        const Result<bool> there = believe(found, asked);
        if (!there) {
            return there;
        }
        if (*there) {
            log_.write(
                LogLevel::warn,
                "no committed offset, but the totals know the partition: resuming where its "
                "chain ends",
                {{"partition", std::int64_t{partition.value}}, {"position", end.position.value}});
            if (Result<void> settled = settle(found, ready); !settled) {
                return std::unexpected(std::move(settled.error()));
            }
        }
        entry = is_held_back(partition) ? std::next(entry) : active_.erase(entry);
    }
    return true;
}

Result<bool> MapTakeover::resolve_from(std::vector<ReadyPartition>& ready) {
    QueryAnswer answer;
    if (from_.kind != StartPolicy::Kind::earliest) {
        Query query;
        query.kind =
            from_.kind == StartPolicy::Kind::latest ? Query::Kind::log_end : Query::Kind::for_time;
        query.topic = TopicRole::source;
        query.isolation = Isolation::read_committed;
        query.timestamp_ms = from_.timestamp_ms;
        for (const auto& entry : active_) {
            if (!to_join_.contains(entry.first)) {
                query.partitions.push_back(entry.first);
            }
        }
        if (!query.partitions.empty()) {
            Result<bool> there = ask(std::move(query), answer);
            if (!there || !*there) {
                return there;
            }
        }
    }
    for (const auto& [partition, asked] : active_) {
        if (to_join_.contains(partition)) {
            continue;
        }
        Offset base = asked.input_start;
        const bool added_later =
            partition.value >= static_cast<std::int32_t>(job_.identity.initial_source_partitions);
        if (added_later && planted(PlantedBug::added_partition_from_end)) {
            base = asked.input_end;
        }
        for (const OffsetAnswer& offset : answer.offsets) {
            if (offset.partition == partition && !added_later) {
                base = offset.offset.value_or(asked.input_end);
            }
        }
        log_.write(LogLevel::info, "partition opened",
                   {{"partition", std::int64_t{partition.value}}, {"base", base.value}});
        ready.push_back({.partition = partition,
                         .position = base,
                         .open = true,
                         .joins = has_to_join(partition, SourceMark{})});
    }
    std::erase_if(active_, [this](const auto& entry) { return !to_join_.contains(entry.first); });
    return true;
}

// ---- partitions that join ----------------------------------------------------------------------

Result<bool> MapTakeover::take_bound(Query::Kind kind, std::vector<OffsetAnswer>& into) {
    if (!metas_) {
        metas_.emplace(job_, reader_);
    }
    QueryAnswer answer;
    Result<bool> there = ask(metas_->bound(kind), answer);
    into = std::move(answer.offsets);
    return there;
}

Result<bool> MapTakeover::begin_to_join() {
    Result<bool> there = take_bound(Query::Kind::log_end, changelog_ends_);
    if (!there || !*there) {
        return there;
    }
    if (Result<void> opened = metas_->open(changelog_starts_, changelog_ends_); !opened) {
        return std::unexpected(std::move(opened.error()));
    }
    return true;
}

// Waits until all state partitions have applied the open steps. From then on no clock goes on
// before these partitions do.
Result<bool> MapTakeover::join(std::vector<ReadyPartition>& ready) {
    const Result<bool> read = metas_->poll(Duration::zero());
    if (!read && read.error().disposition == Disposition::stop) {
        return read;
    }
    const std::optional<std::int64_t> clock = largest_clock();
    if (!clock) {
        return check_patience(read.value_or(false));
    }
    for (auto& [partition, joins] : to_join_) {
        // As long as no window has closed there is nothing that it could be late for.
        if (*clock != kNoTime) {
            joins.join_at = *clock;
            joins.say = SourceMark{.watermark = *clock};
        }
        log_.write(LogLevel::info, "partition joins",
                   {{"partition", std::int64_t{partition.value}}, {"watermark", *clock}});
        ready.push_back(joins);
        active_.erase(partition);
    }
    to_join_.clear();
    return true;
}

// None while one of the state partitions does not know of all that join.
std::optional<std::int64_t> MapTakeover::largest_clock() const {
    std::int64_t largest = kNoTime;
    for (const std::optional<Meta>& meta : metas_->newest()) {
        const bool knows_all = meta && std::ranges::all_of(to_join_, [&meta](const auto& joins) {
                                   return std::ranges::binary_search(meta->sources, joins.first, {},
                                                                     &SourceProgress::partition);
                               });
        if (knows_all) {
            largest = std::max(largest, meta->clock);
        } else if (!planted(PlantedBug::joined_too_early)) {
            return std::nullopt;
        }
    }
    return largest;
}

}  // namespace kstream
