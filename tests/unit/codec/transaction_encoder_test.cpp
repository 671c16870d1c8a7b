// The expected texts are what Python 3's json.dumps prints for the same values.
#include "kstream/codec/transaction_encoder.hpp"

#include "kstream/core/generator.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {

namespace {

std::string encoded(const Transaction& transaction) {
    std::array<char, kTransactionRoom> out{};
    return {out.data(), encode_transaction(transaction, out.data())};
}

std::string value_text(std::uint32_t cents) {
    const std::string text = encoded({.value_cents = cents});
    const std::size_t begin = text.find("\"valor\": ") + 9;
    return text.substr(begin, text.find(',', begin) - begin);
}

}  // namespace

TEST_CASE("a record is encoded as Python's json.dumps prints it") {
    const TransactionGenerator generator({.seed = 7, .start_time_s = 1'700'000'000});
    CHECK(encoded(generator.record(0)) ==
          R"({"id_transacao": "b8b4c297-7eab-4e45-8254-fd5b2111dce4", "id_usuario": "user_612", )"
          R"("valor": 102414.51, "hora_transacao": 1700000000, "id_vendedor": "vendedor_3", )"
          R"("tipo_transacao": "venda", "localizacao": "localizacao_22", )"
          R"("metodo_pagamento": "pix", "compra_internacional": true, "moeda": "EUR"})");
    CHECK(encoded(generator.record(1)) ==
          R"({"id_transacao": "a65305fd-338e-48fe-8052-c5bc0d7f2360", "id_usuario": "user_961", )"
          R"("valor": 34724.88, "hora_transacao": 1700000000, "id_vendedor": "vendedor_3", )"
          R"("tipo_transacao": "compra", "localizacao": "localizacao_3", )"
          R"("metodo_pagamento": "transferencia", "compra_internacional": true, "moeda": "EUR"})");
}

TEST_CASE("numbers have the shortest text and at least one digit after the point") {
    const std::vector<std::pair<std::uint32_t, std::string_view>> expected{
        {0, "0.0"},
        {7, "0.07"},
        {10, "0.1"},
        {100, "1.0"},
        {101, "1.01"},
        {110, "1.1"},
        {123450, "1234.5"},
        {10000, "100.0"},
        {14999999, "149999.99"},
        {15000000, "150000.0"},
        {4294967295U, "42949672.95"},
    };
    for (const auto& [cents, text] : expected) {
        CHECK(value_text(cents) == text);
    }
}

TEST_CASE("every name of every field is written") {
    const auto has = [](const Transaction& transaction, std::string_view text) {
        return encoded(transaction).find(text) != std::string::npos;
    };
    CHECK(has({.type = TransactionType::purchase}, R"("tipo_transacao": "compra", )"));
    CHECK(has({.type = TransactionType::sale}, R"("tipo_transacao": "venda", )"));
    CHECK(has({.method = PaymentMethod::card}, R"("metodo_pagamento": "cartao", )"));
    CHECK(has({.method = PaymentMethod::transfer}, R"("metodo_pagamento": "transferencia", )"));
    CHECK(has({.method = PaymentMethod::cash}, R"("metodo_pagamento": "dinheiro", )"));
    CHECK(has({.method = PaymentMethod::pix}, R"("metodo_pagamento": "pix", )"));
    CHECK(has({.currency = Currency::brl}, R"("moeda": "BRL"})"));
    CHECK(has({.currency = Currency::usd}, R"("moeda": "USD"})"));
    CHECK(has({.currency = Currency::eur}, R"("moeda": "EUR"})"));
    CHECK(has({.international = false}, R"("compra_internacional": false, )"));
    CHECK(has({.international = true}, R"("compra_internacional": true, )"));
}

TEST_CASE("the nested form says the same, and has an object and the amount as a text beside it") {
    const TransactionGenerator generator({.seed = 7, .start_time_s = 1'700'000'000});
    const std::string flat = encoded(generator.record(0));
    std::array<char, kTransactionRoom> out{};
    const std::size_t size =
        encode_transaction(generator.record(0), out.data(), TransactionForm::nested);
    CHECK(std::string_view{out.data(), size} ==
          flat.substr(0, flat.size() - 1) +
              R"(, "cliente": {"uf": "RS", "cidade": "localizacao_22"}, "quantia": "102414.51"})");
}

TEST_CASE("the widest record stays within its room") {
    constexpr std::uint32_t kWidest = std::numeric_limits<std::uint32_t>::max();
    const Transaction widest{.id_high = std::numeric_limits<std::uint64_t>::max(),
                             .id_low = std::numeric_limits<std::uint64_t>::max(),
                             .time_s = std::numeric_limits<std::int64_t>::min(),
                             .user = kWidest,
                             .seller = kWidest,
                             .location = kWidest,
                             .value_cents = kWidest,
                             .method = PaymentMethod::transfer};
    std::array<char, kTransactionRoom + 64> out{};
    out.fill('#');
    const std::size_t size = encode_transaction(widest, out.data());
    const std::string_view text{out.data(), size};
    CHECK(text.ends_with(R"("moeda": "BRL"})"));
    CHECK(text.find(R"("hora_transacao": -9223372036854775808, )") != std::string_view::npos);
    CHECK(std::string_view{out.data() + kTransactionRoom, 64} == std::string(64, '#'));
    const std::size_t nested = encode_transaction(widest, out.data(), TransactionForm::nested);
    CHECK(nested > size);
    CHECK(std::string_view{out.data() + kTransactionRoom, 64} == std::string(64, '#'));
}

TEST_CASE("the key is the record's id") {
    const TransactionGenerator generator({.seed = 7, .start_time_s = 0});
    CHECK(transaction_key(encoded(generator.record(0))) == "b8b4c297-7eab-4e45-8254-fd5b2111dce4");
}

}  // namespace kstream
