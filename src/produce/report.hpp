// How a `produce` run ended, as text for people and as one JSON object for machines, and the
// progress line on the way. Pure: figures in, text out.
#pragma once

#include "kafka/producer.hpp"
#include "kstream/exit_code.hpp"
#include "kstream/latency_histogram.hpp"
#include "kstream/model/shape.hpp"
#include "kstream/model/skew.hpp"
#include "kstream/model/transaction.hpp"
#include "kstream/produce_status.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace kstream::produce {

struct ProduceReport {
    std::string topic;
    // What the records were made from: with these options the run can be repeated.
    Shape shape = Shape::transactions;
    std::uint64_t seed = 0;
    std::int64_t start_time_s = 0;
    std::int64_t out_of_order_millionths = 0;
    std::chrono::milliseconds out_of_order_by{};  // counts where there is such a share
    // Of transactions alone.
    std::uint32_t users = 0;
    std::uint32_t sellers = 0;
    std::uint32_t locations = 0;
    Skew skew = Skew::even;
    TransactionForm form = TransactionForm::flat;
    // The records are those with numbers below this; absent when several threads were stopped each
    // at a number of its own.
    std::optional<std::uint64_t> count;

    int threads = 1;
    std::optional<double> rate;          // asked for
    std::optional<std::uint64_t> asked;  // --count
    bool cut_off = false;                // by a signal, a failure or the end of --duration
    std::uint64_t made = 0;
    // Under a schedule: due before the end of the run and not made, because the queue was full.
    std::uint64_t behind = 0;
    kafka::DeliveryCounts counts;
    double seconds = 0;           // first record made to last record answered
    LatencyHistogram latency_us;  // of the acknowledged; from the intended time under a rate, else
                                  // from the moment when the record was made
};

// ok only when everything that was made was acknowledged, and everything that was asked for was
// made, unless the run was cut off.
[[nodiscard]] ExitCode exit_code_of(const ProduceReport& report);

// Several lines, the last one ended.
[[nodiscard]] std::string to_text(const ProduceReport& report);

// One object on one line, ended. Fields are only ever added:
//   topic; made = acknowledged + failed + unknown; behind; seconds; records_per_second, bytes and
//   megabytes_per_second (10^6) of acknowledged keys and values; latency_ms {p50, p99, p99_9,
//   max} and latency_from "intended_time" | "made"; seed, start_time, users, sellers, locations,
//   skew "even" | "zipf" (these four null: not of this shape) and count (null: not a prefix); rate
//   (null: none asked for); threads; asked (--count, or null); shape "transactions" | "nexmark" |
//   "shuffle"; form "flat" | "nested" (null: not of this shape); out_of_order, a share, and
//   out_of_order_by, seconds (null: all are in order).
[[nodiscard]] std::string to_json(const ProduceReport& report);

// One line, not ended. `rate` is acknowledged records per second of late.
[[nodiscard]] std::string progress_line(const ProduceStatus& status, double rate);

}  // namespace kstream::produce
