// What both loops write of sets and multisets, all of it: what keeps them in memory may change, the
// bytes never do.
#include "kstream/core/stable_hash.hpp"
#include "support/both_loops.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream {
namespace {

// Users come again and again, amounts hardly ever; what names a transaction is longer than an
// element.
constexpr std::string_view kSetsAndMultisets =
    "SELECT id_vendedor, count(DISTINCT id_usuario) AS users, count(DISTINCT id_transacao) AS n, "
    "percentile_disc(0.5) WITHIN GROUP (ORDER BY valor::numeric) AS middle, count(DISTINCT valor) "
    "FILTER "
    "(WHERE moeda = 'BRL') AS amounts, percentile_disc(0.9) WITHIN GROUP (ORDER BY "
    "to_timestamp(hora_transacao)) FILTER (WHERE metodo_pagamento = 'pix') AS late FROM t "
    "GROUP BY id_vendedor";

// Of all records that came to it, in their order.
class Digest {
public:
    void add(const OutputBatch& out) {
        for (const OutputBatch::Record& record : out.records()) {
            const auto key = out.key(record);
            const auto value = out.value(record);
            const std::string text = fmt::format(
                "{} {} {} {}:{}{}", shown(), static_cast<int>(record.topic), record.partition.value,
                key ? key->size() : 0, key.value_or(""), value ? 1 : 0);
            hash_ = stable_hash(text + std::string{value.value_or("")});
            ++records_;
        }
    }
    [[nodiscard]] std::string shown() const {
        return fmt::format("{} {:016x}{:016x}", records_, static_cast<std::uint64_t>(hash_ >> 64),
                           static_cast<std::uint64_t>(hash_));
    }

private:
    UInt128 hash_ = 0;
    std::size_t records_ = 0;
};

}  // namespace

TEST_CASE("golden: all that both loops write of sets and multisets", "[golden]") {
    const testing::EncodedRecords records{
        25'000, {.seed = 11, .start_time_s = 1'700'000'000, .sellers = 7}};
    for (const std::uint64_t seed : {1U, 2U}) {  // of a process: no byte depends on it
        Job job = testing::make_statement_job(kSetsAndMultisets, 3);
        job.hash_seed = seed;
        testing::TotalsLoop totals{job};
        Digest deltas;
        Digest written;
        testing::run_map(job, records, [&](const Step& step) {
            deltas.add(step.outputs);
            written.add(totals.take(step.outputs));
        });
        CHECK(deltas.shown() == "9 294d38d97cdef1d126a4681f7d32708b");
        CHECK(written.shown() == "65283 4dcb79989c9e3446a05346c8a9f0b883");
    }
}

}  // namespace kstream
