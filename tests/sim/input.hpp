// What is written to the source topic, and the direct fold of it: the oracle's side of the totals.
// Shares no code with the decoder, the folds or the decimals.
#pragma once

#include "kstream/model/decimal.hpp"
#include "sim/cluster.hpp"
#include "support/fakes/seeded.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::sim {

class Input {
public:
    Input(Cluster& cluster, const Swarm& swarm, const VirtualClock& clock);

    // Schedules all records over the span that the seed has for them.
    void begin();
    // No transaction of the source's producers is open, and no record is still to come.
    [[nodiscard]] bool done() const { return open_ == 0 && written_ >= swarm_.records; }

    // Nothing is written any more.
    void end() { written_ = swarm_.records; }
    // Nothing more to this partition: a log that has lost its end and has grown past it again looks
    // as if it had lost nothing.
    void leave(PartitionId partition) { left_ = partition; }
    // One more to each of the others.
    void write_to_each();
    // A valid one of that time, nobody's copy.
    void write_at(PartitionId to, std::int64_t time);

    enum class Class : std::uint8_t { valid, bad, tombstone };
    struct Fact {
        Class what = Class::valid;
        std::string seller;
        Int128 cents = 0;
        std::string reason;  // of a bad one, as docs/RECORDS.md names it
        // Of a job with windows: in milliseconds since 1970. None where it cannot be read.
        std::optional<std::int64_t> time;
        std::string id;  // of a job that looks for duplicates
    };
    using Facts = std::vector<std::pair<Offset, Fact>>;  // in the order of the log
    // Of all records that were written, aborted or not.
    [[nodiscard]] const Facts& facts(PartitionId partition) const {
        static const Facts kNone;
        const auto index = static_cast<std::size_t>(partition.value);
        return index < facts_.size() ? facts_[index] : kNone;
    }

private:
    void write_some();
    void write_one(PartitionId to);
    void write_in_transaction(PartitionId to, std::size_t records);
    struct Drawn {
        Fact fact;
        std::optional<std::string> text;
    };
    [[nodiscard]] Drawn draw(PartitionId to);
    [[nodiscard]] std::string draw_time(Fact& fact, PartitionId to);
    [[nodiscard]] std::string draw_id(Fact& fact, PartitionId to);
    [[nodiscard]] bool is_silent(PartitionId partition) const;
    [[nodiscard]] Facts& facts_of(PartitionId partition);

    Cluster& cluster_;
    const Swarm& swarm_;
    const VirtualClock& clock_;
    testing::Seeded dice_;
    std::vector<Facts> facts_;  // by partition
    std::optional<PartitionId> left_;
    std::uint64_t written_ = 0;
    std::uint64_t one_by_one_ = 0;  // with ids of their own
    std::uint64_t open_ = 0;
    std::uint64_t producers_ = 1'000'000;

    // Of a job with windows. Times have dice of their own: what else is written is the same with
    // them and without.
    testing::Seeded time_dice_;
    std::int64_t now_ = 1'700'000'000'000;   // of event time
    std::optional<PartitionId> silent_;      // nothing is written to it
    std::uint64_t silent_until_ = 0;         // so many records are written
    std::optional<PartitionId> far_behind_;  // its times are long past

    // The same of a job that looks for duplicates.
    testing::Seeded id_dice_;
    std::map<PartitionId, std::string> last_ids_;
};

}  // namespace kstream::sim
