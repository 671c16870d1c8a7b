// The dead-letter record of a bad source record (design decision 6): its bytes unchanged, and
// headers that say where it stood and why it is bad. docs/RECORDS.md is the contract.
#pragma once

#include "kstream/model/bad_reason.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/model/record.hpp"

#include <span>
#include <string>
#include <string_view>

namespace kstream {

struct BadRecord {
    const RecordView& record;
    std::span<const HeaderView> headers;
    std::string_view source_topic;
    BadReason reason{};
    std::string_view field;  // empty: the reason is about none
};

// Appends the dead letter of `bad` to `out`, for partition `to`. Where key, value and headers
// together are longer than `max_bytes`, the headers are left out; where key and value alone are, a
// stub takes the record's place: its sizes and the SHA-256 of its value (P10). Headers are counted
// as a log holds them.
void append_dead_letter(OutputBatch& out, PartitionId to, const BadRecord& bad,
                        std::size_t max_bytes);

}  // namespace kstream
