// Fixed pieces of the per-record work, for tests/bench/instructions.py: which counts their
// instructions under callgrind, and fails where a change makes them more. Every run of one binary
// does exactly the same.
//
//   instruction_bench WORK COUNT     decode, encode, fold, aggregate: COUNT records; restore: keys
//   instruction_bench memory COUNT   prints the bytes on the heap for each of COUNT keys of a state
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/generator.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "kstream/reader/record_reader.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <malloc.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What callgrind counts: its name is given to --toggle-collect.
extern "C" [[gnu::noinline]] void kstream_measured(const std::function<void()>& work) {
    work();
}

namespace {

using namespace kstream;

constexpr std::int32_t kStatePartitions = 2;
constexpr std::size_t kStepRecords = 10'000;
constexpr std::size_t kPollRecords = 1'000;

void require(bool good, const char* what) {
    if (!good) {
        std::fprintf(stderr, "instruction_bench: %s\n", what);
        std::exit(1);
    }
}

// Of the generator, and views of them as records of source partition 0.
struct Records {
    Records(std::size_t count, std::uint32_t sellers) {
        const TransactionGenerator generator(
            {.seed = 7, .start_time_s = 1'700'000'000, .sellers = sellers});
        std::array<char, kTransactionRoom> room{};
        texts.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            texts.emplace_back(room.data(), encode_transaction(generator.record(i), room.data()));
        }
        for (std::size_t i = 0; i < count; ++i) {
            RecordView view;
            view.partition = PartitionId{0};
            view.record_offset = Offset{static_cast<std::int64_t>(i)};
            view.timestamp_ms = 1000;
            view.value_data = texts[i].data();
            view.value_size = static_cast<std::uint32_t>(texts[i].size());
            views.push_back(view);
        }
    }
    std::vector<std::string> texts;
    std::vector<RecordView> views;
};

void decode(std::size_t count) {
    const Records records(count, 3);
    const auto reader = make_record_reader(testing::seed_spec());
    kstream_measured([&] {
        for (const std::string& text : records.texts) {
            require(reader->read(text).ok, "a record is refused");
        }
    });
}

void encode(std::size_t count) {
    const TransactionGenerator generator({.seed = 7, .start_time_s = 1'700'000'000});
    std::array<char, kTransactionRoom> room{};
    std::size_t bytes = 0;
    kstream_measured([&] {
        for (std::size_t i = 0; i < count; ++i) {
            bytes += encode_transaction(generator.record(i), room.data());
        }
    });
    require(bytes > count, "nothing is encoded");
}

// What a map loop does with records: steps of kStepRecords. `sealed` sees each step.
void run_map(const Job& job, const Records& records, const std::function<void(Step&)>& sealed) {
    testing::RecordingLog log;
    MapFold fold{job, {}, log};
    const std::span<const RecordView> all{records.views};
    for (std::size_t from = 0; from < all.size(); from += kStepRecords) {
        const std::size_t to = std::min(all.size(), from + kStepRecords);
        for (std::size_t at = from; at < to; at += kPollRecords) {
            require(fold.fold(all.subspan(at, std::min(kPollRecords, to - at))).has_value(),
                    "the map fold refuses a record");
        }
        Step step;
        step.ranges.push_back({PartitionId{0}, Offset{static_cast<std::int64_t>(from)},
                               Offset{static_cast<std::int64_t>(to)}});
        require(fold.seal(step).has_value(), "a map step cannot be sealed");
        sealed(step);
        fold.committed(1000);
    }
}

void fold(std::size_t count) {
    const Job job = testing::make_job(kStatePartitions, 1);
    const Records records(count, 3);
    std::size_t written = 0;
    kstream_measured([&] {
        run_map(job, records, [&](Step& step) { written += step.outputs.records().size(); });
    });
    require(written > 0, "no delta is written");
}

// Both loops, one after the other: records to deltas to totals.
class Totals {
public:
    explicit Totals(const Job& job) : fold_(job, {}, log_) {
        for (std::int32_t p = 0; p < kStatePartitions; ++p) {
            fold_.install(std::make_unique<TotalsState>(job, PartitionId{p}));
        }
    }
    // All of what a map step has written, in a step of its own.
    void take(const OutputBatch& deltas) {
        for (const OutputBatch::Record& record : deltas.records()) {
            const std::string_view value = *deltas.value(record);
            RecordView view;
            view.partition = record.partition;
            Offset& next = next_[static_cast<std::size_t>(record.partition.value)];
            view.record_offset = next;
            next = Offset{next.value + 1};
            view.timestamp_ms = 1000;
            view.value_data = value.data();
            view.value_size = static_cast<std::uint32_t>(value.size());
            require(fold_.fold({&view, 1}).has_value(), "the totals fold refuses a delta");
        }
        Step step;
        for (std::int32_t p = 0; p < kStatePartitions; ++p) {
            const auto at = static_cast<std::size_t>(p);
            step.ranges.push_back({PartitionId{p}, from_[at], next_[at]});
            from_[at] = next_[at];
        }
        require(fold_.seal(step).has_value(), "a totals step cannot be sealed");
        fold_.committed(1000);
        written += step.outputs.records().size();
    }
    std::size_t written = 0;

private:
    testing::RecordingLog log_;
    TotalsFold fold_;
    std::array<Offset, kStatePartitions> from_{};
    std::array<Offset, kStatePartitions> next_{};
};

void aggregate(std::size_t count) {
    const Job job = testing::make_job(kStatePartitions, 1);
    const Records records(count, 1000);
    Totals totals{job};
    // Where the source begins, as the first map step of all says it.
    testing::RecordingLog log;
    MapFold opening{job, {}, log};
    Step open;
    open.ranges.push_back({PartitionId{0}, Offset{0}, Offset{0}});
    require(opening.seal_open(open).has_value(), "the base of the source cannot be sealed");
    totals.take(open.outputs);
    kstream_measured(
        [&] { run_map(job, records, [&](Step& step) { totals.take(step.outputs); }); });
    require(totals.written > count / kStepRecords, "no total is written");
}

// One changelog record, as a state writes it.
struct Entry {
    std::string key;
    std::string value;
};

Entry entry(std::size_t number, const Job& job) {
    const std::string seller = "vendedor_" + std::to_string(number);
    std::string state_key;
    encode_state_key({{{GroupValueType::string, seller}}}, state_key);
    Entry made;
    append_total_key(made.key, state_key);
    const std::vector<Slot> slots{{static_cast<Int128>(number) * 1'000'000'000, true}, {1, true}};
    append_total_value(made.value, 1, job.kinds, slots);
    return made;
}

void restore(std::size_t count) {
    const Job job = testing::make_job(kStatePartitions, 1);
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < count; ++i) {
        entries.push_back(entry(i, job));
    }
    TotalsState state{job, PartitionId{0}};
    kstream_measured([&] {
        for (const Entry& one : entries) {
            require(state.restore(one.key, one.value).has_value(), "a total is refused");
        }
    });
    require(state.keys() == count, "keys are missing");
}

std::size_t heap() {
    const auto now = ::mallinfo2();
    return now.uordblks + now.hblkhd;
}

void memory(std::size_t count) {
    const Job job = testing::make_job(kStatePartitions, 1);
    const std::size_t before = heap();
    TotalsState state{job, PartitionId{0}};
    for (std::size_t i = 0; i < count; ++i) {
        const Entry one = entry(i, job);
        require(state.restore(one.key, one.value).has_value(), "a total is refused");
    }
    require(state.keys() == count, "keys are missing");
    std::printf("%zu\n", (heap() - before) / count);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view work = argc == 3 ? argv[1] : "";
    const std::size_t count = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    require(count > 0, "usage: instruction_bench WORK COUNT");
    if (work == "decode") {
        decode(count);
    } else if (work == "encode") {
        encode(count);
    } else if (work == "fold") {
        fold(count);
    } else if (work == "aggregate") {
        aggregate(count);
    } else if (work == "restore") {
        restore(count);
    } else if (work == "memory") {
        memory(count);
    } else {
        require(false, "no such work");
    }
    return 0;
}
