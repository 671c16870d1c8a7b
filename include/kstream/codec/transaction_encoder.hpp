// Transaction -> the bytes of the source topic: JSON in the field order, with the separators and
// the number text of Python's json.dumps, so that producers of the system that kstream replaces and
// this one write the same text for the same values.
//
//   {"id_transacao": "1b4e28ba-2fa1-4d3b-8a5f-b9c0d1e2f3a4", "id_usuario": "user_17",
//    "valor": 1234.5, "hora_transacao": 1700000000, "id_vendedor": "vendedor_1",
//    "tipo_transacao": "compra", "localizacao": "localizacao_9", "metodo_pagamento": "pix",
//    "compra_internacional": true, "moeda": "BRL"}            (all on one line)
//
// Of the form nested before the last bracket, for statements:
//
//    , "cliente": {"uf": "SP", "cidade": "localizacao_9"}, "quantia": "1234.5"
#pragma once

#include "kstream/model/transaction.hpp"

#include <cstddef>
#include <string_view>

namespace kstream {

// Room that encode_transaction() needs: the longest text with every number at its widest, and the
// slack of its fixed-size copies.
inline constexpr std::size_t kTransactionRoom = 512;

// The record's key, id_transacao, is a part of its value.
inline constexpr std::size_t kTransactionKeyOffset = 18;
inline constexpr std::size_t kTransactionKeySize = 36;

// Writes the record at `out`, where kTransactionRoom bytes may be written, and returns its size.
// Bytes after the size are undefined. Allocates nothing; any thread.
[[nodiscard]] std::size_t encode_transaction(const Transaction& transaction, char* out,
                                             TransactionForm form = TransactionForm::flat);

// What the nested form says of a transaction's location: one of Brazil's states.
[[nodiscard]] std::string_view state_of(const Transaction& transaction);

// The key within a value that encode_transaction() wrote.
[[nodiscard]] inline std::string_view transaction_key(std::string_view value) {
    return value.substr(kTransactionKeyOffset, kTransactionKeySize);
}

}  // namespace kstream
