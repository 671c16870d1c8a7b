// What a dead letter and a late record have in common: the record of the source with its bytes
// unchanged, then headers of ours. docs/RECORDS.md is the contract.
#pragma once

#include "kstream/model/ids.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/model/record.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace kstream {

struct RecordCopy {
    const RecordView& record;
    std::span<const HeaderView> headers;  // its own
    std::string_view source_topic;
    std::string_view reason;
};

// Appends it to `out`, for partition `to` of that topic. `more`: what of ours stands after the
// coordinates. Where key, value and headers together are longer than `max_bytes`, its own headers
// are left out; where key and value alone are, a stub takes the record's place: its sizes and the
// SHA-256 of its value (P10). Headers are counted as a log holds them.
void append_record_copy(OutputBatch& out, TopicRole topic, PartitionId to, const RecordCopy& copy,
                        OutputBatch::Headers more, std::size_t max_bytes);

}  // namespace kstream
