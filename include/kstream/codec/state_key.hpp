// The state key: group-by values with their JSON types, then the window. One byte string is one
// key, in deltas, in the changelog and in memory.
//
//   for each group-by field:  type 's'|'n'|'b', varint length, bytes
//   window:                   0x00 (none: a running total)
//                             0x01, its start: milliseconds since 1970 + 2^63, 8 bytes, so that
//                             bytes are in the order of time
//                             0x02, its first time in the same way: of a session
#pragma once

#include "kstream/model/group_key.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream {

// Replaces `out` with the group's key.
void encode_state_key(const GroupKey& group, std::string& out);
// The key of the group's values in the window that begins there, whatever `group` says of one.
void encode_state_key(const GroupKey& group, std::int64_t window_start, std::string& out);
// The same of a session whose first time that is.
void encode_session_key(const GroupKey& group, std::int64_t first, std::string& out);

// Splits a key; false when it is not of that shape. Views point into `key`.
[[nodiscard]] bool decode_state_key(std::string_view key, const KeyShape& shape, GroupKey& group);

// Where the window of a key begins that is one of a job with windows.
[[nodiscard]] std::int64_t window_start_of(std::string_view state_key);
// Such a key without that, and without the byte that says that there is one: what all windows of
// one group have in common, and no other group has.
[[nodiscard]] std::string_view group_part_of(std::string_view state_key);

}  // namespace kstream
