// Whether what the job has written is what it should have: the fold of the source, once each.
#pragma once

#include "kstream/codec/changelog.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/pipeline/job.hpp"
#include "sim/cluster.hpp"
#include "sim/input.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kstream::sim {

class Oracle {
public:
    Oracle(Cluster& cluster, const Input& input, Job job)
        : cluster_(cluster), input_(input), job_(std::move(job)) {}

    // The committed meta of every state partition says that all of the source is applied.
    [[nodiscard]] bool applied();
    // That, and no transaction is open.
    [[nodiscard]] bool drained() { return applied() && cluster_.transactions().all_ended(); }
    // Of what stands in the way, for the message.
    [[nodiscard]] std::string progress();

    // What is wrong, in words; nothing when all is well. Precondition: drained().
    [[nodiscard]] std::optional<std::string> complaint();

    // The same where this topic was re-created and everybody has stopped: nothing that is in the
    // new one has been counted, and no position in it is committed.
    [[nodiscard]] std::optional<std::string> complaint_of(TopicRole made_again);
    // The same where a log was cut: all that was counted has been there once.
    [[nodiscard]] std::optional<std::string> counted_too_much();

private:
    struct Total {
        Int128 cents = 0;
        std::int64_t count = 0;
        // Of a job with sets: how many, -1 where they were too many. Never one again then.
        std::int64_t values = 0;
        std::optional<std::int64_t> median;  // of the same values, each as often as it came
        friend bool operator==(const Total&, const Total&) = default;
    };
    // HAVING of the job that process.cpp makes.
    [[nodiscard]] bool passes(const Total& total) const {
        return !job_.has_having() || (total.count % 4 < 2 && total.cents > 0);
    }
    [[nodiscard]] std::optional<Meta> last_meta(PartitionId state);
    using Entries = std::vector<PartitionLog::Entry>;
    // `before`: as it was before it was deleted or cut.
    [[nodiscard]] const Entries& source(PartitionId partition, bool before = false);
    [[nodiscard]] static bool is_there(const Entries& entries, Offset at) {
        const auto index = static_cast<std::size_t>(at.value);
        return index < entries.size() && entries[index].kind == PartitionLog::Kind::data &&
               !entries[index].aborted;
    }
    [[nodiscard]] std::map<std::string, Total> expected(bool before);
    [[nodiscard]] bool totals_are_counted_again();
    using Totals = std::map<std::string, Total>;
    // `whole`: nothing of the results topic is gone.
    [[nodiscard]] std::optional<std::string> read_results(Totals& published, bool whole);
    [[nodiscard]] std::optional<std::string> check_results();
    [[nodiscard]] std::optional<std::string> check_chain(PartitionId state);
    [[nodiscard]] std::optional<std::string> check_meta(PartitionId state);
    [[nodiscard]] std::optional<std::string> check_numbers(PartitionId state);
    [[nodiscard]] std::optional<std::string> check_changelog(PartitionId state);
    [[nodiscard]] std::vector<SourceRange> read_twice();
    [[nodiscard]] std::optional<std::string> check_dead_letters();
    [[nodiscard]] std::optional<std::string> check_offsets();

    Cluster& cluster_;
    const Input& input_;
    const Job job_;
};

}  // namespace kstream::sim
