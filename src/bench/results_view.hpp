// The totals as a read_committed reader of the results topic sees them.
#pragma once

#include "bench/bench.hpp"
#include "kafka/topic_reader.hpp"
#include "kstream/reader/record_reader.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace kstream::bench {

class ResultsView {
public:
    ResultsView(const Bench& bench, const BenchJob& job, std::uint32_t sellers);

    // Reads what there is, waiting up to `wait` for the first record. Errors: of the client;
    // proved_wrong for a result that is none of this job's.
    Result<void> poll(Duration wait);

    // Called with each total in the order of its partition, when it has become visible.
    using OnTotal = std::function<void(std::uint32_t seller, std::uint64_t count, Instant at)>;
    void on_total(OnTotal called) { on_total_ = std::move(called); }

    [[nodiscard]] std::uint64_t count() const { return count_; }      // of all sellers
    [[nodiscard]] Instant changed() const { return changed_; }        // when a total came last
    [[nodiscard]] std::uint64_t results() const { return results_; }  // records read
    [[nodiscard]] const std::vector<SellerTotal>& sellers() const { return sellers_; }

private:
    Result<void> take(const RecordView& record);

    const Clock& clock_;
    kafka::TopicReader reader_;
    int partitions_;
    bool open_ = false;
    std::unique_ptr<RecordReader> records_;
    OnTotal on_total_;
    std::uint64_t count_ = 0;
    std::uint64_t results_ = 0;
    Instant changed_;
    std::vector<SellerTotal> sellers_;
};

// Polls until the counts sum up to `records`. Errors: the child ends otherwise than with 0 or more
// is counted than there is; no new total for two minutes; a stop.
[[nodiscard]] Result<void> wait_for_totals(Bench& bench, ResultsView& view, ChildProcess& child,
                                           std::uint64_t records);

// Errors: proved_wrong, naming the first difference.
[[nodiscard]] Result<void> check_totals(const ResultsView& view, const Expected& expected);

}  // namespace kstream::bench
