#include "cli/wishes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kstream::cli {
namespace {

using std::string_view;

constexpr string_view kInStatements =
    "the statement of --query says this: --query 'SELECT ... FROM ... WHERE ...'";
constexpr string_view kInFrom =
    "windows are said in a statement: FROM tumble, hop or session (docs/WINDOWS.md)";
constexpr string_view kInClient =
    "properties of the client library belong in the section [client] of a --config file";

struct OptionWish {
    string_view name;
    string_view option;     // of ours that is meant; empty: there is none
    string_view word = {};  // what to say where there is none
};

// Kafka's own tools, Kafka Streams, ksqlDB, Flink and kcat.
constexpr std::array kOptionWishes = std::to_array<OptionWish>({
    {"bootstrap", "brokers"},
    {"bootstrap-server", "brokers"},
    {"bootstrap-servers", "brokers"},
    {"bootstrap.servers", "brokers"},
    {"broker", "brokers"},
    {"broker-list", "brokers"},
    {"kafka", "brokers"},
    {"servers", "brokers"},
    {"input", "topic"},
    {"input-topic", "topic"},
    {"source", "topic"},
    {"source-topic", "topic"},
    {"topic-name", "topic"},
    {"topics", "topic"},
    {"output", "output-topic"},
    {"results-topic", "output-topic"},
    {"sink", "output-topic"},
    {"sink-topic", "output-topic"},
    {"app", "application-id"},
    {"application", "application-id"},
    {"application.id", "application-id"},
    {"consumer-group", "application-id"},
    {"group", "application-id"},
    {"group-id", "application-id"},
    {"group.id", "application-id"},
    {"job", "application-id"},
    {"by", "group-by"},
    {"groupby", "group-by"},
    {"key", "group-by"},
    {"max-messages", "count"},
    {"num-records", "count"},
    {"records", "count"},
    {"throughput", "rate"},
    {"from-beginning", "from"},
    {"offset", "from"},
    {"start", "from"},
    {"num-stream-threads", "workers"},
    {"parallelism", "workers"},
    {"concurrency", "workers"},
    {"num-threads", "threads"},
    {"command-config", "config"},
    {"config-file", "config"},
    {"consumer.config", "config"},
    {"producer.config", "config"},
    {"properties", "config"},
    {"consumer-property", "client-property"},
    {"producer-property", "client-property"},
    {"property", "client-property"},
    {"listen", "http"},
    {"metrics-port", "http"},
    {"port", "http"},
    {"debug", "log-level"},
    {"quiet", "log-level"},
    {"verbose", "log-level"},
    {"avg", "", kInStatements},
    {"average", "", kInStatements},
    {"mean", "", kInStatements},
    {"distinct", "", kInStatements},
    {"max", "", kInStatements},
    {"min", "", kInStatements},
    {"filter", "", kInStatements},
    {"where", "", kInStatements},
    {"hop", "", kInFrom},
    {"tumbling", "", kInFrom},
    {"window", "", kInFrom},
    {"windows", "", kInFrom},
    {"select", "query"},
    {"sql", "query"},
    {"statement", "query"},
    {"limit", "", "there is no limit: aggregate reads all, with --until end up to the end"},
    {"password", "", kInClient},
    {"security-protocol", "", kInClient},
    {"tls", "", kInClient},
    {"username", "", kInClient},
    {"version", "", "see kstream --version"},
});

struct SubcommandWish {
    string_view name;
    string_view meant;
};

constexpr std::array kSubcommandWishes = std::to_array<SubcommandWish>({
    {"version", "--version"},
    {"consume", "aggregate"},
    {"run", "aggregate"},
    {"start", "aggregate"},
    {"stream", "aggregate"},
    {"check", "audit"},
    {"verify", "audit"},
    {"plan", "explain"},
    {"describe", "explain"},
    {"generate", "produce"},
    {"init", "create-topics"},
    {"topics", "create-topics"},
    {"delete", "reset"},
    {"benchmark", "bench"},
    {"perf", "bench"},
    {"ready", "health"},
    {"status", "health"},
});

bool has_option(string_view name, Subcommand id) {
    return std::ranges::find(kMetaOptions, name, &MetaOption::name) != kMetaOptions.end() ||
           std::ranges::any_of(option_table(), [&](const OptionSpec& option) {
               return option.name == name && option.binding(id) != nullptr;
           });
}

}  // namespace

std::string option_wish(string_view name, string_view prefix, std::optional<Subcommand> id) {
    const auto found = std::ranges::find(kOptionWishes, name, &OptionWish::name);
    if (found == kOptionWishes.end()) {
        return {};
    }
    if (found->option.empty()) {
        return fmt::format(": {}", found->word);
    }
    return !id || has_option(found->option, *id)
               ? fmt::format(", did you mean {}{}?", prefix, found->option)
               : std::string();
}

std::string subcommand_wish(string_view name) {
    const auto found = std::ranges::find(kSubcommandWishes, name, &SubcommandWish::name);
    return found == kSubcommandWishes.end()
               ? std::string()
               : fmt::format(", did you mean kstream {}?", found->meant);
}

}  // namespace kstream::cli
