// What create-topics says: the same facts as a table for people and as JSON for machines.
#pragma once

#include "kstream/error.hpp"
#include "topics/check_rules.hpp"
#include "topics/ensure_topics.hpp"

#include <optional>
#include <string>

namespace kstream::topics {

struct TopicReport {
    std::string cluster_id;
    int brokers = 0;
    bool dry_run = false;
    EnsureReport topics;
    Findings findings;
    std::optional<Error> not_ready;  // --wait: what was still missing when the time was over
};

[[nodiscard]] std::string_view state_name(TopicState state);

// A table, one line per topic and one more per difference, then the findings that are not ok.
[[nodiscard]] std::string to_table(const TopicReport& report);

// One object on one line. Keys are a declared surface: add, never rename.
[[nodiscard]] std::string to_json(const TopicReport& report);

// failed topics first, then findings that are errors, then not ready, then differs.
[[nodiscard]] ExitCode exit_code_of(const TopicReport& report);

}  // namespace kstream::topics
