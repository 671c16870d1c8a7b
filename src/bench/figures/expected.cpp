#include "bench/figures/expected.hpp"

#include "kstream/codec/transaction_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <map>

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
        const std::size_t size = encode_transaction(record, room.data(), options.form);
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

namespace {

struct StatementTotal {
    std::uint64_t count = 0;
    std::uint64_t cents = 0;
    std::uint64_t min = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t max = 0;

    void add(std::uint64_t value) {
        ++count;
        cents += value;
        min = std::min(min, value);
        max = std::max(max, value);
    }
};

// As SQL has a number: no digit that is not needed.
std::string amount(std::uint64_t cents) {
    const std::string digits = fmt::format("{}.{:02}", cents / 100, cents % 100);
    const std::size_t last = digits.find_last_not_of('0');
    return digits.substr(0, digits[last] == '.' ? last : last + 1);
}

}  // namespace

StatementRows where_rows(const GeneratorOptions& options, std::uint64_t count) {
    const TransactionGenerator generator(options);
    std::map<std::uint32_t, StatementTotal> totals;
    for (std::uint64_t i = 0; i < count; ++i) {
        const Transaction record = generator.record(i);
        if (record.currency == Currency::brl &&
            (record.method == PaymentMethod::pix || record.method == PaymentMethod::card)) {
            totals[record.seller].add(record.value_cents);
        }
    }
    StatementRows rows;
    for (const auto& [seller, total] : totals) {
        // Half away from zero.
        const std::uint64_t mean = (2 * total.cents + total.count) / (2 * total.count);
        const std::string key = fmt::format("vendedor_{}", seller);
        rows[key] = fmt::format(
            R"({{"id_vendedor":"{}","n":{},"total":{},"menor":{},"maior":{},"media":{}}})", key,
            total.count, amount(total.cents), amount(total.min), amount(total.max), amount(mean));
    }
    return rows;
}

StatementRows nested_rows(const GeneratorOptions& options, std::uint64_t count) {
    const TransactionGenerator generator(options);
    std::map<std::string_view, StatementTotal> totals;
    for (std::uint64_t i = 0; i < count; ++i) {
        const Transaction record = generator.record(i);
        totals[state_of(record)].add(record.value_cents);
    }
    StatementRows rows;
    for (const auto& [state, total] : totals) {
        rows[std::string{state}] = fmt::format(R"({{"uf":"{}","n":{},"total":{}}})", state,
                                               total.count, amount(total.cents));
    }
    return rows;
}

std::string difference(const StatementRows& expected, const StatementRows& found) {
    for (const auto& [key, value] : expected) {
        const auto got = found.find(key);
        if (got == found.end() || got->second != value) {
            return fmt::format("{}: {} expected, {} found", key, value,
                               got == found.end() ? "nothing" : got->second);
        }
    }
    for (const auto& [key, value] : found) {
        if (!expected.contains(key)) {
            return fmt::format("{}: nothing expected, {} found", key, value);
        }
    }
    return {};
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
