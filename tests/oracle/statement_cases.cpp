// Statements as a filter, for tests/oracle/statements.py: a statement and records in, what kstream
// makes of them out. Through the record reader and both folds, as a worker does it.
//
// Lines that come in, bytes in hexadecimal:
//   S STATEMENT FILE   a statement, and where its script is to look for the export
//   R PARTITION xVALUE KEY MILLISECONDS
//                      a record; KEY is xBYTES, or - for none; MILLISECONDS may be -1
//   E                  the end of its records
// For each E a line of JSON: {"refused": MESSAGE}, or {"script", "types" of the columns, whether it
// is a job of the "flags", "export", "verdicts" of the records, "rows"}.
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/functions.hpp"
#include "kstream/job/parse.hpp"
#include "kstream/job/postgres.hpp"
#include "kstream/job/statement_job.hpp"
#include "kstream/pipeline/sample.hpp"
#include "kstream/reader/record_export.hpp"
#include "process/zone_file.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
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
    PartitionId partition;
    std::string value;
    std::optional<std::string> key;
    std::int64_t timestamp_ms = -1;

    [[nodiscard]] RecordView view(std::int64_t offset) const {
        RecordView view;
        view.partition = partition;
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

// Both folds; the results are as they stand after several steps, whose ends mean nothing.
class Folds {
public:
    // Records of a step: few, so that windows close between records of others.
    static constexpr std::uint64_t kStep = 5;

    Folds(std::shared_ptr<const job::StatementJob> made, const std::deque<Record>& records)
        : job_(job_of(std::move(made))), sample_(job_, log_, &headers_) {
        std::set<PartitionId> partitions;
        for (const Record& record : records) {
            partitions.insert(record.partition);
        }
        std::vector<SampleRange> ranges;
        for (const PartitionId partition : partitions) {
            ranges.push_back({partition, Offset{0}, Offset{0}});
        }
        must(sample_.open(ranges));
    }

    // What has become of it.
    std::string_view fold(const RecordView& record) {
        const RecordTally before = sample_.counts();
        must(sample_.fold(std::span{&record, 1}));
        const RecordTally& after = sample_.counts();
        if (after.read % kStep == 0) {
            must(sample_.finish());
        }
        return after.aggregated > before.aggregated   ? "aggregated"
               : after.filtered > before.filtered     ? "filtered"
               : after.late > before.late             ? "late"
               : after.duplicates > before.duplicates ? "duplicate"
                                                      : "bad";
    }

    // Of all that was folded: the value of each result, by its key.
    const std::map<std::string, std::string>& results() {
        must(sample_.finish());
        return sample_.results();
    }

private:
    static Job job_of(std::shared_ptr<const job::StatementJob> made) {
        // No source partitions to begin with: which ones there are is said when they are opened.
        Job job = testing::make_job(1, 0);
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

    Job job_;
    testing::RecordingLog log_;
    NoHeaders headers_;
    Sample sample_;
};

std::optional<std::uint64_t> zone_fingerprint(std::string_view name) {
    const std::optional<std::string> file = process::read_zone_file(name);
    const std::optional<expr::Zone> zone = file ? expr::Zone::parse(*file) : std::nullopt;
    return zone ? std::optional{zone->fingerprint()} : std::nullopt;
}

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
    job::ParseOptions options;
    options.zones = zone_fingerprint;
    auto parsed = job::parse(text, options);
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
    Folds folds{made, records};
    std::string exported;
    std::string verdicts;
    std::map<PartitionId, std::int64_t> ends;
    for (const Record& record : records) {
        const RecordView view = record.view(ends[record.partition]++);
        static_cast<void>(rows.append(exported, view, headers));
        verdicts += verdicts.empty() ? "\"" : ",\"";
        verdicts += folds.fold(view);
        verdicts += '"';
    }
    append_member(out, "export", exported);
    out += ",\"verdicts\":[" + verdicts + "],\"rows\":[";
    for (const auto& [key, value] : folds.results()) {
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
            words >> record.partition.value >> record.value >> key >> record.timestamp_ms;
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
