// A step: everything that one Kafka transaction writes and commits. It is sealed whole, submitted
// whole, and then committed or dropped whole. Of a large one parts are written while it is sealed.
#pragma once

#include "kstream/model/ids.hpp"
#include "kstream/model/output_batch.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kstream {

// This member's place in its consumer group, as the source knew it when the step was sealed: the
// group coordinator refuses the step's offsets when it has changed since (KIP-447). And where the
// step's records were read, for the sink to ask there which topic they are of (P4). Opaque to the
// pipeline; the source that made it and the sink that uses it belong to one adapter.
class Membership {
public:
    virtual ~Membership() = default;
};

// The half-open range of positions of one input partition that a step covers.
struct StepRange {
    PartitionId partition;
    Offset from;
    Offset to;
    // Of a job with event time: which of the steps that have committed this partition it is, from
    // 1; 0 of others. Such a job has steps that move no offset and are to be told from one that was
    // aborted.
    std::uint64_t step = 0;
};

// Where a log that a step writes to has ended before: what it writes there stands at or after that.
struct LogEnd {
    TopicRole topic = TopicRole::source;
    PartitionId partition;
    Offset end;
};

// Some of what a step writes, and the ends of logs that it has by then.
struct StepPart {
    OutputBatch outputs;
    std::vector<LogEnd> log_ends;
};

class StepWriter {
public:
    virtual ~StepWriter() = default;

    // Writes a part of the next step, before what comes after it.
    virtual void write_ahead(StepPart part) = 0;
};

struct Step {
    StepWriter* writer = nullptr;  // takes parts while it is sealed; null: nobody does
    std::uint64_t number = 0;
    OutputBatch outputs;                       // without those parts
    std::vector<StepRange> ranges;             // `to` is what is committed
    std::vector<std::string> offset_metadata;  // of each range's committed offset (P4)
    std::unique_ptr<Membership> membership;
    // Of those that a takeover has read. The sink knows what it has written itself; without these a
    // log that was cut between the takeover and the first write would be written on (ADR 0050).
    std::vector<LogEnd> log_ends;
};

}  // namespace kstream
