// Rules over what is kept of an application. See stored_job.hpp.

#include "topics/stored_job.hpp"

#include "kstream/codec/spec_difference.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "text/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace kstream::topics {
namespace {

constexpr std::size_t kMaxNear = 3;

std::string application_of(const Names& names) {
    constexpr std::string_view kEnding = "-map";
    return names.map_group.substr(0, names.map_group.size() - kEnding.size());
}

// What is left when the state of an application is of no use any more.
std::string begin_again(std::string_view application_id) {
    return fmt::format(
        "the published totals stay as they are; to count the source again: 'kstream reset "
        "--application-id {}', or another --application-id with another --output-topic beside "
        "them",
        application_id);
}

// Whether the job that is to be started has read the topic before.
bool has_read(const MissingTopic& source, const MissingContext& context) {
    if (!context.stored.exists()) {
        return false;
    }
    if (context.job == nullptr) {
        return true;  // create-topics cannot tell, and must not make what may have been there
    }
    if (const auto stored = context.stored.source()) {
        return *stored == source.name;
    }
    const auto identity = context.stored.identity();
    return identity && identity->spec_hash == spec_hash(*context.job);
}

Finding missing_source(const MissingTopic& topic, const MissingContext& context) {
    if (has_read(topic, context)) {
        const std::string_view doubt = context.job == nullptr
                                           ? ": it was deleted, or --topic is not what the job has"
                                           : " and has read it: it was deleted";
        return Finding::error(
            ExitCode::identity,
            fmt::format("source topic {} does not exist, but application {} has run before{}",
                        topic.name, context.application_id, doubt),
            "one of the same name would be another topic; " + begin_again(context.application_id));
    }
    std::string text = fmt::format("source topic {} does not exist{}", topic.name,
                                   did_you_mean_topics(topic.name, context.near));
    if (const auto stored = context.stored.source()) {
        text += fmt::format("; application {} reads {}", context.application_id, *stored);
    }
    return Finding::error(ExitCode::unavailable, std::move(text),
                          "check --topic; 'kstream create-topics' creates it, and so does whoever "
                          "writes to it first");
}

Finding missing_results(const MissingTopic& topic, const MissingContext& context) {
    const auto identity = context.stored.identity();
    const std::string again = identity
                                  ? fmt::format("'kstream create-topics --results-partitions {}'",
                                                identity->results_partitions)
                                  : std::string("'kstream create-topics'");
    const std::string lost =
        "keys that do not change any more get no row in it; 'kstream aggregate --republish' brings "
        "all";
    if (context.job == nullptr) {
        return Finding::warn(
            fmt::format("results topic {} did not exist, but application {} has published before: "
                        "its old rows are not in it",
                        topic.name, context.application_id),
            lost);
    }
    return Finding::error(
        ExitCode::identity,
        fmt::format("results topic {} does not exist, but application {} has published before: it "
                    "was deleted, or --output-topic was changed",
                    topic.name, context.application_id),
        fmt::format("change --output-topic back; if it is meant so, {} makes it: {}", again, lost));
}

// How the topics of the stored job differ from those that are there now.
void compare_topics(const Identity& stored, const Identity& now, const Names& names,
                    std::vector<std::string>& found) {
    const auto replaced = [&found](const std::string& name, const TopicId& was, const TopicId& is) {
        if (was != is) {
            found.push_back(fmt::format("topic {} was deleted and re-created: its id was {}, is {}",
                                        name, topic_id_text(was), topic_id_text(is)));
        }
    };
    replaced(names.source, stored.source_id, now.source_id);
    replaced(names.repartition, stored.repartition_id, now.repartition_id);
    replaced(names.changelog, stored.changelog_id, now.changelog_id);
    if (stored.state_partitions != now.state_partitions) {
        found.push_back(fmt::format("topic {} has {} partitions, the state is for {}",
                                    names.repartition, now.state_partitions,
                                    stored.state_partitions));
    }
    if (stored.results_partitions != now.results_partitions) {
        found.push_back(fmt::format("results topic {} has {} partitions, published was to {}",
                                    names.results, now.results_partitions,
                                    stored.results_partitions));
    }
}

// `stored_text`: the canonical text of the stored job; empty when it was not found.
Result<void> compare_identities(const Identity& stored, std::string_view stored_text,
                                const Names& names, const AggregationSpec& job,
                                const Identity& now) {
    std::vector<std::string> job_differs;
    if (stored.spec_hash != now.spec_hash) {
        job_differs = stored_text.empty()
                          ? std::vector{fmt::format("its specification was {:016x}, is {:016x}",
                                                    stored.spec_hash, now.spec_hash)}
                          : spec_differences(stored_text, canonical_text(job));
    }
    Identity topics_before = stored;
    if (!job_differs.empty()) {
        topics_before.source_id = now.source_id;  // another job may well read another topic
    }
    std::vector<std::string> topics_differ;
    compare_topics(topics_before, now, names, topics_differ);
    if (job_differs.empty() && topics_differ.empty()) {
        return {};
    }
    const std::string application_id = application_of(names);
    std::string text;
    std::string hint;
    if (!job_differs.empty()) {
        text = fmt::format("application {} is another job: {}", application_id,
                           fmt::join(job_differs, "; "));
        hint = fmt::format(
            "change it back; a new job needs another --application-id and another "
            "--output-topic than {}, for every command; or 'kstream reset "
            "--application-id {}' forgets the old one",
            names.results, application_id);
    }
    if (!topics_differ.empty()) {
        text += fmt::format("{}{}", text.empty() ? "" : "; ", fmt::join(topics_differ, "; "));
        if (hint.empty()) {
            hint = begin_again(application_id);
        }
    }
    return fail(ExitCode::identity, std::move(text), std::move(hint));
}

Result<Identity> identity_of_offset(const kafka::CommittedOffset& committed,
                                    const GroupFacts& group) {
    Result<Identity> stored = parse_identity_text(committed.metadata);
    if (!stored) {
        Error error = std::move(stored.error());
        error.message =
            fmt::format("group {}, {}: {}", group.name, to_text(committed.of), error.message);
        if (!is_identity_text(committed.metadata)) {
            error.hint = fmt::format(
                "if they were set by hand: stop all workers, 'kafka-consumer-groups --delete "
                "--group {}', start again: the positions are found in the logs, nothing is lost; "
                "if another program uses it: another --application-id and --output-topic",
                group.name);
        }
        return std::unexpected(std::move(error));
    }
    return stored;
}

}  // namespace

bool GroupFacts::has_offsets() const {
    return std::ranges::any_of(
        committed, [](const kafka::CommittedOffset& one) { return one.offset.has_value(); });
}

bool StoredJob::exists() const {
    return has_records || map_group.has_offsets() || totals_group.has_offsets();
}

std::optional<Identity> StoredJob::identity() const {
    for (const GroupFacts* group : {&map_group, &totals_group}) {
        for (const kafka::CommittedOffset& committed : group->committed) {
            if (!committed.offset) {
                continue;
            }
            if (const Result<Identity> stored = parse_identity_text(committed.metadata)) {
                return *stored;
            }
        }
    }
    return meta ? std::optional(meta->identity) : std::nullopt;
}

std::optional<std::string> StoredJob::source() const {
    if (meta) {
        if (const auto job = parse_canonical_text(meta->spec_text)) {
            return job->source_topic;
        }
    }
    for (const kafka::CommittedOffset& committed : map_group.committed) {
        if (committed.offset) {
            return committed.of.topic;
        }
    }
    return std::nullopt;
}

std::string did_you_mean_topics(std::string_view name, const std::vector<std::string>& existing) {
    const std::vector<std::string_view> near = text::nearest_names(name, existing, kMaxNear);
    if (near.empty()) {
        return {};
    }
    std::string text = ", did you mean ";
    for (std::size_t i = 0; i < near.size(); ++i) {
        text += i == 0 ? "" : i + 1 == near.size() ? " or " : ", ";
        text += near[i];
    }
    return text + "?";
}

Finding missing_topic_finding(const MissingTopic& topic, const MissingContext& context) {
    if (topic.role == TopicRole::source && (context.job != nullptr || context.stored.exists())) {
        return missing_source(topic, context);
    }
    if (!context.stored.exists()) {
        return Finding::ok(fmt::format("{} topic {} does not exist and would be created",
                                       role_name(topic.role), topic.name));
    }
    switch (topic.role) {
        case TopicRole::repartition:
            return Finding::error(
                ExitCode::identity,
                fmt::format("repartition topic {} does not exist, but application {} has run "
                            "before: it was deleted, and what it held beyond the totals with it",
                            topic.name, context.application_id),
                begin_again(context.application_id));
        case TopicRole::changelog:
            return Finding::error(
                ExitCode::identity,
                fmt::format("changelog topic {} does not exist, but application {} has run before: "
                            "it was deleted, and the totals to go on from with it",
                            topic.name, context.application_id),
                begin_again(context.application_id));
        case TopicRole::results:
            return missing_results(topic, context);
        case TopicRole::source:
        case TopicRole::dead_letters:
        case TopicRole::late:
            break;
    }
    const bool late = topic.role == TopicRole::late;
    return Finding::warn(fmt::format(
        "{} topic {} no longer exists: it is re-created, the {} in it are lost",
        late ? "late" : "dead-letter", topic.name, late ? "late records" : "dead letters"));
}

Result<void> check_stored_identity(const StoredJob& stored, const Names& names,
                                   const AggregationSpec& job, Identity& identity) {
    const std::string_view text = stored.meta ? std::string_view(stored.meta->spec_text) : "";
    for (const GroupFacts* group : {&stored.map_group, &stored.totals_group}) {
        for (const kafka::CommittedOffset& committed : group->committed) {
            if (!committed.offset) {
                continue;
            }
            const Result<Identity> found = identity_of_offset(committed, *group);
            if (!found) {
                return std::unexpected(found.error());
            }
            if (auto same = compare_identities(*found, text, names, job, identity); !same) {
                return same;
            }
            identity.initial_source_partitions = found->initial_source_partitions;
        }
    }
    if (!stored.meta) {
        return {};
    }
    if (auto same = compare_identities(stored.meta->identity, text, names, job, identity); !same) {
        return same;
    }
    // Meta of a moment when no offsets were lost yet: also where those are all that is left.
    identity.initial_source_partitions = stored.meta->identity.initial_source_partitions;
    return {};
}

}  // namespace kstream::topics
