// statement and windows: `kstream aggregate --until end` of a job that only a statement can
// express, as a process of its own, on a topic that holds all records already. As the scenario
// aggregate, and unlike it timed up to the moment when the process says that everything is in the
// totals: which total is the last one is not for bench to know.
//
// statement, or the one that is given (--query), on records of the form nested, which have all
// members of the others:
//   where    WHERE on two fields, five aggregates for each seller, on records as all scenarios have
//   nested   a field within an object, and amounts that are texts, on records of the form nested
//
// windows, on records as all scenarios have, in order, a thousand in each second of event time:
//   tumble   of a minute, for each seller
//   hop      of ten minutes, one of which begins every minute, for each seller
//   session  that half an hour without records ends, for each of 100,000 users
//
// Checked: after each round the row of every key, exactly; of a statement that is given, that each
// record was in a total, filtered or set aside.
#include "bench/ceiling.hpp"
#include "kafka/topic_reader.hpp"
#include "kstream/job/statement_text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::bench {

namespace {

constexpr double kMebibyte = 1 << 20;
constexpr Duration kLook = std::chrono::milliseconds(50);
constexpr Duration kPatience = std::chrono::minutes(2);
constexpr std::string_view kEveryRow = "the row of every key";
constexpr std::uint32_t kUsers = 100'000;
constexpr std::string_view kLastLine = "stopped; everything that was read is committed";

// What is measured: a text with {} for the source topic, and what has to come out.
struct Statement {
    std::string name;
    std::string consumed;  // name of the ceiling's result
    std::string checked;
    GeneratorOptions records;
    std::string text;
    std::optional<StatementRows> rows;  // none: not known
};

constexpr std::string_view kWhere =
    "SELECT id_vendedor, count(*) AS n, sum(valor) AS total, min(valor) AS menor, "
    "max(valor) AS maior, round(avg(valor), 2) AS media FROM \"{}\" "
    "WHERE moeda = 'BRL' AND metodo_pagamento IN ('pix', 'cartao') GROUP BY id_vendedor";
constexpr std::string_view kNested =
    "SELECT cliente.uf AS uf, count(*) AS n, sum(quantia::numeric) AS total FROM \"{}\" "
    "GROUP BY cliente.uf";

GeneratorOptions records_of(const Bench& bench, TransactionForm form) {
    GeneratorOptions options = even_records(bench.config);
    options.form = form;
    return options;
}

std::vector<Statement> statements(const Bench& bench) {
    const GeneratorOptions flat = records_of(bench, TransactionForm::flat);
    const GeneratorOptions nested = records_of(bench, TransactionForm::nested);
    if (bench.config.query.job) {
        return {{.name = "statement",
                 .consumed = "consume",
                 .checked = "that every record is accounted for",
                 .records = nested,
                 .text = {},
                 .rows = std::nullopt}};
    }
    const std::uint64_t count = bench.config.records;
    return {
        {.name = "where",
         .consumed = "consume",
         .checked = std::string{kEveryRow},
         .records = flat,
         .text = std::string{kWhere},
         .rows = where_rows(flat, count)},
        {.name = "nested",
         .consumed = "consume-nested",
         .checked = std::string{kEveryRow},
         .records = nested,
         .text = std::string{kNested},
         .rows = nested_rows(nested, count)},
    };
}

// Count and sum of each group in each window; none of these records is late.
Statement windowed(std::string name, std::string_view column, std::string_view function,
                   std::string_view windows, GeneratorOptions records, StatementRows rows) {
    return {
        .name = name,
        .consumed = "consume-" + name,
        .checked = std::string{kEveryRow},
        .records = records,
        .text = fmt::format("SELECT {0}, window_start AS de, count(*) AS n, sum(valor) AS total "
                            "FROM {1}(\"{{}}\", to_timestamp(hora_transacao), {2}, "
                            "grace => INTERVAL '10 seconds') GROUP BY {0}, window_start",
                            column, function, windows),
        .rows = std::move(rows)};
}

std::vector<Statement> windows(const Bench& bench) {
    constexpr std::int64_t kMinute = 60;
    const std::uint64_t count = bench.config.records;
    const GeneratorOptions flat = records_of(bench, TransactionForm::flat);
    GeneratorOptions of_users = flat;
    of_users.users = kUsers;
    return {
        windowed("tumble", "id_vendedor", "tumble", "INTERVAL '1 minute'", flat,
                 window_rows(flat, count, kMinute, kMinute)),
        windowed("hop", "id_vendedor", "hop", "INTERVAL '1 minute', INTERVAL '10 minutes'", flat,
                 window_rows(flat, count, 10 * kMinute, kMinute)),
        windowed("session", "id_usuario", "session", "INTERVAL '30 minutes'", of_users,
                 session_rows(of_users, count, 30 * kMinute)),
    };
}

// As it reads the topics of this run.
std::string text_for(const Bench& bench, const Statement& statement, const std::string& source) {
    if (bench.config.query.job) {
        job::Statement given = bench.config.query.job->statement;
        given.source_topic = source;
        given.output_topic.clear();
        return job::to_sql(given);
    }
    return fmt::format(fmt::runtime(statement.text), source);
}

Result<StatementRows> read_rows(Bench& bench, const BenchJob& job) {
    auto left = bench.admin.offsets_of(job.names().results, job.partitions(TopicRole::results),
                                       kafka::OffsetQuery::kLatest, Isolation::read_committed);
    if (!left) {
        return std::unexpected(left.error());
    }
    kafka::TopicNames names;
    names.set(TopicRole::results, job.names().results);
    kafka::TopicReader reader(bench.client, names, "results");
    for (const auto& [partition, end] : *left) {
        if (auto opened = reader.open(TopicRole::results, partition, Offset{0}); !opened) {
            return std::unexpected(std::move(opened.error()));
        }
    }
    StatementRows rows;
    const Instant deadline = bench.clock.now() + kPatience;
    while (true) {
        std::erase_if(*left, [&reader](const auto& end) {
            return reader.position(TopicRole::results, end.first) >= end.second;
        });
        if (left->empty()) {
            return rows;
        }
        if (bench.stopped()) {
            return std::unexpected(interrupted_bench());
        }
        if (bench.clock.now() > deadline) {
            return fail(ExitCode::incomplete, "the results do not come to their end");
        }
        const Result<RecordBatch> batch = reader.poll(TopicRole::results, kLook);
        if (!batch) {
            return std::unexpected(batch.error());
        }
        for (const RecordView& record : *batch) {
            if (record.is_tombstone()) {
                rows.erase(std::string{record.key()});
            } else {
                rows.insert_or_assign(std::string{record.key()}, std::string{record.value()});
            }
        }
    }
}

Result<void> check(Bench& bench, const BenchJob& job, const Statement& statement,
                   const ChildProcess& child) {
    std::uint64_t told = 0;
    for (const std::string_view part :
         {"aggregated", "filtered", "late", "tombstones", "set_aside"}) {
        told += child.said_number(kLastLine, part).value_or(0);
    }
    if (told != bench.config.records) {
        return fail(ExitCode::proved_wrong,
                    fmt::format("{} of {} records are accounted for", told, bench.config.records));
    }
    if (!statement.rows) {
        return {};
    }
    const auto rows = read_rows(bench, job);
    if (!rows) {
        return std::unexpected(rows.error());
    }
    if (const std::string found = difference(*statement.rows, *rows); !found.empty()) {
        return fail(ExitCode::proved_wrong, "the rows are not those of the records: " + found);
    }
    return {};
}

Result<void> run_round(Bench& bench, const Dataset& data, const Statement& statement,
                       const std::string& name, ScenarioResult& result) {
    const auto job = BenchJob::make(bench, name, data.job.get());
    if (!job) {
        return std::unexpected(job.error());
    }
    const std::optional<double> broker_cpu = bench.brokers.cpu_seconds();
    const auto child =
        start_aggregate(bench, **job, true, text_for(bench, statement, (*job)->names().source));
    if (!child) {
        return std::unexpected(child.error());
    }
    const auto end = wait_for_child(bench, **child, "aggregate");
    if (!end) {
        return std::unexpected(end.error());
    }
    std::optional<double> broker_cpu_used = bench.brokers.cpu_seconds();
    if (broker_cpu_used && broker_cpu) {
        *broker_cpu_used -= *broker_cpu;
    }
    if (auto checked = check(bench, **job, statement, **child); !checked) {
        return checked;
    }
    const std::optional<Instant> opened = (*child)->said("partition opened", 1);
    const std::optional<Instant> done =
        (*child)->said("everything up to the end is in the totals", 1);
    if (!opened || !done) {
        return fail(ExitCode::internal,
                    "aggregate has not said when it opened a partition, or when it was done");
    }
    using enum Better;
    const auto records = static_cast<double>(bench.config.records);
    const double seconds = std::chrono::duration<double>(*done - *opened).count();
    result.add("records_per_second", "records/s", higher, records / seconds);
    result.add("seconds", "s", neither, seconds);
    result.add("peak_memory", "MiB", lower, static_cast<double>(end->peak_memory) / kMebibyte);
    add_cpu(result, records, end->cpu_seconds, broker_cpu_used);
    return {};
}

double last_rate(const ScenarioResult& result) {
    return result.find("records_per_second")->rounds.back();
}

Result<void> measure_one(Bench& bench, const Statement& statement,
                         std::vector<ScenarioResult>& results) {
    const auto data = make_dataset(bench, statement.records);
    if (!data) {
        return std::unexpected(data.error());
    }
    const auto ceiling = Ceiling::choose(bench, *data);
    if (!ceiling) {
        return std::unexpected(ceiling.error());
    }
    ScenarioResult consume = ceiling->empty_result();
    consume.name = statement.consumed;
    ScenarioResult result{.name = statement.name, .checked = statement.checked, .figures = {}};
    ScenarioResult forgotten;
    if (auto warm = run_round(bench, *data, statement, statement.name + "-warm-up", forgotten);
        !warm) {
        return warm;
    }
    for (int i = 0; i < bench.config.rounds; ++i) {
        if (auto done = ceiling->run_round(bench, *data, consume); !done) {
            return done;
        }
        if (auto done =
                run_round(bench, *data, statement, fmt::format("{}-{}", statement.name, i), result);
            !done) {
            return done;
        }
        result.add("of_consume", "", Better::higher, last_rate(result) / last_rate(consume));
        bench.say("aggregated", {{"statement", statement.name}, {"round", std::int64_t{i + 1}}});
    }
    results.push_back(std::move(consume));
    results.push_back(std::move(result));
    return {};
}

Result<std::vector<ScenarioResult>> measure_all(Bench& bench,
                                                const std::vector<Statement>& statements) {
    std::vector<ScenarioResult> results;
    for (const Statement& statement : statements) {
        if (auto done = measure_one(bench, statement, results); !done) {
            return std::unexpected(std::move(done.error()));
        }
    }
    return results;
}

}  // namespace

Result<std::vector<ScenarioResult>> measure_statement(Bench& bench) {
    return measure_all(bench, statements(bench));
}

Result<std::vector<ScenarioResult>> measure_windows(Bench& bench) {
    return measure_all(bench, windows(bench));
}

}  // namespace kstream::bench
