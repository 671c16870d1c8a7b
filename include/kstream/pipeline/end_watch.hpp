// When `--until end` is done (protocol P11): the ends of all source partitions are taken at the
// start, and the job is done when the committed meta of every state partition says that every one
// of them is applied that far - whoever owns the partitions by then.
//
// With `closes`, time ends then: the loops are told to (wants_time_to_end()), and the job is done
// when every state partition has applied that, and has no window left to close.
//
// Where a transaction is open at the start, records stand after the last stable offset that nobody
// may read yet. When all before is applied, it is looked at again: what has been decided meanwhile
// is to be applied as well, and what is open for good is an error of the run.
#pragma once

#include "kstream/codec/changelog.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/meta_reader.hpp"
#include "kstream/pipeline/question.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log_reader.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace kstream {

class EndWatch {
public:
    EndWatch(const Job& job, ClusterQueries& queries, LogReader& reader, bool closes = false);

    // All is applied that was there at the start; only of one that `closes`.
    [[nodiscard]] bool wants_time_to_end() const { return ending_; }

    // One step, soon over. True once everything is applied. The error open_transaction: everything
    // is but what stands after an open transaction. The error integrity: more is than is there.
    [[nodiscard]] Result<bool> advance(Duration wait);

    // A transaction was still open at the last look, or the log too short: the next step may wait a
    // moment.
    [[nodiscard]] bool looks_again() const { return looks_ > 0; }

    // So often, before a transaction is said to be open, which they end by themselves within
    // milliseconds where a topic is written all the time, or a log to be cut off.
    static constexpr int kMaxLooks = 40;

private:
    // watch and look_again take turns as long as there is anything after the ends; then the last.
    enum class Stage : std::uint8_t {
        count_partitions,
        take_log_ends,
        take_ends,
        take_start,
        take_stable,
        watch,
        look_again,
        look_at_source,
        look_at_repartition
    };
    Result<bool> ask(Query query, QueryAnswer& answer);
    Result<bool> count_partitions();
    Result<bool> take_ends(TopicRole topic, Isolation isolation, std::vector<Offset>& ends);
    Result<bool> look_again();
    Result<bool> look_for_loss(TopicRole topic, const std::vector<Offset>& held);
    [[nodiscard]] std::vector<Offset> held_of_source() const;
    [[nodiscard]] std::vector<Offset> held_of_repartition() const;
    [[nodiscard]] Error open_transaction() const;
    Result<bool> take_bound(Query::Kind kind, std::vector<OffsetAnswer>& into);
    Result<bool> watch(Duration wait);
    [[nodiscard]] bool reached(const std::optional<Meta>& meta) const;

    const Job& job_;
    Question question_;
    MetaReader metas_;
    const bool closes_;
    bool ending_ = false;
    Stage stage_ = Stage::count_partitions;
    std::int32_t source_partitions_ = 0;
    std::vector<Offset> log_ends_;      // by source partition, whether or not it may be read
    std::vector<Offset> ends_;          // to be applied; at most log_ends_, and at the end the same
    int looks_ = 0;                     // without anything new, or too short
    std::vector<OffsetAnswer> starts_;  // of the changelog, by state partition
    std::vector<OffsetAnswer> stable_;
};

}  // namespace kstream
