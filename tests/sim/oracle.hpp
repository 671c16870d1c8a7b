// Whether what the job has written is what it should have: the fold of the source, once each.
//
// What should come out is in oracle_source.cpp, what was published in oracle_results.cpp, what only
// jobs with event time have in oracle_windows.cpp; the rest, positions and the changelog, in
// oracle.cpp.
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
    Oracle(Cluster& cluster, const Input& input, const Swarm& swarm, Job job)
        : cluster_(cluster), input_(input), swarm_(swarm), job_(std::move(job)) {}

    // The committed meta of every state partition says that all of the source is applied, and,
    // where no time passes without records, that no window is still to be closed.
    [[nodiscard]] bool applied();
    // That, and no transaction is open, and time has nowhere been moved on without all knowing it.
    [[nodiscard]] bool drained() {
        return applied() && cluster_.transactions().all_ended() && (!swarm_.windows || settled());
    }
    // Of what stands in the way, for the message.
    [[nodiscard]] std::string progress();

    // What is wrong, in words; nothing when all is well. Precondition: drained().
    [[nodiscard]] std::optional<std::string> complaint();

    // The same where this topic was re-created and everybody has stopped: nothing that is in the
    // new one has been counted, and no position in it is committed.
    [[nodiscard]] std::optional<std::string> complaint_of(TopicRole made_again);
    // The same where a log was cut: all that was counted has been there once.
    [[nodiscard]] std::optional<std::string> counted_too_much();

    // The newest time that any source partition has come to.
    [[nodiscard]] std::int64_t newest_time();
    // Whether all windows that are over at that time, with their grace, are closed or being closed,
    // a page of keys after the other.
    [[nodiscard]] bool closes_up_to(std::int64_t time);

    // How many totals of windows should be closed for good.
    [[nodiscard]] std::uint64_t closed_windows();

private:
    struct Total {
        Int128 cents = 0;
        std::int64_t count = 0;
        // Of a job with sets: how many, -1 where they were too many. Never one again then.
        std::int64_t values = 0;
        std::optional<std::int64_t> median;  // of the same values, each as often as it came
        // Of a job with windows.
        Int128 most = 0;         // cents of one record
        std::int64_t until = 0;  // end of the window
        bool is_final = false;
        friend bool operator==(const Total&, const Total&) = default;
    };
    // At its end, which is the last time and the gap, a session still takes records.
    [[nodiscard]] std::int64_t closes_at(const Total& total) const {
        return total.until + (swarm_.sessions ? 1 : 0) + swarm_.grace_ms;
    }
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
    // What the log says of a record of the source.
    struct Told {
        Offset at;
        const Input::Fact& fact;
        bool late = false;
        bool duplicate = false;
    };
    [[nodiscard]] std::vector<Told> told(PartitionId partition, bool before = false);
    // Source partitions moved on in time where nothing came, as the changelog keeps them.
    using Advances = std::map<Offset, std::int64_t>;
    [[nodiscard]] Advances advances(PartitionId partition);
    [[nodiscard]] bool settled();
    // The newest time of the partition's records below there, and of its advances: of those at that
    // very place as well, if `at_too`. -1 where there is none.
    [[nodiscard]] std::int64_t watermark(PartitionId partition, Offset below, bool at_too);
    // Whether a watermark there may be that one: of the advances at the very place, which take the
    // place of each other, it may have some and not others.
    [[nodiscard]] bool may_be_watermark(PartitionId partition, Offset there, std::int64_t found);
    // Of a job that looks for duplicates: where the oldest record stands whose id matters there.
    [[nodiscard]] Horizon horizon(PartitionId partition, Offset position);
    [[nodiscard]] std::int64_t clock();
    struct Window {
        std::int64_t start = 0;
        std::int64_t end = 0;
    };
    [[nodiscard]] bool overlap() const { return swarm_.slide_ms < swarm_.window_ms; }
    // Of windows that do not overlap, where they do the panes that they are made of; of sessions
    // the millisecond, by which a record is late or not.
    [[nodiscard]] Window window_of(std::int64_t time) const;
    // Where a record counts: the key of the result, and when its window ends.
    struct Place {
        std::string key;
        std::int64_t until = 0;
    };
    [[nodiscard]] std::vector<Place> places_of(const Input::Fact& fact) const;
    // What it is part of as a whole, as if that were a window, and the end of the last one over it.
    [[nodiscard]] Place pane_of(const Input::Fact& fact) const;
    // Those that are to be in a total, of all partitions.
    [[nodiscard]] std::vector<Input::Fact> in_time(bool before);
    // The session of each of them, in their order: no record alone says which one it is in.
    [[nodiscard]] std::vector<Place> sessions_of(const std::vector<Input::Fact>& facts) const;
    using Totals = std::map<std::string, Total>;  // by the key of the result
    // Of sessions, which become one another, the counts of all of one seller.
    [[nodiscard]] std::map<std::string, std::int64_t> counts_of(const Totals& totals) const;
    // `panes`: of a job with windows by what these are made of.
    [[nodiscard]] Totals expected(bool before, bool panes = false);
    [[nodiscard]] bool totals_are_counted_again();
    [[nodiscard]] bool read_windowed(std::string value, std::string& key, Total& total) const;
    // `whole`: nothing of the results topic is gone.
    [[nodiscard]] std::optional<std::string> read_results(Totals& published, bool whole);
    [[nodiscard]] std::optional<std::string> check_results();
    [[nodiscard]] std::optional<std::string> check_chain(PartitionId state);
    [[nodiscard]] std::optional<std::string> check_watermarks(const SourceRange& range,
                                                              std::int64_t before);
    [[nodiscard]] std::optional<std::string> check_meta(PartitionId state);
    [[nodiscard]] std::optional<std::string> check_numbers(PartitionId state);
    using Records = std::map<std::string_view, std::string_view>;
    // Of a changelog partition the last one of each key.
    [[nodiscard]] Records last_of_each(PartitionId state);
    [[nodiscard]] std::optional<std::string> check_changelog(PartitionId state);
    [[nodiscard]] std::optional<std::string> check_windows();
    [[nodiscard]] std::optional<std::string> check_open(std::string_view state_key,
                                                        std::string_view total, Totals& open);
    [[nodiscard]] std::vector<SourceRange> read_twice();
    [[nodiscard]] std::optional<std::string> check_finals();
    [[nodiscard]] std::optional<std::string> check_set_aside(TopicRole topic);
    [[nodiscard]] std::optional<std::string> check_offsets();
    [[nodiscard]] std::optional<std::string> check_marks();
    [[nodiscard]] std::optional<std::string> check_advances();
    [[nodiscard]] bool was_end(PartitionId partition, Offset position, Isolation isolation);
    [[nodiscard]] std::uint64_t steps_of(PartitionId partition);

    Cluster& cluster_;
    const Input& input_;
    const Swarm& swarm_;
    const Job job_;
};

}  // namespace kstream::sim
