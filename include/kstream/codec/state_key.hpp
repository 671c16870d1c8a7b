// The state key: group-by values with their JSON types, then the window. One byte string is one
// key, in deltas, in the changelog and in memory.
//
//   for each group-by field:  type 's'|'n'|'b', varint length, bytes
//   window:                   0x00 (none: a running total)
#pragma once

#include "kstream/model/group_key.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace kstream {

// Replaces `out` with the key of a running total.
void encode_state_key(const GroupKey& group, std::string& out);

// Splits a key; false when it is not one of `fields` values with no window. Views point into `key`.
[[nodiscard]] bool decode_state_key(std::string_view key, std::size_t fields, GroupKey& group);

}  // namespace kstream
