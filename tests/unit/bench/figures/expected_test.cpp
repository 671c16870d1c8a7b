#include "bench/figures/expected.hpp"

#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/pipeline/sample.hpp"
#include "kstream/reader/record_reader.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <string_view>

using namespace kstream;
using namespace kstream::bench;

TEST_CASE("expected totals are those of the records as they are written") {
    const GeneratorOptions options{.seed = 5, .start_time_s = 1'700'000'000, .sellers = 4};
    Expected expected;
    expected.add(options, 500);

    const auto reader =
        make_record_reader({.source_topic = "source",
                            .group_by = {"id_vendedor"},
                            .aggregates = {{aggregate_named("sum"), "valor", "sum"}},
                            .scale = 2});
    std::vector<SellerTotal> decoded(4);
    std::uint64_t bytes = 0;
    std::uint64_t checksum = 0;
    const TransactionGenerator generator(options);
    for (std::uint64_t i = 500; i-- > 0;) {  // the order does not matter
        std::array<char, kTransactionRoom> room{};
        const std::string_view value(room.data(),
                                     encode_transaction(generator.record(i), room.data()));
        REQUIRE(reader->read(value).ok);
        const std::string_view seller = reader->group().values[0].text;
        SellerTotal& total = decoded.at(static_cast<std::size_t>(seller.back() - '1'));
        ++total.count;
        total.cents += static_cast<std::uint64_t>(reader->inputs()[0].units);
        bytes += value.size() + kTransactionKeySize;
        checksum += record_checksum(value);
    }
    CHECK(expected.records == 500);
    CHECK(expected.bytes == bytes);
    CHECK(expected.checksum == checksum);
    CHECK(difference(expected.sellers, decoded).empty());
    CHECK(expected.keys() == 4);
}

TEST_CASE("batches of several seeds add up") {
    Expected both;
    both.add({.seed = 1, .sellers = 2}, 10);
    both.add({.seed = 2, .sellers = 7}, 20);
    CHECK(both.records == 30);
    CHECK(both.sellers.size() == 7);
    std::uint64_t count = 0;
    for (const SellerTotal& total : both.sellers) {
        count += total.count;
    }
    CHECK(count == 30);
}

namespace {

StatementRows rows_of(std::string_view statement, const GeneratorOptions& options,
                      std::uint64_t count) {
    const Job job = testing::make_statement_job(statement);
    testing::RecordingLog log;
    Sample sample{job, log, nullptr};
    const SampleRange all{PartitionId{0}, Offset{0}, Offset{static_cast<std::int64_t>(count)}};
    REQUIRE(sample.open({&all, 1}));
    const TransactionGenerator generator(options);
    for (std::uint64_t i = 0; i < count; ++i) {
        std::array<char, kTransactionRoom> room{};
        const std::size_t size = encode_transaction(generator.record(i), room.data(), options.form);
        RecordView record;
        record.partition = PartitionId{0};
        record.record_offset = Offset{static_cast<std::int64_t>(i)};
        record.value_data = room.data();
        record.value_size = static_cast<std::uint32_t>(size);
        REQUIRE(sample.fold({&record, 1}));
    }
    REQUIRE(sample.finish());
    CHECK(sample.counts().aggregated + sample.counts().filtered == count);
    return sample.results();
}

}  // namespace

TEST_CASE("expected rows of the statements that are measured are those that come out") {
    GeneratorOptions options{.seed = 5, .start_time_s = 1'700'000'000, .sellers = 4};
    const StatementRows where = rows_of(
        "SELECT id_vendedor, count(*) AS n, sum(valor) AS total, min(valor) AS menor, "
        "max(valor) AS maior, round(avg(valor), 2) AS media FROM t "
        "WHERE moeda = 'BRL' AND metodo_pagamento IN ('pix', 'cartao') GROUP BY id_vendedor",
        options, 500);
    CHECK(where.size() == 4);
    CHECK(difference(where_rows(options, 500), where).empty());
    options.form = TransactionForm::nested;
    const StatementRows nested = rows_of(
        "SELECT cliente.uf AS uf, count(*) AS n, sum(quantia::numeric) AS total FROM t "
        "GROUP BY cliente.uf",
        options, 500);
    CHECK(nested.size() == 27);
    CHECK(difference(nested_rows(options, 500), nested).empty());
}

TEST_CASE("expected rows of windows are those that come out") {
    // Ten records in a second of event time: 500 seconds.
    const GeneratorOptions options{
        .seed = 5, .start_time_s = 1'700'000'000, .event_rate = 10, .users = 300, .sellers = 4};
    const auto in_windows = [&](const std::string& column, const std::string& from) {
        return rows_of("SELECT " + column +
                           ", window_start AS de, count(*) AS n, sum(valor) AS total "
                           "FROM " +
                           from +
                           ", grace => INTERVAL '10 seconds', max_ahead => 'never') "
                           "GROUP BY " +
                           column + ", window_start",
                       options, 5'000);
    };
    const std::string time = "to_timestamp(hora_transacao), ";
    const StatementRows tumble =
        in_windows("id_vendedor", "tumble(t, " + time + "INTERVAL '1 minute'");
    CHECK(tumble.size() == 4 * 9);
    CHECK(difference(window_rows(options, 5'000, 60, 60), tumble).empty());
    const StatementRows hop =
        in_windows("id_vendedor", "hop(t, " + time + "INTERVAL '1 minute', INTERVAL '3 minutes'");
    CHECK(hop.size() == 4 * 11);
    CHECK(difference(window_rows(options, 5'000, 180, 60), hop).empty());
    const StatementRows session =
        in_windows("id_usuario", "session(t, " + time + "INTERVAL '1 minute'");
    CHECK(session.size() > 300);
    CHECK(difference(session_rows(options, 5'000, 60), session).empty());
}

TEST_CASE("any difference of rows is found and named") {
    const StatementRows rows{{"a", "1"}, {"b", "2"}};
    CHECK(difference(rows, rows).empty());
    CHECK(difference(rows, {{"a", "1"}, {"b", "3"}}) == "b: 2 expected, 3 found");
    CHECK(difference(rows, {{"a", "1"}}) == "b: 2 expected, nothing found");
    CHECK(difference({{"a", "1"}}, rows) == "b: nothing expected, 2 found");
}

TEST_CASE("any difference of totals is found and named") {
    const std::vector<SellerTotal> totals{{1, 10}, {2, 20}, {3, 30}};
    CHECK(difference(totals, totals).empty());
    auto other = totals;
    other[1].cents = 21;
    CHECK(difference(totals, other) ==
          "vendedor_2: 2 records and 20 cents expected, 2 and 21 found");
    other = totals;
    other.push_back({1, 1});
    CHECK(difference(totals, other).starts_with("vendedor_4:"));
    other = totals;
    other.pop_back();
    CHECK(difference(totals, other).starts_with("vendedor_3:"));
    other = totals;
    other.push_back({0, 0});  // nobody has seen that seller
    CHECK(difference(totals, other).empty());
}

TEST_CASE("a checksum tells records that were lost, doubled or damaged") {
    const auto a = record_checksum("one record");
    const auto b = record_checksum("another one");
    CHECK(a + b == b + a);
    CHECK(a != b);
    CHECK(a + a != a + b);
    CHECK(a != record_checksum("one recorD"));
}
