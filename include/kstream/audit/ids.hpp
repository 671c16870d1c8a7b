// The ids of one source partition as the audit looks for duplicates: each with how far event time
// had come with its last record. Plain: nothing is taken back, and no hash decides.
#pragma once

#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

namespace kstream::audit {

class Ids {
public:
    Ids() = default;
    // None yet, at a position that `seen` is the newest time of records in front of. `within` is in
    // milliseconds.
    Ids(std::int64_t within, std::int64_t seen) : within_(within), seen_(seen) {}

    // The next record has a time, and is bad or filtered.
    void pass(std::int64_t time) { seen_ = time > seen_ ? time : seen_; }
    // The next record counts: whether one with this id stands in front of it, and time has gone on
    // by at most `within` since.
    [[nodiscard]] bool take(const std::string& id, Offset at, std::int64_t time);

    // At a position behind all of them: where the oldest record stands whose id still matters, and
    // the newest time in front of it.
    [[nodiscard]] Horizon horizon(Offset position);

private:
    struct Record {
        std::string id;
        Horizon at;
        std::int64_t seen = kNoTime;  // the newest time, the record's own included
    };
    void forget();

    std::int64_t within_ = 0;
    std::int64_t seen_ = kNoTime;
    std::unordered_map<std::string, std::int64_t> newest_;  // Record::seen of the last one
    std::deque<Record> records_;                            // that still matter
};

}  // namespace kstream::audit
