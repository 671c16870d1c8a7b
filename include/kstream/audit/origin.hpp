// Who wrote what: which run of the job each transaction of a state partition was, as far as the
// changelog still holds its meta records, and whether what claims to be of it stands where it may.
//
// Transactions of a state partition are numbered without gaps and follow one another in every log
// that they write to, so a record that claims an earlier one than the record before it was not
// written by the job. What an application of the same name wrote before a `kstream reset`, or
// another application into the same results topic, looks as orderly and has run ids of its own:
// those are distinguished, not taken for forgeries.
#pragma once

#include "kstream/model/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::audit {

// The headers of a result, as they stand there.
struct ResultHeaders {
    std::optional<std::string_view> transaction;
    std::optional<std::string_view> run_id;
    std::optional<std::string_view> is_final{};  // of a job with windows
};

// What they say; none when they are not of the form that the job writes.
struct Origin {
    std::uint64_t transaction = 0;
    std::uint64_t run_id = 0;
    [[nodiscard]] static std::optional<Origin> of(const ResultHeaders& headers);
};

class Origins {
public:
    void begin(std::size_t state_partitions);

    // A meta record, in the order of the changelog. false: its number does not come after the last
    // one's.
    [[nodiscard]] bool take_meta(std::size_t q, std::uint64_t transaction, std::uint64_t run_id);
    // Whether a total of this transaction may stand after the last meta record.
    [[nodiscard]] bool may_follow(std::size_t q, std::uint64_t transaction) const {
        return transaction > states_[q].last;
    }

    [[nodiscard]] bool knows(std::uint64_t run_id) const { return runs_.contains(run_id); }

    // A result of state partition `q`, in the order of its partition of the results, of a
    // transaction up to the cut. Says why it cannot be of the job; empty when it can. Until a
    // record of a run that is known has been seen there, it may be from before a reset.
    [[nodiscard]] std::string take_result(PartitionId results, std::size_t q, const Origin& origin);
    // Whether the job, since it last began anew, has published in this partition before.
    [[nodiscard]] bool has_begun(PartitionId results) const { return begun_.contains(results); }
    // The first transaction of `q` that this partition of the results holds something of.
    [[nodiscard]] std::optional<std::uint64_t> first(PartitionId results, std::size_t q) const;

private:
    // Transactions that follow one another, by one run, of which each meta record was seen.
    struct Span {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::uint64_t run_id = 0;
    };
    struct State {
        std::uint64_t last = 0;  // of meta
        std::vector<Span> spans;
    };

    [[nodiscard]] std::optional<std::uint64_t> run_of(std::size_t q,
                                                      std::uint64_t transaction) const;

    std::vector<State> states_;
    std::set<std::uint64_t> runs_;
    std::set<PartitionId> begun_;
    // Transactions of each state partition in each partition of the results.
    using Numbers = std::map<std::pair<PartitionId, std::size_t>, std::uint64_t>;
    Numbers first_;
    Numbers last_;  // since the job has begun there
};

}  // namespace kstream::audit
