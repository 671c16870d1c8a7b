// Whose totals a results topic holds. Nothing in Kafka keeps two applications from writing to one
// topic, where their rows mix and replace each other; so each result says in a header which
// application made it, and a start looks at the last ones (docs/adr/0030-one-results-topic.md).
#pragma once

#include "kafka/admin.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "topics/check_rules.hpp"
#include "topics/topic_tails.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream::topics {

// The last record of a partition of the results topic.
struct LastResult {
    PartitionId partition;
    Offset offset;
    bool is_tombstone = false;
    bool is_result = false;                  // has the headers of a result
    std::optional<std::string> application;  // builds before 0.1.0 wrote none
};

struct ResultsFacts {
    std::string topic;
    std::string application_id;
    std::vector<LastResult> last;  // of the partitions that have one
    std::uint64_t totals = 0;      // that the application has, if its state was looked at
    bool republish = false;        // they are to be published again
};

[[nodiscard]] Findings results_owner_findings(const ResultsFacts& facts);

// Errors as read_tails().
[[nodiscard]] Result<std::vector<LastResult>> last_results(const TailSources& from,
                                                           const kafka::TopicInfo& results);

}  // namespace kstream::topics
