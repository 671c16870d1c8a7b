#include "bench/figures/expected.hpp"

#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/time_text.hpp"

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

// The row of a group in the window that begins then.
void add_row(StatementRows& rows, std::string_view column, std::string_view name,
             std::int64_t start_s, const StatementTotal& total) {
    std::string start;
    append_timestamp(start, start_s * 1000);
    rows[fmt::format(R"(["{}","{}"])", name, start)] =
        fmt::format(R"({{"{}":"{}","de":"{}","n":{},"total":{}}})", column, name, start,
                    total.count, amount(total.cents));
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

StatementRows window_rows(const GeneratorOptions& options, std::uint64_t count, std::int64_t size,
                          std::int64_t slide) {
    const TransactionGenerator generator(options);
    std::map<std::pair<std::uint32_t, std::int64_t>, StatementTotal> totals;
    for (std::uint64_t i = 0; i < count; ++i) {
        const Transaction record = generator.record(i);
        for (std::int64_t start = record.time_s - record.time_s % slide;
             start > record.time_s - size; start -= slide) {
            totals[{record.seller, start}].add(record.value_cents);
        }
    }
    StatementRows rows;
    for (const auto& [window, total] : totals) {
        add_row(rows, "id_vendedor", fmt::format("vendedor_{}", window.first), window.second,
                total);
    }
    return rows;
}

// Times only go on, so a user's last session is the only one that may go on.
StatementRows session_rows(const GeneratorOptions& options, std::uint64_t count, std::int64_t gap) {
    struct Session {
        std::int64_t start = 0;
        std::int64_t last = 0;
        StatementTotal total;
    };
    const TransactionGenerator generator(options);
    std::vector<Session> newest(options.users + 1);
    StatementRows rows;
    const auto end = [&](std::size_t user) {
        if (newest[user].total.count > 0) {
            add_row(rows, "id_usuario", fmt::format("user_{}", user), newest[user].start,
                    newest[user].total);
        }
    };
    for (std::uint64_t i = 0; i < count; ++i) {
        const Transaction record = generator.record(i);
        Session& session = newest[record.user];
        if (session.total.count == 0 || record.time_s - session.last > gap) {
            end(record.user);
            session = {.start = record.time_s, .last = record.time_s, .total = {}};
        }
        session.last = record.time_s;
        session.total.add(record.value_cents);
    }
    for (std::size_t user = 0; user < newest.size(); ++user) {
        end(user);
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
