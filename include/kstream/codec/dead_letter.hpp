// The dead-letter record of a bad source record (design decision 6): its bytes unchanged, and
// headers that say where it stood and why it is bad. docs/RECORDS.md is the contract.
#pragma once

#include "kstream/codec/record_decoder.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/model/record.hpp"

#include <string>
#include <string_view>

namespace kstream {

// Appends the dead letter of `record` to `out`, for partition `to`. Where key and value together
// are longer than `most_bytes`, a stub takes the value's place: its length and SHA-256 (P10).
void append_dead_letter(OutputBatch& out, PartitionId to, const RecordView& record,
                        std::string_view source_topic, BadReason reason, std::size_t most_bytes);

}  // namespace kstream
