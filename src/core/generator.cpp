// Which random word becomes which field. The assignment is what a seed means to its user: golden
// values in tests/unit/core/generator_test.cpp hold it in place.
#include "kstream/core/generator.hpp"

#include "kstream/check.hpp"

#include <cstddef>
#include <utility>

namespace kstream {

namespace {

template <std::size_t... Stream>
std::array<SplitMix64, sizeof...(Stream)> split(std::uint64_t seed,
                                                std::index_sequence<Stream...>) {
    return {sequence_of(seed, Stream)...};
}

std::uint32_t one_of(std::uint64_t word, std::uint32_t bound) {
    return static_cast<std::uint32_t>(to_range(word, bound)) + 1;
}

// Takes the next digit of a mixed-radix number.
template <typename Enum>
Enum take(std::uint64_t& digits, std::uint32_t radix) {
    const auto value = static_cast<Enum>(digits % radix);
    digits /= radix;
    return value;
}

}  // namespace

TransactionGenerator::TransactionGenerator(const GeneratorOptions& options)
    : options_(options), streams_(split(options.seed, std::make_index_sequence<kStreams>{})) {
    KSTREAM_CHECK(options.event_rate >= 1, "event_rate divides");
    KSTREAM_CHECK(options.users >= 1 && options.sellers >= 1 && options.locations >= 1,
                  "a field has at least one value");
    if (options.skew == Skew::zipf) {
        zipf_.emplace(options.sellers);
    }
}

Transaction TransactionGenerator::record(std::uint64_t index) const {
    // Version 4 and the RFC 9562 variant stand in fixed bits; the other 122 are random.
    constexpr std::uint64_t kVersionMask = 0xf000ULL;
    constexpr std::uint64_t kVersion = 0x4000ULL;
    constexpr std::uint64_t kVariantMask = 0xc000'0000'0000'0000ULL;
    constexpr std::uint64_t kVariant = 0x8000'0000'0000'0000ULL;
    constexpr std::uint32_t kValues = kMaxValueCents - kMinValueCents + 1;
    constexpr std::uint32_t kSmallFields = kTransactionTypes * kPaymentMethods * kCurrencies * 2;

    Transaction made;
    made.id_high = (streams_[0].at(index) & ~kVersionMask) | kVersion;
    made.id_low = (streams_[1].at(index) & ~kVariantMask) | kVariant;
    made.time_s = options_.start_time_s + static_cast<std::int64_t>(index / options_.event_rate);
    made.user = one_of(streams_[2].at(index), options_.users);
    made.value_cents =
        kMinValueCents + static_cast<std::uint32_t>(to_range(streams_[3].at(index), kValues));
    const std::uint64_t seller = streams_[4].at(index);
    made.seller = zipf_ ? zipf_->rank(seller) : one_of(seller, options_.sellers);
    made.location = one_of(streams_[5].at(index), options_.locations);
    std::uint64_t digits = to_range(streams_[6].at(index), kSmallFields);
    made.type = take<TransactionType>(digits, kTransactionTypes);
    made.method = take<PaymentMethod>(digits, kPaymentMethods);
    made.currency = take<Currency>(digits, kCurrencies);
    made.international = digits != 0;
    return made;
}

Transaction TransactionGenerator::record_set_back(std::uint64_t index, std::int64_t back_ms) const {
    constexpr std::int64_t kMs = 1000;
    const std::uint64_t rate = options_.event_rate;
    const auto ms_in_second = static_cast<std::int64_t>(index % rate * kMs / rate);
    Transaction made = record(index);
    if (back_ms > ms_in_second) {
        made.time_s -= (back_ms - ms_in_second + kMs - 1) / kMs;
    }
    return made;
}

}  // namespace kstream
