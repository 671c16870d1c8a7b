// What create-topics says.

#include "topics/topic_report.hpp"

#include "kstream/codec/result_record.hpp"
#include "topics/start_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kstream::topics {
namespace {

void append_member(std::string& json, std::string_view key, std::string_view value) {
    append_json_string(json, key);
    json += ':';
    append_json_string(json, value);
}

template <typename Range, typename Append>
void append_list(std::string& json, const Range& range, Append append_one) {
    json += '[';
    bool first = true;
    for (const auto& item : range) {
        if (!first) {
            json += ',';
        }
        first = false;
        append_one(item);
    }
    json += ']';
}

void append_topic(std::string& json, const TopicOutcome& topic) {
    json += '{';
    append_member(json, "topic", topic.planned.name);
    json += ',';
    append_member(json, "role", role_name(topic.planned.role));
    json += ',';
    append_member(json, "state", state_name(topic.state));
    json += fmt::format(R"(,"partitions":{},"replication_factor":{},"configs":{{)",
                        topic.planned.partitions, topic.planned.replication_factor);
    for (std::size_t i = 0; i < topic.planned.configs.size(); ++i) {
        json += i == 0 ? "" : ",";
        append_member(json, topic.planned.configs[i].first, topic.planned.configs[i].second);
    }
    json += R"(},"differences":)";
    append_list(json, topic.differences, [&json](const Difference& difference) {
        json += '{';
        append_member(json, "what", difference.what);
        json += ',';
        append_member(json, "expected", difference.expected);
        json += ',';
        append_member(json, "found", difference.found);
        json += '}';
    });
    if (topic.error) {
        json += ',';
        append_member(json, "error", topic.error->message);
    }
    json += '}';
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
    std::string json = "{";
    append_member(json, "cluster_id", report.cluster_id);
    json += fmt::format(R"(,"brokers":{},"dry_run":{},"topics":)", report.brokers, report.dry_run);
    append_list(json, report.topics.topics,
                [&json](const TopicOutcome& topic) { append_topic(json, topic); });
    json += R"(,"findings":)";
    append_list(json, report.findings, [&json](const Finding& finding) {
        json += '{';
        append_member(json, "severity", severity_name(finding.severity));
        json += ',';
        append_member(json, "text", finding.text);
        json += ',';
        append_member(json, "hint", finding.hint);
        json += '}';
    });
    if (report.not_ready) {
        json += ',';
        append_member(json, "not_ready", report.not_ready->message);
    }
    return json + "}\n";
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
