// The short name of a job, as every stored format carries it (protocol P4).
#pragma once

#include "kstream/model/aggregation_spec.hpp"

#include <cstdint>

namespace kstream {

// First 8 bytes of SHA-256 over canonical_text(), big endian: stands in batch headers, in meta and
// in the metadata of committed offsets.
[[nodiscard]] std::uint64_t spec_hash(const AggregationSpec& spec);

}  // namespace kstream
