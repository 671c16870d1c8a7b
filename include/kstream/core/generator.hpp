// Seed and number to record. Record i is a pure function of GeneratorOptions and i, so a run is
// repeated by its options alone: whichever threads make the records, in whatever order, at whatever
// rate and in batches of whatever size, records 0..n-1 are the same multiset.
//
// Event time and the rate: record i happened at start_time_s + i / event_rate. event_rate is the
// pace of the simulated business, not the pace at which records are sent: it has one default, and
// `produce --rate` does not touch it. If it did, the same seed, count and start time would give
// other records at another rate, and a slow run could not be checked against a fast one
// (docs/adr/0011-generated-records.md).
//
// Fields are independent: each reads its own SplitMix64 sequence at position i.
#pragma once

#include "kstream/core/prng.hpp"
#include "kstream/core/zipf.hpp"
#include "kstream/model/skew.hpp"
#include "kstream/model/transaction.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace kstream {

// Records per second of event time, when nothing else is said.
inline constexpr std::uint32_t kDefaultEventRate = 1000;

// valor is uniform over these, both included, in steps of one cent.
inline constexpr std::uint32_t kMinValueCents = 1'00;
inline constexpr std::uint32_t kMaxValueCents = 150'000'00;

struct GeneratorOptions {
    std::uint64_t seed = 1;
    std::int64_t start_time_s = 0;                 // event time of record 0, seconds since 1970 UTC
    std::uint32_t event_rate = kDefaultEventRate;  // at least 1
    std::uint32_t users = 1000;                    // these three at least 1
    std::uint32_t sellers = 3;
    std::uint32_t locations = 50;
    Skew skew = Skew::even;
    TransactionForm form = TransactionForm::flat;  // for whoever writes them
};

// Immutable once made; safe from any thread.
class TransactionGenerator {
public:
    explicit TransactionGenerator(const GeneratorOptions& options);

    [[nodiscard]] TransactionForm form() const { return options_.form; }

    // The record with this number, from 0 on. Allocates nothing. Ids are distinct for distinct
    // numbers of one seed up to chance: 122 random bits, as UUID version 4 has them.
    [[nodiscard]] Transaction record(std::uint64_t index) const;

    // The same, but that it happened so many milliseconds earlier (core/disorder.hpp); at least 0.
    // Its time is of whole seconds, as all of them: that of the second in which it then was.
    [[nodiscard]] Transaction record_set_back(std::uint64_t index, std::int64_t back_ms) const;

private:
    static constexpr int kStreams = 7;

    GeneratorOptions options_;
    std::optional<ZipfRanks> zipf_;  // of the sellers, unless they are even
    std::array<SplitMix64, kStreams> streams_;
};

}  // namespace kstream
