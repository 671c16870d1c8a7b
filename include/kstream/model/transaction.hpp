// The record of the source topic as values. codec/transaction_encoder.hpp has its text form; the
// field names there stay in Portuguese, as the data has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kstream {

// The order is part of what a seed means (core/generator.hpp): append only.
enum class TransactionType : std::uint8_t { purchase, sale };           // tipo_transacao
enum class PaymentMethod : std::uint8_t { card, transfer, cash, pix };  // metodo_pagamento
enum class Currency : std::uint8_t { brl, usd, eur };                   // moeda
inline constexpr std::uint32_t kTransactionTypes = 2;
inline constexpr std::uint32_t kPaymentMethods = 4;
inline constexpr std::uint32_t kCurrencies = 3;

// How a record is written; no value differs. nested: two members more, an object with what the
// place is, and the amount as a text.
enum class TransactionForm : std::uint8_t { flat, nested };

// As options spell it.
inline constexpr std::array<std::string_view, 2> kTransactionFormNames{"flat", "nested"};
[[nodiscard]] constexpr std::string_view form_name(TransactionForm form) {
    return kTransactionFormNames[static_cast<std::size_t>(form)];
}

struct Transaction {
    std::uint64_t id_high = 0;  // the UUID's first 8 bytes, big endian
    std::uint64_t id_low = 0;   // and its last 8
    std::int64_t time_s = 0;    // seconds since 1970 UTC
    std::uint32_t user = 1;     // user_<n>, from 1 on
    std::uint32_t seller = 1;
    std::uint32_t location = 1;
    std::uint32_t value_cents = 0;
    TransactionType type = TransactionType::purchase;
    PaymentMethod method = PaymentMethod::card;
    Currency currency = Currency::brl;
    bool international = false;

    friend bool operator==(const Transaction&, const Transaction&) = default;
};

}  // namespace kstream
