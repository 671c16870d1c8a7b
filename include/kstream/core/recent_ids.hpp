// The ids of a source partition that came lately, by their hashes: whether a record's id has come
// before, within some length of event time (docs/PROTOCOL.md, rule E7).
//
// Each record with an id has an entry, in the order of the log: the hash of the id, and in a few
// bytes how far its offset and event time are beyond those of the entry before it. An index finds
// the newest entry of a hash. An entry goes when no record after the committed position can come
// within the length of it any more; what was added since can be taken back, in two layers as a
// loop's steps are.
//
// For 10,000,000 ids that are all different 28 bytes each, 280 MB (recent_ids_test.cpp). Not
// thread-safe.
#pragma once

#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/int128.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace kstream {

class RecentIds {
public:
    // What an entry takes at most, everything included, of ids that are all different: for people.
    static constexpr std::size_t kBytesPerId = 30;

    // Empty, at a position that `seen` is the newest event time in front of. `within` is in
    // milliseconds, 0 or more. `seed` is random for each process: nobody can choose ids that stand
    // in one place of the index.
    RecentIds(std::int64_t within, std::uint64_t seed, std::int64_t seen = kNoTime);

    // The next record has a time and no id that counts: it is bad, or WHERE passes over it.
    void pass(std::int64_t time) { seen_ = time > seen_ ? time : seen_; }
    // The next record has this id. Whether the same one came before, and the newest event time of
    // all that came before this record is no more than `within` beyond that of all up to that one.
    // Remembered either way: were a duplicate not, whether a record is remembered would rest on all
    // earlier copies of its id, and horizon() would have to go back to the first of them.
    [[nodiscard]] bool add(Offset record_offset, std::int64_t time, UInt128 id);

    // At this position, which is behind all that was added: from where on the log has all ids that
    // still matter. Moves on with time, never back but with what is undone.
    [[nodiscard]] Horizon horizon(Offset position);

    // What was added becomes the layer in flight; horizon() was asked for the position.
    // Precondition: none is in flight.
    void seal();
    // The layer in flight is committed: what no longer matters there is forgotten.
    void committed();
    void undo_filling();
    void undo_in_flight();  // precondition: nothing was added since seal()

    // Entries, those that are to go with the next commit among them.
    [[nodiscard]] std::size_t size() const { return hashes_.size(); }
    [[nodiscard]] std::size_t memory_bytes() const;

private:
    // In front of an entry, or behind the last one. Entries and bytes are counted from the first
    // that there ever was.
    struct Place {
        std::uint64_t entry = 0;
        std::uint64_t byte = 0;
        std::int64_t offset = 0;      // of the record of the entry before it
        std::int64_t seen = kNoTime;  // the newest time up to that record
    };
    // What the bytes of an entry say.
    struct Moment {
        std::int64_t offset = 0;
        std::int64_t seen_before = kNoTime;  // the newest time in front of its record
        std::int64_t seen = kNoTime;         // with it
        Place next;
    };
    struct Layer {
        Place end;
        Place live;
        std::int64_t seen = kNoTime;
    };
    // An entry has taken the place of an older one in the index.
    struct Replaced {
        std::uint64_t entry = 0;
        std::uint64_t older = 0;
    };

    void append(std::uint64_t number);
    [[nodiscard]] std::uint64_t number_at(std::uint64_t& byte) const;
    [[nodiscard]] Moment moment_at(const Place& place) const;
    void move_live();
    void undo_to(const Layer& layer);
    void forget_last();
    void forget_first();

    [[nodiscard]] std::size_t home(UInt128 id) const;
    [[nodiscard]] std::uint64_t entry_in(std::size_t cell) const;
    [[nodiscard]] UInt128 id_of(std::uint64_t entry) const;
    [[nodiscard]] std::optional<std::size_t> find(UInt128 id) const;
    [[nodiscard]] bool place_in_index(UInt128 id, std::uint64_t entry);
    void remove_from_index(std::size_t cell);
    void rebuild_index(std::size_t cells);

    std::int64_t within_;
    std::uint64_t seed_;

    std::deque<UInt128> hashes_;        // of entries, from front_ on
    std::deque<std::uint8_t> moments_;  // the same: three numbers each, as varints
    Place front_;
    Place live_;  // entries before it matter to nobody at seen_ or later
    Place end_;
    std::int64_t seen_;  // the newest time of all records so far
    Layer sealed_;
    Layer committed_;
    std::vector<Replaced> replaced_;  // by entries that are not committed, in their order

    // Linear probing where whoever is further from home stays ("Robin Hood"): a search ends early,
    // and a cell is emptied by moving those behind it. The distance also tells most cells of other
    // ids without a look at the hash.
    std::vector<std::uint32_t> cells_;     // the low half of an entry's number
    std::vector<std::uint8_t> distances_;  // from home, plus 1; 0: empty
    std::size_t used_ = 0;
};

}  // namespace kstream
