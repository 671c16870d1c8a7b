// decode: what a record costs one core without Kafka. Pieces of 4,096 records are made and encoded
// with their partition, as `produce` does, and then decoded, as the map loop does: the whole record
// contract is checked, sums are exact. Both halves are timed apart, in CPU time of the one thread;
// a piece stays in the cache, as in real life, where the client library has just copied or
// decompressed it. Not in it: the key table, the client library.
//
// Checked: the totals of the decoded records against those of the generator.
#include "bench/scenarios.hpp"
#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/reader/record_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace kstream::bench {

namespace {

constexpr std::uint64_t kMaxRecords = 5'000'000;  // of a round: about a second each
constexpr std::size_t kPiece = 4096;
constexpr int kPartitions = 6;
constexpr Int128 kUnitsPerCent = 10'000'000;  // at the default scale of 9

class DecodeRound {
public:
    explicit DecodeRound(const GeneratorOptions& options)
        : generator_(options),
          reader_(make_record_reader(cli::default_job())),
          bytes_(kPiece * kTransactionRoom),
          values_(kPiece),
          units_(kPiece),
          sellers_(kPiece) {}

    void run(std::uint64_t records) {
        for (std::uint64_t first = 0; first < records; first += kPiece) {
            const std::size_t count =
                static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, records - first));
            const double begin = thread_cpu_seconds();
            encode(first, count);
            const double encoded = thread_cpu_seconds();
            decode(count);
            encode_seconds_ += encoded - begin;
            decode_seconds_ += thread_cpu_seconds() - encoded;
            fold(count);
        }
    }

    [[nodiscard]] double encode_seconds() const { return encode_seconds_; }
    [[nodiscard]] double decode_seconds() const { return decode_seconds_; }
    [[nodiscard]] const std::vector<SellerTotal>& totals() const { return totals_; }
    // Used, so that no work can be left out.
    [[nodiscard]] std::uint64_t partition_sum() const { return partition_sum_; }

private:
    void encode(std::uint64_t first, std::size_t count) {
        char* at = bytes_.data();
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t size = encode_transaction(generator_.record(first + i), at);
            values_[i] = {at, size};
            partition_sum_ += static_cast<std::uint64_t>(
                partition_for_key(transaction_key(values_[i]), kPartitions).value);
            at += size;
        }
    }

    void decode(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const bool good = reader_->read(values_[i]).ok;
            units_[i] = good ? reader_->inputs()[0].units : -1;
            sellers_[i] = reader_->group().values[0].text;
        }
    }

    // Not timed: the key table's work, done in a simpler way.
    void fold(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            std::size_t seller = 0;
            for (const char c : sellers_[i].substr(std::string_view("vendedor_").size())) {
                seller = seller * 10 + static_cast<std::size_t>(c - '0');
            }
            totals_.resize(std::max(totals_.size(), seller));
            ++totals_[seller - 1].count;
            totals_[seller - 1].cents += static_cast<std::uint64_t>(units_[i] / kUnitsPerCent);
        }
    }

    TransactionGenerator generator_;
    std::unique_ptr<RecordReader> reader_;
    std::vector<char> bytes_;
    std::vector<std::string_view> values_;
    std::vector<Int128> units_;
    std::vector<std::string_view> sellers_;  // into bytes_
    std::vector<SellerTotal> totals_;
    std::uint64_t partition_sum_ = 0;
    double encode_seconds_ = 0;
    double decode_seconds_ = 0;
};

}  // namespace

Result<ScenarioResult> measure_decode(const cli::BenchConfig& config) {
    const GeneratorOptions options = bench_generator(config.seed, config.sellers);
    const std::uint64_t records = std::min(config.records, kMaxRecords);
    Expected expected;
    expected.add(options, records);
    ScenarioResult result{.name = "decode",
                          .checked = "the totals of the decoded records of each round",
                          .figures = {}};
    const auto count = static_cast<double>(records);
    DecodeRound(options).run(std::max<std::uint64_t>(records / kWarmUpShare, kPiece));
    for (int i = 0; i < config.rounds; ++i) {
        DecodeRound round(options);
        round.run(records);
        if (const std::string found = difference(expected.sellers, round.totals());
            !found.empty() || round.partition_sum() == 0) {
            return fail(ExitCode::proved_wrong,
                        "the decoded records are not those that were made: " + found);
        }
        using enum Better;
        result.add("encode_records_per_second", "records/s", higher,
                   count / round.encode_seconds());
        result.add("decode_records_per_second", "records/s", higher,
                   count / round.decode_seconds());
        result.add("bytes_per_record", "bytes", neither,
                   static_cast<double>(expected.bytes) / count - kTransactionKeySize);
    }
    return result;
}

}  // namespace kstream::bench
