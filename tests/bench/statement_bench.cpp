// What a statement costs beside decoding: WHERE on two fields, a nested field and five inputs, over
// records of one form.
//
//   statement_bench                      ns for each record, in turns, best of the rounds
//   statement_bench decode|judge COUNT   that work alone, for callgrind (see instruction_bench)
#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/generator.hpp"
#include "kstream/reader/record_reader.hpp"
#include "support/fakes/test_job.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What callgrind counts: its name is given to --toggle-collect.
extern "C" [[gnu::noinline]] void kstream_measured(const std::function<void()>& work) {
    work();
}

namespace {

using namespace kstream;
using job::AggregateFunction;
using job::Expression;
using job::Op;
using job::ValueType;

constexpr std::size_t kRecords = 20'000;
constexpr int kRounds = 21;

std::vector<std::string> records(std::size_t count) {
    const TransactionGenerator generator(
        {.seed = 7, .start_time_s = 1'700'000'000, .sellers = 1'000});
    std::array<char, kTransactionRoom> room{};
    constexpr std::array<std::string_view, 3> kBrands{"visa", "master", "elo"};
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) {
        std::string text(room.data(), encode_transaction(generator.record(i), room.data()));
        text.resize(text.rfind('}'));
        text += R"(, "cartao": {"bandeira": ")" + std::string{kBrands[i % kBrands.size()]} +
                R"(", "parcelas": )" + std::to_string(i % 12) + "}}";
        texts.push_back(std::move(text));
    }
    return texts;
}

Expression leaf(Op op, ValueType type) {
    Expression made;
    made.op = op;
    made.type = type;
    return made;
}

Expression literal(ValueType type, std::string_view text) {
    Expression made = leaf(Op::literal, type);
    made.literal.text = text;
    return made;
}

// SELECT cartao.bandeira, id_vendedor, count(*), sum(valor), min(valor), max(valor), avg(valor)
// WHERE moeda = 'BRL' AND metodo_pagamento IN ('pix', ..., 'boleto') GROUP BY 1, 2
job::Statement statement() {
    job::Statement made;
    const auto field = [&](std::initializer_list<std::string_view> path, ValueType type) {
        job::Field& one = made.fields.emplace_back();
        for (const std::string_view step : path) {
            one.path.push_back({.name = std::string{step}, .index = {}});
        }
        one.type = type;
        Expression of = leaf(Op::field, type);
        of.index = static_cast<std::uint32_t>(made.fields.size() - 1);
        return of;
    };
    Expression currency = leaf(Op::equal, ValueType::boolean);
    currency.arguments = {field({"moeda"}, ValueType::text), literal(ValueType::text, "BRL")};
    Expression method = leaf(Op::in_list, ValueType::boolean);
    method.arguments = {field({"metodo_pagamento"}, ValueType::text)};
    for (const std::string_view one :
         {"pix", "cartao", "boleto", "cartao_credito", "cartao_debito", "transferencia"}) {
        method.arguments.push_back(literal(ValueType::text, one));
    }
    made.where = leaf(Op::logical_and, ValueType::boolean);
    made.where->arguments = {currency, method};
    made.group_by.push_back({field({"cartao", "bandeira"}, ValueType::scalar), "bandeira"});
    made.group_by.push_back({field({"id_vendedor"}, ValueType::scalar), "id_vendedor"});
    const Expression amount = field({"valor"}, ValueType::numeric);
    made.aggregates.emplace_back();
    for (const AggregateFunction function : {AggregateFunction::sum, AggregateFunction::min,
                                             AggregateFunction::max, AggregateFunction::avg}) {
        job::Aggregate& one = made.aggregates.emplace_back();
        one.function = function;
        one.input = amount;
    }
    return made;
}

struct Read {
    std::size_t good = 0;
    std::size_t filtered = 0;
};

Read read_all(RecordReader& reader, const std::vector<std::string>& texts) {
    Read read;
    for (const std::string& text : texts) {
        const RecordVerdict verdict = reader.read(text);
        read.good += verdict.ok ? 1 : 0;
        read.filtered += verdict.filtered ? 1 : 0;
        if (!verdict.ok && !verdict.filtered) {
            std::fprintf(stderr, "statement_bench: a record is bad: %s\n", text.c_str());
            std::exit(1);
        }
    }
    return read;
}

double nanoseconds(RecordReader& reader, const std::vector<std::string>& texts) {
    const auto begin = std::chrono::steady_clock::now();
    read_all(reader, texts);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return took.count() / static_cast<double>(texts.size());
}

}  // namespace

int main(int argc, char** argv) {
    const auto decode = make_record_reader(testing::seed_spec());
    const auto made = make_record_reader(
        statement(), [](std::string_view) -> std::optional<std::string> { return std::nullopt; });
    if (!made) {
        return 1;
    }
    RecordReader& judge = **made;
    if (argc == 3) {
        const std::vector<std::string> texts = records(std::strtoull(argv[2], nullptr, 10));
        RecordReader& reader = std::string_view{argv[1]} == "decode" ? *decode : judge;
        kstream_measured([&] { read_all(reader, texts); });
        return 0;
    }
    const std::vector<std::string> texts = records(kRecords);
    const Read read = read_all(judge, texts);
    std::array<double, 2> best{1e9, 1e9};
    for (int round = 0; round < kRounds; ++round) {
        best[0] = std::min(best[0], nanoseconds(*decode, texts));
        best[1] = std::min(best[1], nanoseconds(judge, texts));
    }
    std::printf("decode, two fields   %8.1f ns\n", best[0]);
    std::printf("statement            %8.1f ns   %.2f of decoding; %zu good, %zu filtered\n",
                best[1], best[1] / best[0], read.good, read.filtered);
    return 0;
}
