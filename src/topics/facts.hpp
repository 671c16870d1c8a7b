// What a cluster tells of itself, of a job's state and of rights: asked here for all who judge it.
// What it means is for the rules (check_rules.hpp, stored_job.hpp).
#pragma once

#include "kafka/admin.hpp"
#include "kafka/error_map.hpp"
#include "kstream/error.hpp"
#include "topics/check_rules.hpp"
#include "topics/stored_job.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace kstream::topics {

// All but what is known of its two logs, which are topics and asked for with others.
[[nodiscard]] ClusterFacts ask_cluster(kafka::Admin& admin, const kafka::ClusterInfo& cluster);

// Whether the topic has ever had a record, as far as an answer tells.
[[nodiscard]] bool has_records(kafka::Admin& admin, const kafka::TopicInfo& topic);

// What the group has committed, also by transactions that are still open: their identity is that of
// the offsets before them, so nothing has to be waited for.
[[nodiscard]] Result<void> ask_committed(kafka::Admin& admin, GroupFacts& group);

// Before anything is done: a right that is missing must not leave half of it behind.
template <typename Info>  // of a topic or a group
[[nodiscard]] Result<void> require_rights(const Info& info, std::string_view kind,
                                          std::initializer_list<kafka::Operation> operations) {
    for (const kafka::Operation operation : operations) {
        const std::string_view name = kafka::operation_name(operation);
        const std::string right = fmt::format("{} on {} {}", name, kind, info.name);
        if (info.error) {
            return std::unexpected(kafka::with_right(*info.error, right));
        }
        if (info.exists && info.rights.known() && !info.rights.allows(operation)) {
            return fail(ExitCode::kafka_fatal,
                        fmt::format("not authorized to {} {} {}", name, kind, info.name),
                        "the principal needs " + right);
        }
    }
    return {};
}

}  // namespace kstream::topics
