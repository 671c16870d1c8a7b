#include "bench/results_view.hpp"

#include "kstream/core/aggregates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace kstream::bench {

namespace {

constexpr Duration kLook = std::chrono::milliseconds(50);
constexpr Duration kPatience = std::chrono::minutes(2);
constexpr std::string_view kSellerPrefix = "vendedor_";
constexpr int kScale = 2;  // amounts are in cents
constexpr int kHundred = 100;

// A result is a record like any other: its fields are read as those of the source are.
AggregationSpec result_spec() {
    return {.source_topic = "results",
            .group_by = {"id_vendedor"},
            .aggregates = {{aggregate_named("sum"), "valor_total_por_vendedor", "sum"},
                           {aggregate_named("sum"), "numero_transacoes", "count"}},
            .scale = kScale};
}

kafka::TopicNames names_of(const BenchJob& job) {
    kafka::TopicNames names;
    names.set(TopicRole::results, job.names().results);
    return names;
}

std::uint32_t seller_number(std::string_view name) {
    std::uint32_t number = 0;
    if (name.starts_with(kSellerPrefix)) {
        name.remove_prefix(kSellerPrefix.size());
        std::from_chars(name.data(), name.data() + name.size(), number);
    }
    return number;
}

}  // namespace

ResultsView::ResultsView(const Bench& bench, const BenchJob& job, std::uint32_t sellers)
    : clock_(bench.clock),
      reader_(bench.client, names_of(job), "results"),
      partitions_(job.partitions(TopicRole::results)),
      records_(make_record_reader(result_spec())),
      changed_(clock_.now()),
      sellers_(sellers) {}

Result<void> ResultsView::poll(Duration wait) {
    if (!open_) {
        for (int i = 0; i < partitions_; ++i) {
            if (auto opened = reader_.open(TopicRole::results, PartitionId{i}, Offset{0});
                !opened) {
                return opened;
            }
        }
        open_ = true;
    }
    const Result<RecordBatch> batch = reader_.poll(TopicRole::results, wait);
    if (!batch) {
        return std::unexpected(batch.error());
    }
    if (!batch->empty()) {
        changed_ = clock_.now();
    }
    for (const RecordView& record : *batch) {
        if (auto taken = take(record); !taken) {
            return taken;
        }
    }
    return {};
}

Result<void> ResultsView::take(const RecordView& record) {
    const bool good = !record.is_tombstone() && records_->read(record.value()).ok;
    const std::uint32_t seller = good ? seller_number(records_->group().values[0].text) : 0;
    if (seller == 0 || seller > sellers_.size()) {
        return fail(ExitCode::proved_wrong,
                    fmt::format("results partition {} offset {} is no total of this run",
                                record.partition.value, record.record_offset.value));
    }
    SellerTotal& total = sellers_[seller - 1];
    const auto count = static_cast<std::uint64_t>(records_->inputs()[1].units) / kHundred;
    count_ += count - total.count;
    total.count = count;
    total.cents = static_cast<std::uint64_t>(records_->inputs()[0].units);
    ++results_;
    if (on_total_) {
        on_total_(seller, count, changed_);
    }
    return {};
}

Result<void> wait_for_totals(Bench& bench, ResultsView& view, ChildProcess& child,
                             std::uint64_t records) {
    while (view.count() < records) {
        if (auto polled = view.poll(kLook); !polled) {
            return polled;
        }
        if (bench.stopped()) {
            return std::unexpected(interrupted_bench());
        }
        const std::optional<ChildEnd> end = child.wait(Duration(0));
        if (end && end->exit_code != 0) {
            return fail(ExitCode::incomplete, fmt::format("aggregate ended with {}: {}",
                                                          end->exit_code, child.trouble()));
        }
        if (bench.clock.now() - view.changed() > kPatience) {
            // Only an aggregate that says it is done has totals that can be wrong.
            return fail(end ? ExitCode::proved_wrong : ExitCode::incomplete,
                        fmt::format("{} of {} records are in the totals, and no more come",
                                    view.count(), records));
        }
    }
    return {};
}

Result<void> check_totals(const ResultsView& view, const Expected& expected) {
    if (const std::string found = difference(expected.sellers, view.sellers()); !found.empty()) {
        return fail(ExitCode::proved_wrong, "the totals are not those of the records: " + found);
    }
    return {};
}

}  // namespace kstream::bench
