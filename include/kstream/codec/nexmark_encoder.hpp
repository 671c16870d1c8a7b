// NexmarkEvent -> the bytes of a record: JSON without blanks, with the names of Nexmark's suite for
// Kafka. event_type tells the kind, and the event stands in a member of its own; of the other two
// there is nothing:
//
//   {"event_type":0,"person":{"id":1000,"name":"Kate Smith","emailAddress":"aBcDeFg@hIjKl.com",
//    "creditCard":"1234 5678 9012 3456","city":"Boise","state":"ID",
//    "dateTime":"2023-11-14T22:13:20.000Z","extra":"..."}}
//   {"event_type":1,"auction":{"id":1000,"itemName":"...","description":"...","initialBid":4711,
//    "reserve":5000,"dateTime":"...","expires":"...","seller":1000,"category":10,"extra":"..."}}
//   {"event_type":2,"bid":{"auction":1000,"bidder":1001,"price":4711,"channel":"Google",
//    "url":"https://www.nexmark.com/aBcDe/fGhIj/kLmNo/item.htm?query=1","dateTime":"...",
//    "extra":"..."}}                                                    (each on one line)
#pragma once

#include "kstream/core/nexmark.hpp"

#include <cstddef>

namespace kstream {

// Room that encode_nexmark() needs: the longest text with every number at its widest, and the slack
// of its letters.
inline constexpr std::size_t kNexmarkRoom = 1024;

// Writes the record at `out`, where kNexmarkRoom bytes may be written, and returns its size. Bytes
// after the size are undefined. The years of its times are 0 to 9999. Allocates nothing; any
// thread.
[[nodiscard]] std::size_t encode_nexmark(const NexmarkEvent& event, char* out);

}  // namespace kstream
