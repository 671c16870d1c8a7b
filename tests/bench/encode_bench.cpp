// Generating and encoding alone, without Kafka, on one core: records/s and ns/record, best and
// median of several rounds. Not a test: run by hand, and compare only within one machine.
#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/generator.hpp"
#include "kstream/core/murmur2.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using kstream::TransactionGenerator;

constexpr std::uint64_t kRecords = 5'000'000;
constexpr int kRounds = 7;
// As a batch of the producer: it stays in the cache.
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;
constexpr int kPartitions = 6;

struct Round {
    double seconds;
    std::uint64_t bytes;
    std::uint64_t partition_sum;  // used, so that no work can be left out
};

Round run_round(const TransactionGenerator& generator, std::vector<char>& buffer) {
    const auto begin = std::chrono::steady_clock::now();
    Round round{};
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
        if (at + kstream::kTransactionRoom > buffer.size()) {
            at = 0;
        }
        const std::size_t size = kstream::encode_transaction(generator.record(i), &buffer[at]);
        const std::string_view key = kstream::transaction_key({&buffer[at], size});
        const auto partition = kstream::partition_for_key(key, kPartitions);
        round.partition_sum += static_cast<std::uint64_t>(partition.value);
        round.bytes += size;
        at += size;
    }
    round.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return round;
}

}  // namespace

int main() {
    const TransactionGenerator generator({.seed = 7, .start_time_s = 1'700'000'000});
    std::vector<char> buffer(kBufferBytes);
    std::vector<double> seconds;
    Round last{};
    for (int i = 0; i < kRounds; ++i) {
        last = run_round(generator, buffer);
        seconds.push_back(last.seconds);
    }
    std::ranges::sort(seconds);
    const auto per_second = [](double s) { return static_cast<double>(kRecords) / s; };
    fmt::print(
        "generate + encode + partition: best {:.2f} M records/s ({:.1f} ns), median {:.2f} M\n",
        per_second(seconds.front()) / 1e6, seconds.front() * 1e9 / kRecords,
        per_second(seconds[kRounds / 2]) / 1e6);
    fmt::print("{:.1f} bytes/record, {:.0f} MB/s, partition sum {}\n",
               static_cast<double>(last.bytes) / kRecords,
               static_cast<double>(last.bytes) / seconds.front() / 1e6, last.partition_sum);
    return EXIT_SUCCESS;
}
