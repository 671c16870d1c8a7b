// What a statement costs beside a job of the flags: reading and judging records, all of the map
// loop's fold, and what both loops do in steps. Statements of `kstream bench --scenario statement`,
// three whose keys have sets: of 1,000 users for each seller, of names that are longer than an
// element and never come twice, and of amounts that hardly ever do; and one of each kind of
// windows.
//
//   statement_bench                   ns for each record, in turns, best of the rounds
//   statement_bench KIND JOB N        that work alone on N records, for callgrind (see
//                                     instruction_bench). KIND: read; fold; map, which is fold and
//                                     the seals of its steps; totals, which is what the totals loop
//                                     does with those. JOB: the names below
#include "kstream/job/parse.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/reader/record_reader.hpp"
#include "support/both_loops.hpp"
#include "support/encoded_records.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"
#include "support/measured.hpp"

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

namespace {

using namespace kstream;
using testing::EncodedRecords;
using testing::kPollRecords;

constexpr std::size_t kRecords = 20'000;
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
    Work{"distinct",
         "SELECT id_vendedor, count(DISTINCT id_usuario) AS n FROM t GROUP BY id_vendedor",
         TransactionForm::flat},
    Work{"hashed",
         "SELECT id_vendedor, count(DISTINCT id_transacao) AS n FROM t GROUP BY id_vendedor",
         TransactionForm::flat},
    Work{"ranks",
         "SELECT id_vendedor, percentile_disc(0.5) WITHIN GROUP (ORDER BY valor::numeric) AS n "
         "FROM t GROUP BY id_vendedor",
         TransactionForm::flat},
    Work{"tumble",
         "SELECT id_vendedor, count(*) AS n, sum(valor) AS total FROM tumble(t, "
         "to_timestamp(hora_transacao), INTERVAL '1 minute', grace => INTERVAL '1 minute', "
         "max_ahead => 'never') GROUP BY id_vendedor, window_start",
         TransactionForm::flat},
    Work{"hop",
         "SELECT id_vendedor, count(*) AS n, sum(valor) AS total FROM hop(t, "
         "to_timestamp(hora_transacao), INTERVAL '1 minute', INTERVAL '10 minutes', "
         "grace => INTERVAL '1 minute', max_ahead => 'never') GROUP BY id_vendedor, window_start",
         TransactionForm::flat},
    Work{"session",
         "SELECT id_usuario, count(*) AS n, sum(valor) AS total FROM session(t, "
         "to_timestamp(hora_transacao), INTERVAL '30 minutes', grace => INTERVAL '1 minute', "
         "max_ahead => 'never') GROUP BY id_usuario, window_start",
         TransactionForm::flat},
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

EncodedRecords records_of(const Work& work, std::size_t count) {
    return {count, {.seed = 7, .start_time_s = 1'700'000'000, .form = work.form}};
}

std::unique_ptr<RecordReader> reader_of(const Job& job) {
    return job.statement ? *make_record_reader(job.statement->statement, job.zones)
                         : make_record_reader(job.spec);
}

void read_all(RecordReader& reader, const EncodedRecords& records) {
    for (const RecordView& record : records.views) {
        const RecordVerdict verdict = reader.read(record);
        if (!verdict.ok && !verdict.filtered) {
            give_up("a record is bad: " + std::string{record.value()});
        }
    }
}

void fold_all(MapFold& fold, const EncodedRecords& records) {
    const std::span<const RecordView> all{records.views};
    for (std::size_t at = 0; at < all.size(); at += kPollRecords) {
        if (!fold.fold(all.subspan(at, std::min(kPollRecords, all.size() - at)))) {
            give_up("the map fold refuses a record");
        }
    }
}

// The map loop's steps, and what the totals loop does with them.
std::vector<OutputBatch> map_all(const Job& job, const EncodedRecords& records) {
    std::vector<OutputBatch> steps;
    testing::run_map(job, records, [&](Step& step) { steps.push_back(std::move(step.outputs)); });
    return steps;
}

void take_all(testing::TotalsLoop& totals, const std::vector<OutputBatch>& steps) {
    for (const OutputBatch& step : steps) {
        totals.take(step);
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
        : work(of), job(job_of(of)), records(records_of(of, count)), reader(reader_of(job)) {}

    const Work& work;
    Job job;
    EncodedRecords records;
    testing::RecordingLog log;
    std::unique_ptr<RecordReader> reader;
    MapFold fold{job, {}, log};
    double read_ns = 1e9;
    double fold_ns = 1e9;
};

// Whether there is such work.
bool measure(std::string_view kind, Measured& one) {
    if (kind == "read") {
        kstream_measured([&] { read_all(*one.reader, one.records); });
    } else if (kind == "fold") {
        kstream_measured([&] { fold_all(one.fold, one.records); });
    } else if (kind == "map") {
        kstream_measured([&] { map_all(one.job, one.records); });
    } else if (kind == "totals") {
        const std::vector<OutputBatch> steps = map_all(one.job, one.records);
        testing::TotalsLoop totals{one.job};
        kstream_measured([&] { take_all(totals, steps); });
    } else {
        return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 4) {
        const auto* const work = std::ranges::find(kWorks, std::string_view{argv[2]}, &Work::name);
        const std::size_t count = std::strtoull(argv[3], nullptr, 10);
        if (work == kWorks.end() || count == 0) {
            give_up("KIND JOB N");
        }
        Measured one{*work, count};
        if (!measure(argv[1], one)) {
            give_up("no such work");
        }
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
