// The encoder of generated records. It runs once per record at millions a second, so constant text
// is copied in blocks whose size the compiler knows and names in blocks of 16 bytes.
#include "kstream/codec/transaction_encoder.hpp"

#include "codec/record_writer.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace kstream {

namespace {

constexpr std::string_view kBeforeId = R"({"id_transacao": ")";
constexpr std::string_view kBeforeUser = R"(", "id_usuario": "user_)";
constexpr std::string_view kBeforeValue = R"(", "valor": )";
constexpr std::string_view kBeforeTime = R"(, "hora_transacao": )";
constexpr std::string_view kBeforeSeller = R"(, "id_vendedor": "vendedor_)";
constexpr std::string_view kBeforeType = R"(", "tipo_transacao": ")";
constexpr std::string_view kBeforeLocation = R"(", "localizacao": "localizacao_)";
constexpr std::string_view kBeforeMethod = R"(", "metodo_pagamento": ")";
constexpr std::string_view kBeforeInternational = R"(", "compra_internacional": )";
constexpr std::string_view kBeforeCurrency = R"(, "moeda": ")";
constexpr std::string_view kEnd = R"("})";
// Of the nested form; the first one in place of the end.
constexpr std::string_view kBeforeState = R"(", "cliente": {"uf": ")";
constexpr std::string_view kBeforeCity = R"(", "cidade": "localizacao_)";
constexpr std::string_view kBeforeAmount = R"("}, "quantia": ")";

constexpr std::array<std::string_view, 27> kStates{
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA",
    "PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO"};

// Names are copied whole with their padding; `size` says how much of it counts.
struct Name {
    char text[16];
    std::size_t size;
};
constexpr std::array<Name, kTransactionTypes> kTypeNames{{{"compra", 6}, {"venda", 5}}};
constexpr std::array<Name, kPaymentMethods> kMethodNames{
    {{"cartao", 6}, {"transferencia", 13}, {"dinheiro", 8}, {"pix", 3}}};
constexpr std::array<Name, kCurrencies> kCurrencyNames{{{"BRL", 3}, {"USD", 3}, {"EUR", 3}}};
constexpr std::array<Name, 2> kBooleans{{{"false", 5}, {"true", 4}}};

constexpr std::size_t kWidestValue =
    kWidestU32 + 1;  // the point; the digits are those of the cents
static_assert(kBeforeId.size() + kTransactionKeySize + kBeforeUser.size() + kWidestU32 +
                      kBeforeValue.size() + kWidestValue + kBeforeTime.size() + kWidestI64 +
                      kBeforeSeller.size() + kWidestU32 + kBeforeType.size() + 6 +
                      kBeforeLocation.size() + kWidestU32 + kBeforeMethod.size() + 13 +
                      kBeforeInternational.size() + 5 + kBeforeCurrency.size() + 3 + kEnd.size() +
                      kBeforeState.size() + 2 + kBeforeCity.size() + kWidestU32 +
                      kBeforeAmount.size() + kWidestValue + sizeof(Name::text) <=
                  kTransactionRoom,
              "the longest record and the slack of the last name fit");
static_assert(kBeforeId.size() == kTransactionKeyOffset);

constexpr std::array<char, 512> make_hex_pairs() {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<char, 512> pairs{};
    for (std::size_t byte = 0; byte < 256; ++byte) {
        pairs[2 * byte] = kDigits[byte >> 4];
        pairs[2 * byte + 1] = kDigits[byte & 15];
    }
    return pairs;
}
constexpr std::array<char, 512> kHexPairs = make_hex_pairs();

// With what no other shape of record has.
class Writer : public RecordWriter {
public:
    using RecordWriter::RecordWriter;

    void name(const Name& name) {
        std::memcpy(at(), name.text, sizeof name.text);
        go_to(at() + name.size);
    }

    // `bytes` bytes from the top of `word` on, `skip` bytes left out before them.
    void hex(std::uint64_t word, int skip, int bytes) {
        for (int i = skip; i < skip + bytes; ++i) {
            const std::uint64_t byte = (word >> (56 - 8 * i)) & 0xffU;
            std::memcpy(at(), &kHexPairs[2 * byte], 2);
            go_to(at() + 2);
        }
    }
};

void write_uuid(Writer& out, std::uint64_t high, std::uint64_t low) {
    out.hex(high, 0, 4);
    out.character('-');
    out.hex(high, 4, 2);
    out.character('-');
    out.hex(high, 6, 2);
    out.character('-');
    out.hex(low, 0, 2);
    out.character('-');
    out.hex(low, 2, 6);
}

// As Python prints the float nearest to cents / 100: the shortest digits, and at least one after
// the point. 1234.50 is 1234.5, 100.00 is 100.0. A call for each record is 5 % of its encoding.
[[gnu::always_inline]] inline void write_value(Writer& out, std::uint32_t cents) {
    const std::uint32_t fraction = cents % 100;
    out.number(cents / 100);
    out.character('.');
    out.character(static_cast<char>('0' + fraction / 10));
    if (fraction % 10 != 0) {
        out.character(static_cast<char>('0' + fraction % 10));
    }
}

// In place of the end of a flat record, which is at `end`. Returns the size that this adds.
[[gnu::noinline]] std::size_t write_nested(const Transaction& transaction, char* end) {
    Writer writer(end);
    writer.text(kBeforeState);
    writer.text(state_of(transaction));
    writer.text(kBeforeCity);
    writer.number(transaction.location);
    writer.text(kBeforeAmount);
    write_value(writer, transaction.value_cents);
    writer.text(kEnd);
    return static_cast<std::size_t>(writer.at() - end) - kEnd.size();
}

}  // namespace

std::string_view state_of(const Transaction& transaction) {
    return kStates[transaction.location % kStates.size()];
}

std::size_t encode_transaction(const Transaction& transaction, char* out, TransactionForm form) {
    Writer writer(out);
    writer.text(kBeforeId);
    write_uuid(writer, transaction.id_high, transaction.id_low);
    writer.text(kBeforeUser);
    writer.number(transaction.user);
    writer.text(kBeforeValue);
    write_value(writer, transaction.value_cents);
    writer.text(kBeforeTime);
    writer.number(transaction.time_s);
    writer.text(kBeforeSeller);
    writer.number(transaction.seller);
    writer.text(kBeforeType);
    writer.name(kTypeNames[static_cast<std::size_t>(transaction.type)]);
    writer.text(kBeforeLocation);
    writer.number(transaction.location);
    writer.text(kBeforeMethod);
    writer.name(kMethodNames[static_cast<std::size_t>(transaction.method)]);
    writer.text(kBeforeInternational);
    writer.name(kBooleans[transaction.international ? 1 : 0]);
    writer.text(kBeforeCurrency);
    writer.name(kCurrencyNames[static_cast<std::size_t>(transaction.currency)]);
    writer.text(kEnd);
    auto size = static_cast<std::size_t>(writer.at() - out);
    if (form == TransactionForm::nested) [[unlikely]] {
        size += write_nested(transaction, writer.at() - kEnd.size());
    }
    return size;
}

}  // namespace kstream
