// Repartition batches as a map step writes them, for tests of the other side.
#pragma once

#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/state_key.hpp"
#include "support/fakes/test_job.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::testing {

// State key of one text.
inline std::string seller_key(std::string_view seller) {
    std::string key;
    encode_state_key({{{GroupValueType::string, seller}}}, key);
    return key;
}

// Slots of the seed's job: a sum of units and a count.
inline std::vector<Slot> amounts(const Int192& units, std::int64_t count) {
    return {Slot{units, true}, Slot{Int128{count}, true}};
}

inline SourceRange source_range(std::int32_t partition, std::int64_t from, std::int64_t to) {
    SourceRange range;
    range.partition = PartitionId{partition};
    range.from = Offset{from};
    range.to = Offset{to};
    range.counts.read = range.counts.aggregated = static_cast<std::uint64_t>(to - from);
    range.slots = {{}, {}};
    if (to > from) {
        range.slots = amounts(10 * (to - from), to - from);
    }
    return range;
}

inline BatchHeader step_header(std::vector<SourceRange> ranges, std::uint64_t step = 1) {
    BatchHeader header;
    header.run_id = 5;
    header.step = step;
    header.identity = make_job().identity;
    header.ranges = std::move(ranges);
    return header;
}

inline BatchHeader open_header(const std::vector<std::pair<std::int32_t, std::int64_t>>& bases) {
    BatchHeader header = step_header({}, 0);
    header.kind = BatchKind::open;
    for (const auto& [partition, base] : bases) {
        header.ranges.push_back(source_range(partition, base, base));
    }
    return header;
}

struct Delta {
    std::string key;
    std::vector<Slot> slots;
};

inline std::string batch_value(const BatchHeader& header, const std::vector<Delta>& deltas = {}) {
    static const Job kJob = make_job();
    DeltaBatchWriter writer{kJob.kinds};
    for (const Delta& delta : deltas) {
        writer.add_delta(delta.key, delta.slots);
    }
    return std::string{writer.finish(header)};
}

}  // namespace kstream::testing
