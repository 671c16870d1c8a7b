#include "kstream/pipeline/end_watch.hpp"

#include "kstream/pipeline/identity_check.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace kstream {

namespace {

// Up to where the totals of that state partition are; none: it has nothing of the partition.
std::optional<Offset> applied(const std::optional<Meta>& meta, PartitionId partition) {
    if (!meta) {
        return std::nullopt;
    }
    const auto source =
        std::ranges::lower_bound(meta->sources, partition, {}, &SourceProgress::partition);
    return source == meta->sources.end() || source->partition != partition
               ? std::nullopt
               : std::optional{source->applied};
}

PartitionId number(std::size_t index) {
    return PartitionId{static_cast<std::int32_t>(index)};
}

bool has_source_ended(const SourceProgress& source) {
    return source.watermark >= kEndOfTime;
}

bool any_ended(const std::optional<Meta>& meta) {
    return meta && std::ranges::any_of(meta->sources, has_source_ended);
}

}  // namespace

EndWatch::EndWatch(const Job& job, ClusterQueries& queries, LogReader& reader, bool closes)
    : job_(job), question_(queries), metas_(job, reader), closes_(closes) {}

Result<bool> EndWatch::advance(Duration wait) {
    Result<bool> done = false;
    switch (stage_) {
        case Stage::count_partitions:
            done = count_partitions();
            break;
        case Stage::take_log_ends:
            // Before the stable ends: asked for the other way round, what is written in between
            // would look like an open transaction.
            done = take_ends(TopicRole::source, Isolation::read_uncommitted, log_ends_);
            break;
        case Stage::take_ends:
            done = take_ends(TopicRole::source, Isolation::read_committed, ends_);
            for (std::size_t p = 0; p < ends_.size(); ++p) {
                ends_[p] = std::min(ends_[p], log_ends_[p]);
            }
            break;
        case Stage::take_start:
            done = take_bound(Query::Kind::log_start, starts_);
            break;
        case Stage::take_stable:
            done = take_bound(Query::Kind::log_end, stable_);
            if (done && *done) {
                if (Result<void> opened = metas_.open(starts_, stable_); !opened) {
                    return std::unexpected(std::move(opened.error()));
                }
            }
            break;
        case Stage::watch:
            done = watch(wait);
            if (done && *done && ends_ == log_ends_ && closes_ && !ending_) {
                ending_ = true;
                return false;
            }
            if (done && *done && ends_ == log_ends_) {
                stage_ = Stage::look_at_source;
                return false;
            }
            break;
        case Stage::look_again:
            return look_again();
        case Stage::look_at_source:
            done = look_for_loss(TopicRole::source, held_of_source());
            break;
        case Stage::look_at_repartition:
            return look_for_loss(TopicRole::repartition, held_of_repartition());
    }
    if (done && *done) {
        stage_ = static_cast<Stage>(static_cast<int>(stage_) + 1);
        return false;
    }
    return done;
}

Result<bool> EndWatch::ask(Query query, QueryAnswer& answer) {
    Result<std::optional<QueryAnswer>> result = question_.ask(std::move(query));
    if (!result) {
        return std::unexpected(std::move(result.error()));
    }
    if (*result) {
        answer = std::move(**result);
    }
    return result->has_value();
}

Result<bool> EndWatch::count_partitions() {
    QueryAnswer answer;
    Result<bool> there = ask(Query::describe(TopicRole::source), answer);
    source_partitions_ = answer.partition_count;
    return there;
}

Result<bool> EndWatch::take_ends(TopicRole topic, Isolation isolation, std::vector<Offset>& ends) {
    Query query;
    query.kind = Query::Kind::log_end;
    query.topic = topic;
    query.isolation = isolation;
    const std::size_t count = topic == TopicRole::source
                                  ? static_cast<std::size_t>(source_partitions_)
                                  : metas_.newest().size();
    for (std::size_t i = 0; i < count; ++i) {
        query.partitions.push_back(number(i));
    }
    QueryAnswer answer;
    Result<bool> there = ask(std::move(query), answer);
    for (const OffsetAnswer& end : answer.offsets) {
        ends.push_back(end.of_log());
    }
    return there;
}

// All up to the ends is applied. What may be read by now is to be applied as well.
Result<bool> EndWatch::look_again() {
    std::vector<Offset> stable;
    Result<bool> there = take_ends(TopicRole::source, Isolation::read_committed, stable);
    if (!there || !*there) {
        return there;
    }
    bool moved = false;
    for (std::size_t p = 0; p < ends_.size(); ++p) {
        const Offset end = std::min(stable[p], log_ends_[p]);
        moved = moved || end > ends_[p];
        ends_[p] = std::max(ends_[p], end);
    }
    looks_ = moved ? 0 : looks_ + 1;
    if (looks_ == kMaxLooks) {
        return std::unexpected(open_transaction());
    }
    stage_ = moved ? Stage::watch : Stage::look_again;
    return false;
}

std::vector<Offset> EndWatch::held_of_source() const {
    std::vector<Offset> held;
    for (std::size_t p = 0; p < ends_.size(); ++p) {
        Offset most;
        for (const std::optional<Meta>& meta : metas_.newest()) {
            most = std::max(most, applied(meta, number(p)).value());
        }
        held.push_back(most);
    }
    return held;
}

std::vector<Offset> EndWatch::held_of_repartition() const {
    std::vector<Offset> held;
    for (const std::optional<Meta>& meta : metas_.newest()) {
        held.push_back(meta.value().repartition_position);
    }
    return held;
}

// All is applied, perhaps more than is there: a log that was cut off is no end that was reached.
// Its loop finds it out as well, but may not have come to that.
Result<bool> EndWatch::look_for_loss(TopicRole topic, const std::vector<Offset>& held) {
    std::vector<Offset> now;
    Result<bool> there = take_ends(topic, Isolation::read_uncommitted, now);
    if (!there || !*there) {
        return there;
    }
    const auto cut_off = std::ranges::mismatch(held, now, std::ranges::less_equal{}).in1;
    if (cut_off == held.end()) {
        looks_ = 0;
        return true;
    }
    // A leader may be new, and not know yet how far its log goes.
    if (++looks_ < kMaxLooks) {
        return false;
    }
    const auto partition = static_cast<std::size_t>(cut_off - held.begin());
    return fail(
        ExitCode::integrity,
        fmt::format("{} partition {}: the totals hold its records up to offset {}, but the "
                    "log ends at {}",
                    topic == TopicRole::source ? "topic " + job_.spec.source_topic : "repartition",
                    partition, cut_off->value, now[partition].value),
        "the log was truncated (an unclean leader election?); run `kstream reset` to "
        "start over");
}

Error EndWatch::open_transaction() const {
    constexpr int kMaxNamed = 5;
    std::string where;
    int named = 0;
    std::int64_t records = 0;
    for (std::size_t p = 0; p < ends_.size(); ++p) {
        if (ends_[p] == log_ends_[p]) {
            continue;
        }
        records += log_ends_[p].value - ends_[p].value;
        if (++named <= kMaxNamed) {
            where += fmt::format(
                "{} partition {} from offset {} (last stable) to {} (end of the "
                "log)",
                named == 1 ? "" : ",", p, ends_[p].value, log_ends_[p].value);
        }
    }
    if (named > kMaxNamed) {
        where += fmt::format(", and {} partitions more", named - kMaxNamed);
    }
    return Error::stop(ExitCode::open_transaction,
                       fmt::format("{} records stand after an open transaction and are not "
                                   "counted: topic {}{}",
                                   records, job_.spec.source_topic, where),
                       "everything before them is in the totals; find the producer with "
                       "kafka-transactions.sh find-hanging, and start again when its transaction "
                       "has ended");
}

Result<bool> EndWatch::take_bound(Query::Kind kind, std::vector<OffsetAnswer>& into) {
    QueryAnswer answer;
    Result<bool> there = ask(metas_.bound(kind), answer);
    into = std::move(answer.offsets);
    return there;
}

Result<bool> EndWatch::watch(Duration wait) {
    if (const Result<bool> read = metas_.poll(wait); !read) {
        if (read.error().disposition == Disposition::stop) {
            return read;
        }
        return false;
    }
    // A run that finds nothing to do may be over before its loops have come to that.
    if (!closes_ && std::ranges::any_of(metas_.newest(), any_ended)) {
        return std::unexpected(has_ended(job_));
    }
    const auto is_reached = [this](const std::optional<Meta>& meta) { return reached(meta); };
    return planted(PlantedBug::end_in_one_partition)
               ? std::ranges::any_of(metas_.newest(), is_reached)
               : std::ranges::all_of(metas_.newest(), is_reached);
}

bool EndWatch::reached(const std::optional<Meta>& meta) const {
    for (std::size_t p = 0; p < ends_.size(); ++p) {
        const std::optional<Offset> of = applied(meta, number(p));
        if (!of || *of < ends_[p]) {
            return false;
        }
    }
    return meta && meta->to_close == 0 && meta->to_sweep == 0 &&
           (!ending_ || std::ranges::all_of(meta->sources, has_source_ended));
}

}  // namespace kstream
