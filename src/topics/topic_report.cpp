// What create-topics says.

#include "topics/topic_report.hpp"

#include "text/json_writer.hpp"
#include "topics/start_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kstream::topics {
namespace {

void write_topic(text::JsonWriter& json, const TopicOutcome& topic) {
    json.begin_object().field("topic", topic.planned.name);
    json.field("role", role_name(topic.planned.role)).field("state", state_name(topic.state));
    json.field("partitions", topic.planned.partitions);
    json.field("replication_factor", topic.planned.replication_factor);
    json.key("configs").begin_object();
    for (const auto& [key, value] : topic.planned.configs) {
        json.field(key, value);
    }
    json.end_object();
    json.array("differences", topic.differences, [&json](const Difference& difference) {
        json.begin_object().field("what", difference.what);
        json.field("expected", difference.expected).field("found", difference.found).end_object();
    });
    if (topic.error) {
        json.field("error", topic.error->message);
    }
    json.end_object();
}

std::string topic_lines(const std::vector<TopicOutcome>& topics) {
    std::size_t width = std::string_view("topic").size();
    for (const TopicOutcome& topic : topics) {
        width = std::max(width, topic.planned.name.size());
    }
    std::string text = fmt::format("{:<{}}  {:<12}  {:>10}  {:>8}  {}\n", "topic", width, "role",
                                   "partitions", "replicas", "state");
    for (const TopicOutcome& topic : topics) {
        text += fmt::format(
            "{:<{}}  {:<12}  {:>10}  {:>8}  {}\n", topic.planned.name, width,
            role_name(topic.planned.role), topic.planned.partitions,
            topic.planned.replication_factor,
            topic.state == TopicState::would_create ? "would be created" : state_name(topic.state));
        for (const Difference& difference : topic.differences) {
            text +=
                fmt::format("  {}: expected {}, found {}\n", difference.what, difference.expected,
                            difference.found.empty() ? "nothing" : difference.found);
        }
        if (topic.error) {
            text += fmt::format("  {}\n", topic.error->message);
            text += topic.error->hint.empty() ? "" : fmt::format("  {}\n", topic.error->hint);
        }
    }
    return text;
}

}  // namespace

std::string_view state_name(TopicState state) {
    switch (state) {
        case TopicState::created:
            return "created";
        case TopicState::would_create:
            return "would_create";
        case TopicState::same:
            return "same";
        case TopicState::differs:
            return "differs";
        case TopicState::failed:
            return "failed";
    }
    return {};
}

std::string to_table(const TopicReport& report) {
    std::string text = report.topics.topics.empty() ? "" : topic_lines(report.topics.topics);
    Findings notable;
    std::ranges::copy_if(report.findings, std::back_inserter(notable),
                         [](const Finding& finding) { return finding.severity != Severity::ok; });
    if (report.not_ready) {
        notable.push_back(Finding::from(*report.not_ready));
    }
    if (!text.empty() && !notable.empty()) {
        text += '\n';
    }
    return text + findings_text(notable);
}

std::string to_json(const TopicReport& report) {
    text::JsonWriter json;
    json.begin_object().field("cluster_id", report.cluster_id).field("brokers", report.brokers);
    json.field("dry_run", report.dry_run);
    json.array("topics", report.topics.topics,
               [&json](const TopicOutcome& topic) { write_topic(json, topic); });
    json.array("findings", report.findings, [&json](const Finding& finding) {
        json.begin_object().field("severity", severity_name(finding.severity));
        json.field("text", finding.text).field("hint", finding.hint).end_object();
    });
    if (report.not_ready) {
        json.field("not_ready", report.not_ready->message);
    }
    return json.end_object().take() + "\n";
}

ExitCode exit_code_of(const TopicReport& report) {
    for (const TopicOutcome& topic : report.topics.topics) {
        if (topic.state == TopicState::failed) {
            return topic.error ? topic.error->exit_code : ExitCode::kafka_fatal;
        }
    }
    if (const ExitCode code = exit_code_of(report.findings); code != ExitCode::ok) {
        return code;
    }
    if (report.not_ready) {
        return report.not_ready->exit_code;
    }
    const bool differs = std::ranges::find(report.topics.topics, TopicState::differs,
                                           &TopicOutcome::state) != report.topics.topics.end();
    return differs ? ExitCode::differs : ExitCode::ok;
}

}  // namespace kstream::topics
