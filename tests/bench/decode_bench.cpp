// How long a decode takes: N records of the shape that the producer makes (ten fields, about 298
// bytes, one seed), all of them held in memory one behind the other, decoded again and again by one
// thread. simdjson's own two parsers read the same records in the same run and take the same two
// fields, the amount as a double; the ratio is what carries over to another machine. DOM checks
// all of a record but no duplicate and no lone surrogate; On-Demand does not look at the values
// that it skips, and with a padding behind each record neither has to copy.
//
//   decode_bench [records [rounds]]      prints one line for each way: ns per record, records/s
#include "kstream/codec/record_decoder.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

using kstream::AggregateKind;
using kstream::AggregationSpec;

AggregationSpec seed_spec() {
    return {.source_topic = "financial_transactions",
            .group_by = {"id_vendedor"},
            .aggregates = {{AggregateKind::sum, "valor", "valor_total_por_vendedor"},
                           {AggregateKind::count, "", "numero_transacoes"}},
            .scale = 9};
}

std::string seed_record(std::mt19937_64& random) {
    const auto below = [&](std::uint64_t n) { return std::to_string(random() % n + 1); };
    char uuid[40];
    std::snprintf(uuid, sizeof uuid, "%08x-%04x-4%03x-8%03x-%012llx",
                  static_cast<unsigned>(random()), static_cast<unsigned>(random() & 0xffff),
                  static_cast<unsigned>(random() & 0xfff), static_cast<unsigned>(random() & 0xfff),
                  static_cast<unsigned long long>(random() & 0xffffffffffffULL));
    constexpr std::array<const char*, 4> kMethods{"cartao", "transferencia", "dinheiro", "pix"};
    constexpr std::array<const char*, 3> kCurrencies{"BRL", "USD", "EUR"};
    char amount[32];
    std::snprintf(amount, sizeof amount, "%llu.%02u",
                  static_cast<unsigned long long>(random() % 150000 + 1),
                  static_cast<unsigned>(random() % 100));
    return std::string{"{\"id_transacao\": \""} + uuid + "\", \"id_usuario\": \"user_" +
           below(1000) + "\", \"valor\": " + amount +
           ", \"hora_transacao\": " + std::to_string(1747000000 + random() % 1000000) +
           ", \"id_vendedor\": \"vendedor_" + below(3) + "\", \"tipo_transacao\": \"" +
           (random() % 2 ? "compra" : "venda") + "\", \"localizacao\": \"localizacao_" + below(50) +
           "\", \"metodo_pagamento\": \"" + kMethods[random() % 4] +
           "\", \"compra_internacional\": " + (random() % 2 ? "true" : "false") +
           ", \"moeda\": \"" + kCurrencies[random() % 3] + "\"}";
}

// The median round, in nanoseconds per record.
template <typename Round>
double measure(std::size_t records, int rounds, Round&& round) {
    std::vector<double> times;
    for (int i = 0; i < rounds; ++i) {
        const auto start = std::chrono::steady_clock::now();
        round();
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - start;
        times.push_back(took.count() / static_cast<double>(records));
    }
    std::ranges::nth_element(times, times.begin() + rounds / 2);
    return times[static_cast<std::size_t>(rounds) / 2];
}

void print(const char* what, double ns, double ours) {
    std::printf("%-20s %8.1f ns/record %6.2f M records/s   %.2f of RecordDecoder's time\n", what,
                ns, 1e3 / ns, ns / ours);
}

}  // namespace

int main(int argc, char** argv) {
    const auto count = static_cast<std::size_t>(argc > 1 ? std::atol(argv[1]) : 20000);
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 51;

    std::mt19937_64 random{7};
    std::string bytes;
    std::vector<std::pair<std::size_t, std::size_t>> records;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string record = seed_record(random);
        records.emplace_back(bytes.size(), record.size());
        bytes += record;
    }
    bytes.append(simdjson::SIMDJSON_PADDING, ' ');
    std::printf("%zu records, %.0f bytes each, simdjson %s\n", count,
                static_cast<double>(bytes.size()) / static_cast<double>(count),
                simdjson::get_active_implementation()->name().c_str());

    kstream::RecordDecoder decoder{seed_spec()};
    std::uint64_t bad = 0;
    std::uint64_t checksum = 0;
    const double ours = measure(count, rounds, [&] {
        for (const auto& [at, size] : records) {
            bad += decoder.decode({bytes.data() + at, size}).ok ? 0U : 1U;
            checksum += static_cast<std::uint64_t>(decoder.inputs()[0].units) +
                        decoder.group_values()[0].text.size();
        }
    });
    print("RecordDecoder", ours, ours);

    simdjson::dom::parser dom_parser;
    const double dom = measure(count, rounds, [&] {
        for (const auto& [at, size] : records) {
            simdjson::dom::element root;
            std::string_view seller;
            double amount = 0;
            if (dom_parser.parse(bytes.data() + at, size, false).get(root) ||
                root["id_vendedor"].get(seller) || root["valor"].get(amount)) {
                ++bad;
            }
            checksum += static_cast<std::uint64_t>(amount) + seller.size();
        }
    });
    print("simdjson DOM", dom, ours);

    simdjson::ondemand::parser on_demand_parser;
    const double on_demand = measure(count, rounds, [&] {
        for (const auto& [at, size] : records) {
            const simdjson::padded_string_view record{bytes.data() + at, size,
                                                      size + simdjson::SIMDJSON_PADDING};
            simdjson::ondemand::document root;
            std::string_view seller;
            double amount = 0;
            if (on_demand_parser.iterate(record).get(root) || root["valor"].get(amount) ||
                root["id_vendedor"].get(seller)) {
                ++bad;
            }
            checksum += static_cast<std::uint64_t>(amount) + seller.size();
        }
    });
    print("simdjson On-Demand", on_demand, ours);
    std::printf("bad %llu, checksum %llu\n", static_cast<unsigned long long>(bad),
                static_cast<unsigned long long>(checksum));
    return bad == 0 ? 0 : 1;
}
