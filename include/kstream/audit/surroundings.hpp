// What an audit asks of the world: the cluster, time, and the files of its bases. Answers are
// waited for, so a session is one call from its beginning to its end; a simulator lets its own time
// pass inside of these calls.
//
// One thread.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/byte_stream.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log_reader.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::audit {

// A position in each partition of a topic.
using Positions = std::map<PartitionId, Offset>;

class Surroundings {
public:
    struct Topic {
        TopicId id;
        std::int32_t partitions = 0;
    };

    virtual ~Surroundings() = default;

    [[nodiscard]] virtual std::string name(TopicRole topic) const = 0;
    // None: it does not exist.
    [[nodiscard]] virtual Result<std::optional<Topic>> describe(TopicRole topic) = 0;

    // Names of topics that exist and are close to this one's, as the end of a sentence; or nothing.
    [[nodiscard]] virtual std::string suggestion(TopicRole /*topic*/) { return {}; }
    // Whether records are removed because there are newer ones; none when it may not be asked.
    [[nodiscard]] virtual std::optional<bool> compacted(TopicRole topic) = 0;
    // Of the partitions [0, partitions).
    [[nodiscard]] virtual Result<Positions> starts(TopicRole topic, std::int32_t partitions) = 0;
    [[nodiscard]] virtual Result<Positions> ends(TopicRole topic, std::int32_t partitions,
                                                 Isolation isolation) = 0;
    // `name`: of what it reads, for the client's name.
    [[nodiscard]] virtual std::unique_ptr<LogReader> reader(std::string_view name) = 0;

    [[nodiscard]] virtual const Clock& clock() const = 0;
    // Somebody wants the audit to end.
    [[nodiscard]] virtual bool stopped() const = 0;

    // --base and --save-base; asked for only where the options name one.
    [[nodiscard]] virtual Result<std::unique_ptr<ByteSource>> open_base() = 0;
    [[nodiscard]] virtual Result<std::unique_ptr<ByteSink>> save_base() = 0;
};

}  // namespace kstream::audit
