#include "kstream/pipeline/topic_watch.hpp"

#include "kstream/codec/identity.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace kstream {

namespace {

// A single answer may be older than a pause of this process.
constexpr std::uint32_t kMinMissed = 3;

// Whether the number of partitions decides where keys go (P4).
bool has_fixed_partitions(TopicRole role) {
    return role == TopicRole::repartition || role == TopicRole::changelog ||
           role == TopicRole::results;
}

// What a person can do about a topic that is gone, or is another one.
std::string_view way_out(TopicRole role) {
    switch (role) {
        case TopicRole::source:
            return "its records are gone, and so is what the offsets of this job mean; run "
                   "`kstream "
                   "reset` to start over with a source that is there";
        case TopicRole::repartition:
        case TopicRole::changelog:
            return "part of the job's state is gone with it; run `kstream reset` to start over";
        case TopicRole::results:
            return "the published totals are gone with it, and the next start publishes only those "
                   "that change; `kstream aggregate --republish` brings all of them again";
        case TopicRole::dead_letters:
            return "the dead letters in it are lost; the next start re-creates it and continues";
        case TopicRole::late:
            return "the late records in it are lost; the next start re-creates it and continues";
    }
    return {};
}

// The next start makes a topic of copies again and misses nothing of it: a supervisor may see to
// that. All others are for a person to look at.
ExitCode exit_of(TopicRole role) {
    return holds_copies(role) ? ExitCode::unavailable : ExitCode::identity;
}

}  // namespace

TopicWatch::TopicWatch(Topics topics, ClusterQueries& queries, const Clock& clock, Log& log)
    : question_(queries), clock_(clock), log_(log), next_(clock.now() + kInterval) {
    for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
        topics_[i].topic = std::move(topics[i]);
    }
}

Result<void> TopicWatch::advance() {
    switch (stage_) {
        case Stage::idle:
            if (clock_.now() < next_) {
                return {};
            }
            stage_ = Stage::topics;
            return take_topics();
        case Stage::topics:
            return take_topics();
        case Stage::changelog_starts:
            take_starts(TopicRole::changelog, Stage::results_starts);
            return {};
        case Stage::results_starts:
            take_starts(TopicRole::results, Stage::idle);
            return {};
    }
    return {};
}

void TopicWatch::look_now() {
    question_.forget();
    stage_ = Stage::idle;
    next_ = clock_.now();
}

Result<void> TopicWatch::take_topics() {
    Query query;
    query.kind = Query::Kind::topics;
    for (const Watched& watched : topics_) {
        query.expected.push_back(watched.topic.id);
    }
    Result<std::optional<QueryAnswer>> answer = question_.ask(std::move(query));
    if (answer && !*answer) {
        return {};  // not yet, or to be asked again
    }
    const Instant now = clock_.now();
    next_ = now + kInterval;
    stage_ = Stage::idle;
    if (!answer) {
        has_asked_for_starts_ = true;
        // Rights that were taken away, say: whoever reads and writes finds out for himself whether
        // that ends the process.
        if (!std::exchange(said_unanswered_, true)) {
            log_.write(LogLevel::warn, "whether the topics are the same cannot be asked",
                       {{"reason", answer.error().message}});
        }
        return {};
    }
    said_unanswered_ = false;
    if (Result<void> same = judge(**answer); !same) {
        return same;
    }
    if (missing_.empty() && now >= next_starts_) {
        next_starts_ = now + kStartsInterval;
        starts_since_ = now;
        stage_ = Stage::changelog_starts;
    }
    return {};
}

// A partition without a leader must not keep the topics from being asked for.
void TopicWatch::take_starts(TopicRole role, Stage next) {
    Query query;
    query.kind = Query::Kind::log_start;
    query.topic = role;
    query.isolation = Isolation::read_uncommitted;
    const std::int32_t partitions = topics_[static_cast<std::size_t>(role)].topic.partitions;
    for (std::int32_t partition = 0; partition < partitions; ++partition) {
        query.partitions.push_back(PartitionId{partition});
    }
    const Result<std::optional<QueryAnswer>> answer = question_.ask(std::move(query));
    if (answer && !*answer) {
        if (clock_.now() - starts_since_ > kInterval) {
            question_.forget();
            stage_ = Stage::idle;
            has_asked_for_starts_ = true;
        }
        return;
    }
    stage_ = answer ? next : Stage::idle;
    has_asked_for_starts_ = has_asked_for_starts_ || stage_ == Stage::idle;
    if (answer) {
        for (const OffsetAnswer& start : (*answer)->offsets) {
            judge_start(role, start);
        }
    }
}

// Compaction does not move the start of a log: only deletion does.
void TopicWatch::judge_start(TopicRole role, const OffsetAnswer& answer) {
    Watched& watched = topics_[static_cast<std::size_t>(role)];
    const auto partition = static_cast<std::size_t>(answer.partition.value);
    if (partition >= watched.starts.size()) {
        watched.starts.resize(partition + 1, Offset{-1});
    }
    Offset& known = watched.starts[partition];
    const Offset start = answer.of_log();
    if (known.value < 0) {
        known = start;
    }
    if (start <= known || std::exchange(watched.said_emptied, true)) {
        return;
    }
    const bool state = role == TopicRole::changelog;
    log_.write(state ? LogLevel::error : LogLevel::warn,
               "records were deleted from a topic that keeps the newest of each key",
               {{"topic", watched.topic.name},
                {"partition", std::int64_t{answer.partition.value}},
                {"from", known.value},
                {"to", start.value},
                {"hint", state ? "the totals in memory are whole and go on; the next owner cannot "
                                 "restore them: plan a `kstream reset`, and remove what deletes"
                               : "totals that do not change are not published again before a start "
                                 "with --republish"}});
    if (state) {
        emptied_ = fmt::format(
            "records [{}, {}) of topic {} partition {} were deleted: totals cannot be restored",
            known.value, start.value, watched.topic.name, answer.partition.value);
    }
}

Result<void> TopicWatch::judge(const QueryAnswer& answer) {
    missing_.clear();
    for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
        Watched& watched = topics_[i];
        if (watched.topic.name.empty()) {
            continue;  // the job has none of this role
        }
        const auto role = static_cast<TopicRole>(i);
        const TopicAnswer& is = answer.topics.at(i);
        if (!is.exists) {
            if (Result<void> missing = judge_missing(watched, role); !missing) {
                return missing;
            }
            continue;
        }
        watched.missing_since.reset();
        watched.missed = 0;
        if (is.id != watched.topic.id) {
            return fail(exit_of(role),
                        fmt::format("topic {} was replaced while this job was running: its id was "
                                    "{}, now {}",
                                    watched.topic.name, topic_id_text(watched.topic.id),
                                    topic_id_text(is.id)),
                        std::string{way_out(role)});
        }
        if (Result<void> same = judge_partitions(watched, role, is.partitions); !same) {
            return same;
        }
    }
    return {};
}

Result<void> TopicWatch::judge_missing(Watched& watched, TopicRole role) {
    const Instant now = clock_.now();
    if (!watched.missing_since) {
        watched.missing_since = now;
        log_.write(LogLevel::warn, "a topic of the job does not exist",
                   {{"topic", watched.topic.name}});
    }
    ++watched.missed;
    if (missing_.empty()) {
        missing_ = fmt::format("topic {} does not exist", watched.topic.name);
    }
    if (now - *watched.missing_since < kGone || watched.missed < kMinMissed) {
        return {};
    }
    return fail(exit_of(role),
                fmt::format("topic {} was deleted while this job was running", watched.topic.name),
                std::string{way_out(role)});
}

Result<void> TopicWatch::judge_partitions(Watched& watched, TopicRole role,
                                          std::int32_t partitions) {
    if (partitions == watched.topic.partitions) {
        return {};
    }
    if (has_fixed_partitions(role)) {
        return fail(ExitCode::identity,
                    fmt::format("topic {} has {} partitions now, the job is for {}",
                                watched.topic.name, partitions, watched.topic.partitions),
                    "keys would move between partitions; run `kstream reset` to start over");
    }
    log_.write(LogLevel::info, "a topic of the job has another number of partitions",
               {{"topic", watched.topic.name},
                {"partitions", std::int64_t{partitions}},
                {"before", std::int64_t{watched.topic.partitions}}});
    watched.topic.partitions = partitions;
    return {};
}

}  // namespace kstream
