// ShuffleRecord -> the bytes of a record: JSON without blanks, of the same size for every record.
//
//   {"id":271828,"selector":31,"value":141421356,"ts":1700000000123,"data":"..."}
//
// ts is the event time in milliseconds since 1970 UTC; data are random letters.
#pragma once

#include "kstream/core/shuffle.hpp"

#include <cstddef>

namespace kstream {

inline constexpr std::size_t kShuffleSize = 1024;

// Room that encode_shuffle() needs: the record and the slack of its letters.
inline constexpr std::size_t kShuffleRoom = kShuffleSize + RandomText::kSlack;

// Writes the record at `out`, where kShuffleRoom bytes may be written, and returns kShuffleSize.
// Allocates nothing; any thread.
std::size_t encode_shuffle(const ShuffleRecord& record, char* out);

}  // namespace kstream
