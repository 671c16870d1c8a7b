// Statements as a filter, for tests/oracle/statements.py: a statement and records in, what kstream
// makes of them out. Through the record reader and both folds, as a worker does it.
//
// Lines that come in, bytes in hexadecimal:
//   S STATEMENT FILE          a statement, and where its script is to look for the export
//   R xVALUE KEY MILLISECONDS  a record; KEY is xBYTES, or - for none; MILLISECONDS may be -1
//   E                         the end of its records
// For each E a line of JSON: {"refused": MESSAGE}, or {"script", "types" of the columns, whether it
// is a job of the "flags", "export", "verdicts" of the records, "rows"}.
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/job/functions.hpp"
#include "kstream/job/parse.hpp"
#include "kstream/job/postgres.hpp"
#include "kstream/job/statement_job.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/reader/record_export.hpp"
#include "process/zone_file.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace kstream;

[[noreturn]] void refuse(std::string_view what) {
    std::cerr << "statement_cases: " << what << '\n';
    std::exit(2);
}

template <typename T>
T must(Result<T> result) {
    if (!result) {
        refuse(result.error().message);
    }
    if constexpr (!std::is_void_v<T>) {
        return *std::move(result);
    }
}

std::string from_hex(std::string_view hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
    }
    return bytes;
}

struct Record {
    std::string value;
    std::optional<std::string> key;
    std::int64_t timestamp_ms = -1;

    [[nodiscard]] RecordView view(std::int64_t offset) const {
        RecordView view;
        view.partition = PartitionId{0};
        view.record_offset = Offset{offset};
        view.timestamp_ms = timestamp_ms;
        if (key) {
            view.key_data = key->data();
            view.key_size = static_cast<std::uint32_t>(key->size());
        }
        view.value_data = value.data();
        view.value_size = static_cast<std::uint32_t>(value.size());
        return view;
    }
};

class NoHeaders final : public HeaderReader {
public:
    [[nodiscard]] Result<std::vector<HeaderView>> headers(const RecordView&) const override {
        return std::vector<HeaderView>{};
    }
};

// One source partition, one of state.
class Folds {
public:
    explicit Folds(std::shared_ptr<const job::StatementJob> made) : job_(job_of(std::move(made))) {
        map_ = std::make_unique<MapFold>(job_, MapFoldConfig{}, log_,
                                         MapFoldPorts{.headers = &headers_, .tally = nullptr});
        totals_ = std::make_unique<TotalsFold>(job_, TotalsFoldConfig{}, log_);
        totals_->install(std::make_unique<TotalsState>(job_, PartitionId{0}));
        Step open;
        open.ranges.push_back({PartitionId{0}, Offset{0}, Offset{0}});
        must(map_->seal_open(open));
        hand_on(open);
    }

    // What has become of it.
    std::string_view fold(const RecordView& record) {
        const FoldStatus before = map_->status();
        must(map_->fold(std::span{&record, 1}));
        const FoldStatus& after = map_->status();
        return after.records_aggregated > before.records_aggregated ? "aggregated"
               : after.filtered > before.filtered                   ? "filtered"
                                                                    : "bad";
    }

    // Of `records` that were folded: key and value of each result.
    std::vector<std::pair<std::string, std::string>> results(std::size_t records) {
        Step step;
        step.ranges.push_back(
            {PartitionId{0}, Offset{0}, Offset{static_cast<std::int64_t>(records)}});
        must(map_->seal(step));
        hand_on(step);
        Step out;
        out.ranges.push_back({PartitionId{0}, Offset{0}, Offset{repartitioned_}});
        must(totals_->seal(out));
        std::vector<std::pair<std::string, std::string>> found;
        for (const OutputBatch::Record& record : out.outputs.records()) {
            if (record.topic == TopicRole::results && out.outputs.value(record)) {
                found.emplace_back(*out.outputs.key(record), *out.outputs.value(record));
            }
        }
        return found;
    }

private:
    static Job job_of(std::shared_ptr<const job::StatementJob> made) {
        Job job = testing::make_job(1, 1);
        job.spec = made->spec;
        job.spec_text = canonical_text(job.spec);
        job.kinds = Job::kinds_of(job.spec);
        job.identity.spec_hash = spec_hash(job.spec);
        job.zones = process::read_zone_file;
        if (job.spec.statement) {
            job.statement = std::move(made);
        }
        return job;
    }

    void hand_on(const Step& step) {
        for (const OutputBatch::Record& record : step.outputs.records()) {
            if (record.topic != TopicRole::repartition) {
                continue;
            }
            const Record copy{std::string{*step.outputs.value(record)}, std::nullopt, 1000};
            const RecordView view = copy.view(repartitioned_++);
            must(totals_->fold(std::span{&view, 1}));
        }
    }

    Job job_;
    testing::RecordingLog log_;
    NoHeaders headers_;
    std::unique_ptr<MapFold> map_;
    std::unique_ptr<TotalsFold> totals_;
    std::int64_t repartitioned_ = 0;
};

void append_member(std::string& out, std::string_view name, std::string_view text) {
    out += out.empty() ? "{" : ",";
    append_json_string(out, name);
    out += ':';
    append_json_string(out, text);
}

std::string refused(const std::vector<job::Problem>& problems) {
    std::string out;
    append_member(out, "refused", problems.front().message);
    return out + "}";
}

std::string answer(const std::string& text, const std::string& file,
                   const std::deque<Record>& records) {
    auto parsed = job::parse(text);
    if (!parsed) {
        return refused(parsed.error());
    }
    const auto made =
        std::make_shared<const job::StatementJob>(job::statement_job(*std::move(parsed), text));
    std::string out;
    append_member(out, "script", job::to_postgres(made->statement, file));
    out += ",\"types\":[";
    for (const job::Column& column : made->statement.columns) {
        out += out.ends_with('[') ? "\"" : ",\"";
        out += job::name_of(column.value.type);
        out += '"';
    }
    out += "],\"flags\":";
    out += made->spec.statement ? "false" : "true";
    RecordExport rows{made->statement};
    const std::vector<RecordExport::Header> headers(rows.header_names().size());
    Folds folds{made};
    std::string exported;
    std::string verdicts;
    std::int64_t offset = 0;
    for (const Record& record : records) {
        const RecordView view = record.view(offset++);
        static_cast<void>(rows.append(exported, view, headers));
        verdicts += verdicts.empty() ? "\"" : ",\"";
        verdicts += folds.fold(view);
        verdicts += '"';
    }
    append_member(out, "export", exported);
    out += ",\"verdicts\":[" + verdicts + "],\"rows\":[";
    for (const auto& [key, value] : folds.results(records.size())) {
        out += out.ends_with('[') ? "" : ",";
        out += value;
    }
    return out + "]}";
}

}  // namespace

int main() {
    std::string line;
    std::string text;
    std::string file;
    std::deque<Record> records;
    while (std::getline(std::cin, line)) {
        std::istringstream words{line};
        std::string what;
        words >> what;
        if (what == "S") {
            words >> text >> file;
            text = from_hex(text);
            file = from_hex(file);
            records.clear();
        } else if (what == "R") {
            Record record;
            std::string key;
            words >> record.value >> key >> record.timestamp_ms;
            record.value = from_hex(std::string_view{record.value}.substr(1));
            if (key != "-") {
                record.key = from_hex(std::string_view{key}.substr(1));
            }
            records.push_back(std::move(record));
        } else if (what == "E") {
            std::cout << answer(text, file, records) << std::endl;
        } else {
            refuse("no such line: " + line);
        }
    }
    return 0;
}
