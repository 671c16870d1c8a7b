// What a statement costs beside a job of the flags: reading and judging records, and all of the map
// loop's fold. The statements are those of `kstream bench --scenario statement`.
//
//   statement_bench                   ns for each record, in turns, best of the rounds
//   statement_bench read|fold JOB N   that work alone on N records, for callgrind (see
//                                     instruction_bench); JOB: flags, where, nested
#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/generator.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/reader/record_reader.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What callgrind counts: its name is given to --toggle-collect.
extern "C" [[gnu::noinline]] void kstream_measured(const std::function<void()>& work) {
    work();
}

namespace {

using namespace kstream;

constexpr std::size_t kRecords = 20'000;
constexpr std::size_t kPollRecords = 1'000;
constexpr int kRounds = 21;

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "statement_bench: %s\n", why.c_str());
    std::exit(1);
}

struct Work {
    std::string_view name;
    std::string_view text;  // empty: the job of the flags
    TransactionForm form = TransactionForm::flat;
};

constexpr std::array kWorks{
    Work{"flags", "", TransactionForm::flat},
    Work{"where",
         "SELECT id_vendedor, count(*) AS n, sum(valor) AS total, min(valor) AS menor, "
         "max(valor) AS maior, round(avg(valor), 2) AS media FROM t "
         "WHERE moeda = 'BRL' AND metodo_pagamento IN ('pix', 'cartao') GROUP BY id_vendedor",
         TransactionForm::flat},
    Work{"nested",
         "SELECT cliente.uf AS uf, count(*) AS n, sum(quantia::numeric) AS total FROM t "
         "GROUP BY cliente.uf",
         TransactionForm::nested},
};

Job job_of(const Work& work) {
    Job job = testing::make_job(2, 1);
    if (work.text.empty()) {
        return job;
    }
    auto parsed = job::parse(work.text);
    if (!parsed) {
        give_up(parsed.error().front().message);
    }
    job.statement = std::make_shared<const job::StatementJob>(
        job::statement_job(*std::move(parsed), std::string{work.text}));
    job.spec = job.statement->spec;
    job.kinds = Job::kinds_of(job.spec);
    job.zones = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
    return job;
}

// Of the generator, and views of them as records of source partition 0.
struct Records {
    Records(std::size_t count, TransactionForm form) {
        const TransactionGenerator generator({.seed = 7, .start_time_s = 1'700'000'000});
        std::array<char, kTransactionRoom> room{};
        texts.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            texts.emplace_back(room.data(),
                               encode_transaction(generator.record(i), room.data(), form));
        }
        for (std::size_t i = 0; i < count; ++i) {
            RecordView view;
            view.partition = PartitionId{0};
            view.record_offset = Offset{static_cast<std::int64_t>(i)};
            view.timestamp_ms = 1000;
            view.value_data = texts[i].data();
            view.value_size = static_cast<std::uint32_t>(texts[i].size());
            views.push_back(view);
        }
    }
    std::vector<std::string> texts;
    std::vector<RecordView> views;
};

std::unique_ptr<RecordReader> reader_of(const Job& job) {
    return job.statement ? *make_record_reader(job.statement->statement, job.zones)
                         : make_record_reader(job.spec);
}

void read_all(RecordReader& reader, const Records& records) {
    for (const RecordView& record : records.views) {
        const RecordVerdict verdict = reader.read(record);
        if (!verdict.ok && !verdict.filtered) {
            give_up("a record is bad: " + std::string{record.value()});
        }
    }
}

void fold_all(MapFold& fold, const Records& records) {
    const std::span<const RecordView> all{records.views};
    for (std::size_t at = 0; at < all.size(); at += kPollRecords) {
        if (!fold.fold(all.subspan(at, std::min(kPollRecords, all.size() - at)))) {
            give_up("the map fold refuses a record");
        }
    }
}

double nanoseconds(const std::function<void()>& work, std::size_t count) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return took.count() / static_cast<double>(count);
}

struct Measured {
    explicit Measured(const Work& of, std::size_t count)
        : work(of), job(job_of(of)), records(count, of.form), reader(reader_of(job)) {}

    const Work& work;
    Job job;
    Records records;
    testing::RecordingLog log;
    std::unique_ptr<RecordReader> reader;
    MapFold fold{job, {}, log};
    double read_ns = 1e9;
    double fold_ns = 1e9;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc == 4) {
        const std::string_view kind = argv[1];
        const auto* const work = std::ranges::find(kWorks, std::string_view{argv[2]}, &Work::name);
        const std::size_t count = std::strtoull(argv[3], nullptr, 10);
        if (work == kWorks.end() || count == 0 || (kind != "read" && kind != "fold")) {
            give_up("read|fold flags|where|nested N");
        }
        Measured one{*work, count};
        kstream_measured([&] {
            kind == "read" ? read_all(*one.reader, one.records) : fold_all(one.fold, one.records);
        });
        return 0;
    }
    std::vector<std::unique_ptr<Measured>> all;
    for (const Work& work : kWorks) {
        all.push_back(std::make_unique<Measured>(work, kRecords));
    }
    for (int round = 0; round < kRounds; ++round) {
        for (const auto& one : all) {
            one->read_ns =
                std::min(one->read_ns,
                         nanoseconds([&one] { read_all(*one->reader, one->records); }, kRecords));
            one->fold_ns = std::min(
                one->fold_ns, nanoseconds([&one] { fold_all(one->fold, one->records); }, kRecords));
        }
    }
    for (const auto& one : all) {
        std::printf("%-8s read %7.1f ns, fold %7.1f ns, %.2f of the flags' fold\n",
                    std::string{one->work.name}.c_str(), one->read_ns, one->fold_ns,
                    all.front()->fold_ns / one->fold_ns);
    }
    return 0;
}
