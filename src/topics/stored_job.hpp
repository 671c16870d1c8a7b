// What Kafka keeps of an application from its earlier starts, and what a start has to make of that
// before it makes a topic or joins a group: topics that were there and are gone, another job under
// the same name, topics that were re-created (protocol P4). Rules only; start_checks.cpp and
// create_topics.cpp gather the facts.
#pragma once

#include "kafka/admin.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/error.hpp"
#include "kstream/model/aggregation_spec.hpp"
#include "topics/check_rules.hpp"
#include "topics/topic_plan.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::topics {

// What a group has committed, with the identity strings (protocol P4) as they were stored.
struct GroupFacts {
    std::string name;
    std::vector<kafka::GroupMember> members;
    std::vector<kafka::CommittedOffset> committed;

    [[nodiscard]] bool has_offsets() const;
};

struct StoredJob {
    GroupFacts map_group;
    GroupFacts totals_group;
    // Whether the repartition or the changelog topic has ever had a record. Offsets expire, and
    // those in a topic that is deleted go with it (Kafka's group coordinator sees to that).
    bool has_records = false;
    // Of the last meta record in some partition of the changelog, where it was looked for.
    std::optional<MetaHead> meta;
    std::uint64_t keys = 0;  // totals, by the meta records that were found

    // Whether the application has ever committed anything.
    [[nodiscard]] bool exists() const;
    // The first identity that can be read, of an offset or of meta.
    [[nodiscard]] std::optional<Identity> identity() const;
    // The topic that the stored job reads, as far as anything tells.
    [[nodiscard]] std::optional<std::string> source() const;
};

struct MissingTopic {
    TopicRole role = TopicRole::source;
    std::string name;
};

// Who asks about a missing topic, and what else there is to say about it.
struct MissingContext {
    std::string application_id;
    const StoredJob& stored;
    // The job that is to be started; none for create-topics, which does not know it.
    const AggregationSpec* job = nullptr;
    std::vector<std::string> near;  // existing names that may have been meant for the source
};

// error: it must not be made, and why. warn: it is made, and what is lost. ok: it is made.
[[nodiscard]] Finding missing_topic_finding(const MissingTopic& topic,
                                            const MissingContext& context);

// ", did you mean a, b or c?" or nothing.
[[nodiscard]] std::string did_you_mean_topics(std::string_view name,
                                              const std::vector<std::string>& existing);

// P4: whoever committed under this application id must have been this job, on these logs. Takes
// over how many source partitions there were at the first start, which every process must agree on
// (P3). Errors: identity, in the words of the options and with all that would have to change.
[[nodiscard]] Result<void> check_stored_identity(const StoredJob& stored, const Names& names,
                                                 const AggregationSpec& job, Identity& identity);

}  // namespace kstream::topics
