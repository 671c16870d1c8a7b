#include "bench/figures/expected.hpp"

#include "kstream/codec/transaction_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

namespace kstream::bench {

std::uint64_t record_checksum(std::string_view value) {
    return std::hash<std::string_view>{}(value);
}

void Expected::add(const GeneratorOptions& options, std::uint64_t count) {
    const TransactionGenerator generator(options);
    sellers.resize(std::max<std::size_t>(sellers.size(), options.sellers));
    std::array<char, kTransactionRoom> room{};
    for (std::uint64_t i = 0; i < count; ++i) {
        const Transaction record = generator.record(i);
        const std::size_t size = encode_transaction(record, room.data());
        bytes += size + kTransactionKeySize;
        checksum += record_checksum({room.data(), size});
        SellerTotal& total = sellers[record.seller - 1];
        ++total.count;
        total.cents += record.value_cents;
    }
    records += count;
}

std::uint64_t Expected::keys() const {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(sellers, [](const SellerTotal& total) { return total.count > 0; }));
}

std::string difference(const std::vector<SellerTotal>& expected,
                       const std::vector<SellerTotal>& found) {
    for (std::size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
        const SellerTotal wanted = i < expected.size() ? expected[i] : SellerTotal{};
        const SellerTotal got = i < found.size() ? found[i] : SellerTotal{};
        if (wanted != got) {
            return fmt::format("vendedor_{}: {} records and {} cents expected, {} and {} found",
                               i + 1, wanted.count, wanted.cents, got.count, got.cents);
        }
    }
    return {};
}

}  // namespace kstream::bench
