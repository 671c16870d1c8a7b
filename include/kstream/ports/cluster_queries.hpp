// What a loop asks the cluster besides reading and writing: committed offsets, ends of logs, topic
// identities. Asynchronous: ask() gives a ticket, take() the answer when it is there. Asked one
// after the other, never in parallel: the order of these questions is protocol (P8, KAFKA-10167).
//
// All methods are called from the loop's thread.
#pragma once

#include "kstream/check.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream {

enum class Isolation : std::uint8_t { read_uncommitted, read_committed };

struct Query {
    enum class Kind : std::uint8_t {
        committed,  // of this loop's group on its input topic, waiting for pending transactional
                    // offsets (require_stable, KIP-447): an unstable answer is never 'no offset'
        log_start,
        log_end,   // by `isolation`: read_uncommitted is the end of the log, read_committed the
                   // last stable offset
        for_time,  // first offset with a timestamp >= timestamp_ms; the log end when there is none
        describe,  // topic id and partition count of `topic`
        purge,     // DeleteRecords of `topic` below each of `before`
        topics,    // all topics of the job, by role. A broker that lags behind is not believed: one
                   // that is not as in `expected` was looked for at a majority of the brokers
    };
    Kind kind = Kind::committed;
    TopicRole topic = TopicRole::source;
    std::vector<PartitionId> partitions;
    Isolation isolation = Isolation::read_committed;
    std::int64_t timestamp_ms = 0;
    std::vector<Offset> before;     // purge: one for each of `partitions`
    std::vector<TopicId> expected;  // topics: by role

    [[nodiscard]] static Query describe(TopicRole topic) {
        Query query;
        query.kind = Kind::describe;
        query.topic = topic;
        return query;
    }
};

// What the cluster knows of a topic.
struct TopicAnswer {
    bool exists = false;
    TopicId id;
    std::int32_t partitions = 0;
};

struct OffsetAnswer {
    PartitionId partition;
    std::optional<Offset> offset;  // committed: none when nothing is committed
    std::string metadata;          // committed: the string that was committed with it

    // Of log_start and log_end: a log always has both, so no answer is an error of the query, never
    // "at 0" (P3).
    [[nodiscard]] Offset of_log() const {
        KSTREAM_CHECK(offset.has_value(), "a log has a start and an end");
        return *offset;
    }
};

struct QueryAnswer {
    std::vector<OffsetAnswer> offsets;  // one for each asked partition, in that order
    TopicId topic_id;                   // describe
    std::int32_t partition_count = 0;   // describe
    std::vector<TopicAnswer> topics;    // topics: by role; one that the job has none of: nothing
};

class ClusterQueries {
public:
    virtual ~ClusterQueries() = default;

    // Precondition: no other question is open. An answer that is an error with disposition `retry`
    // may be asked again; the adapter itself has already retried what is worth it.
    virtual void ask(Query query) = 0;
    [[nodiscard]] virtual std::optional<Result<QueryAnswer>> take() = 0;
    [[nodiscard]] virtual bool busy() const = 0;
};

}  // namespace kstream
