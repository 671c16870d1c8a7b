// Reading a topic as it stands now, to its end, with read_committed and without a group: what
// `explain` and `lateness` look at. Changes nothing, and creates no topic.
#pragma once

#include "app/commands.hpp"
#include "kafka/admin.hpp"
#include "kafka/topic_reader.hpp"
#include "kstream/error.hpp"
#include "kstream/model/record.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace kstream::app {

// For each partition, from a position to a later one or the same.
struct TopicStretch {
    kafka::Offsets from;
    kafka::Offsets to;
};

// How many offsets that is: not all have a record, the end of a transaction has one too.
[[nodiscard]] std::uint64_t offsets_in(const TopicStretch& stretch);

// All that there is of a topic. Errors: unavailable when it does not exist, with the names that may
// have been meant.
[[nodiscard]] Result<TopicStretch> committed_stretch(const std::string& topic, kafka::Admin& admin);

// A reader of that topic, as TopicRole::source; `purpose` for its client.id.
[[nodiscard]] kafka::TopicReader topic_reader(const cli::CommonConfig& common,
                                              const std::string& application_id,
                                              const std::string& topic, std::string purpose,
                                              Log& log);

// Hands the records of a stretch to `use`, in log order within a partition, and nothing after it;
// what is in a batch belongs to the reader's last poll. Says how far it is from time to time.
// Errors: those of `use`; incomplete on a stop; unavailable when nothing comes.
[[nodiscard]] Result<void> scan_topic(const std::string& topic, const TopicStretch& stretch,
                                      kafka::TopicReader& reader, AppContext& context,
                                      const std::function<Result<void>(RecordBatch)>& use);

}  // namespace kstream::app
