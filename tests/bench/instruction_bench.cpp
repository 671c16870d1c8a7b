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
#include "kstream/pipeline/totals_state.hpp"
#include "kstream/reader/record_reader.hpp"
#include "support/both_loops.hpp"
#include "support/encoded_records.hpp"
#include "support/fakes/test_job.hpp"
#include "support/measured.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace kstream;
using testing::EncodedRecords;
using testing::run_map;
using testing::TotalsLoop;

constexpr std::int32_t kStatePartitions = 2;

void require(bool good, const char* what) {
    if (!good) {
        std::fprintf(stderr, "instruction_bench: %s\n", what);
        std::exit(1);
    }
}

// Of so many sellers.
EncodedRecords records_of(std::size_t count, std::uint32_t sellers) {
    return {count, {.seed = 7, .start_time_s = 1'700'000'000, .sellers = sellers}};
}

void decode(std::size_t count) {
    const EncodedRecords records = records_of(count, 3);
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

void fold(std::size_t count) {
    const Job job = testing::make_job(kStatePartitions, 1);
    const EncodedRecords records = records_of(count, 3);
    std::size_t written = 0;
    kstream_measured([&] {
        run_map(job, records, [&](Step& step) { written += step.outputs.records().size(); });
    });
    require(written > 0, "no delta is written");
}

// Both loops, one after the other: records to deltas to totals.
void aggregate(std::size_t count) {
    const Job job = testing::make_job(kStatePartitions, 1);
    const EncodedRecords records = records_of(count, 1000);
    TotalsLoop totals{job};
    std::size_t written = 0;
    kstream_measured([&] {
        run_map(job, records,
                [&](Step& step) { written += totals.take(step.outputs).records().size(); });
    });
    require(written > count / testing::kStepRecords, "no total is written");
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
