// The last records of the partitions of a topic, for a start that has to know what a topic was used
// for: whose results it holds, which job its state belongs to. Outside any group, read_committed.
#pragma once

#include "kafka/admin.hpp"
#include "kafka/client_config.hpp"
#include "kafka/topic_reader.hpp"
#include "kstream/error.hpp"
#include "kstream/model/record.hpp"
#include "topics/topic_plan.hpp"

#include <functional>

namespace kstream::topics {

struct TailSources {
    kafka::Admin& admin;
    const kafka::ClientConfig& client;
    const Names& names;
};

// Calls `take` for the last records of each partition of `topic`, in the order of the log, and
// again from further back for a partition where it has never returned true: transactions that were
// aborted and markers of commits may stand after the record that is looked for. A partition that
// has been looked through to its beginning, or kMaxTail records back, is given up. Errors: of the
// cluster; unavailable when the records do not come.
using TakeFromTail = std::function<bool(const kafka::TopicReader&, const RecordView&)>;
inline constexpr std::int64_t kMaxTail = 100'000;
[[nodiscard]] Result<void> read_tails(const TailSources& from, TopicRole role,
                                      const kafka::TopicInfo& topic, const TakeFromTail& take);

}  // namespace kstream::topics
