// What the loops have made of a statement, audited as a session does it: from logs that lie in
// memory.
#pragma once

#include "audit/advances.hpp"
#include "kstream/audit/accounts.hpp"
#include "kstream/audit/base_file.hpp"
#include "kstream/audit/ledger.hpp"
#include "kstream/audit/source_fold.hpp"
#include "kstream/audit/statement_audit.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/ports/log_reader.hpp"
#include "support/fakes/statement_world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::testing {

// As a reader of the source has them.
class AuditHeaders final : public LogReader {
public:
    Result<void> open(TopicRole, PartitionId, Offset) override { return {}; }
    void close(TopicRole, PartitionId) override {}
    [[nodiscard]] Result<RecordBatch> poll(TopicRole, Duration) override { return RecordBatch{}; }
    [[nodiscard]] std::optional<std::string_view> header(const RecordView&,
                                                         const char* name) const override {
        return std::string_view{name} == "region" ? std::optional{kRegion} : std::nullopt;
    }
    [[nodiscard]] Offset position(TopicRole, PartitionId) const override { return {}; }
};

inline std::shared_ptr<const audit::StatementAudit> audit_of(const Job& job) {
    auto made = audit::StatementAudit::make(job.statement, job.zones);
    REQUIRE(made.has_value());
    return *made;
}

// All that there is to be read, each partition in its order.
struct AuditedLogs {
    struct OfResults {
        RecordView record;
        audit::ResultHeaders headers;
    };
    std::vector<RecordView> source;
    std::vector<RecordView> repartition;
    std::vector<RecordView> changelog;
    std::vector<OfResults> results;
};

// What came of it; what is wrong in words.
struct Audited {
    std::vector<audit::FindingKind> kinds;
    std::string text;
    std::uint64_t excused = 0;
    std::string base;            // that would be saved
    std::size_t read = 0;        // records of the source
    std::uint64_t to_close = 0;  // keys
    std::uint64_t to_sweep = 0;  // elements
};

inline void load_base(std::string_view base, const audit::AuditedJob& audited,
                      audit::Accounts& accounts, audit::SourceFold& source) {
    audit::BaseReader reader{audited};
    ByteReader frames{base.substr(audit::kBaseMagic.size())};
    while (!frames.at_end()) {
        const auto frame = reader.take(frames.raw(frames.u32()));
        REQUIRE(frame.has_value());
        if (*frame == audit::BaseReader::Frame::total) {
            REQUIRE(accounts.take_base(reader.total().state_key, reader.total().row));
        }
    }
    source.begin_at(reader.metas());
}

// Nothing comes while it is audited: what differs is looked at again, and is the same.
inline Audited audit_logs(const Job& job, const AuditedLogs& logs, std::string_view base = {}) {
    audit::Findings findings;
    const audit::AuditedJob audited = audit::AuditedJob::of(job.spec, job.identity, audit_of(job));
    audit::Accounts accounts{audited, std::uint64_t{1} << 30, findings};
    audit::Advances advances;
    audit::SourceFold source{audited, accounts, audited.has_windows() ? &advances : nullptr};
    if (!base.empty()) {
        load_base(base, audited, accounts, source);
    }
    for (const RecordView& record : logs.changelog) {
        if (changelog_key_kind(record.key()) == ChangelogKeyKind::advance) {
            REQUIRE(advances.take(record));
        } else {
            accounts.take_changelog(record);
        }
    }
    for (const AuditedLogs::OfResults& result : logs.results) {
        accounts.take_result(result.record, result.headers);
    }
    Audited done;
    for (const audit::Piece& piece : source.aim(accounts.cut())) {
        done.read += static_cast<std::size_t>(piece.to.value - piece.from.value);
    }
    const AuditHeaders from;
    source.fold(logs.source, &from);
    source.arrive();
    source.compare(accounts.cut(), findings);
    advances.compare(accounts.cut(), findings);
    for (std::size_t q = 0; q < accounts.cut().size(); ++q) {
        REQUIRE(accounts.cut()[q].has_value());
        const Meta& meta = *accounts.cut()[q];
        audit::Ledger ledger{audited, q, Offset{0}, findings};
        for (const RecordView& record : logs.repartition) {
            if (record.partition.value == static_cast<std::int32_t>(q) &&
                record.record_offset < meta.repartition_position) {
                ledger.take(record);
            }
        }
        audit::LedgerReport report;
        ledger.close(meta, report);
        done.to_close += meta.to_close;
        done.to_sweep += meta.to_sweep;
    }
    audit::Comparison found = accounts.compare(false);
    done.excused = found.excused;
    while (found.again > 0) {
        found = accounts.compare(accounts.round() == 3);
        done.excused += found.excused;
    }
    for (std::size_t q = 0; q < accounts.cut().size(); ++q) {
        if (!found.by_state[q].fits(*accounts.cut()[q])) {
            findings.add(audit::FindingKind::broken_state, "state " + std::to_string(q),
                         "as meta says", "otherwise");
        }
    }
    for (const audit::Finding& finding : findings.kept()) {
        done.kinds.push_back(finding.kind);
        done.text += std::string{finding_name(finding.kind)} + ": " + finding.what + ": expected " +
                     finding.expected + ", found " + finding.found + "\n";
    }
    audit::BaseWriter writer{audited};
    audit::BaseWriter::begin(done.base);
    for (std::size_t q = 0; q < accounts.cut().size(); ++q) {
        Meta counted = *accounts.cut()[q];
        counted.sources = source.progress(q);
        writer.meta(done.base, static_cast<std::uint32_t>(q), counted);
    }
    accounts.each([&](std::string_view state_key, const audit::Account& account) {
        writer.total(done.base, state_key, account.total_transaction, account.source);
    });
    writer.end(done.base);
    return done;
}

inline audit::ResultHeaders headers_of(const WrittenRecord& result) {
    return {
        .transaction = result.transaction, .run_id = result.run_id, .is_final = result.is_final};
}

// Of a statement with one source partition and one state partition.
struct AuditedStatement : StatementWorld {
    using StatementWorld::StatementWorld;

    [[nodiscard]] RecordView view(const WrittenRecord& written, std::int64_t offset) const {
        RecordView view;
        view.partition = written.partition;
        view.record_offset = Offset{offset};
        view.key_data = written.key.data();
        view.key_size = static_cast<std::uint32_t>(written.key.size());
        if (written.value) {
            view.value_data = written.value->data();
            view.value_size = static_cast<std::uint32_t>(written.value->size());
        }
        return view;
    }

    [[nodiscard]] std::vector<RecordView> all_of(TopicRole topic) const {
        std::vector<RecordView> records;
        for (Offset at{0}; at < log.end(topic, PartitionId{0}); ++at.value) {
            records.push_back(log.view(topic, PartitionId{0}, at));
        }
        return records;
    }

    [[nodiscard]] Audited audit(std::string_view base = {}) const {
        AuditedLogs logs;
        logs.source = all_of(TopicRole::source);
        logs.repartition = all_of(TopicRole::repartition);
        for (const auto& [offset, value] : forged_batches) {
            RecordView& record = logs.repartition.at(static_cast<std::size_t>(offset));
            record.value_data = value.data();
            record.value_size = static_cast<std::uint32_t>(value.size());
        }
        for (const WrittenRecord& one : changelog) {
            logs.changelog.push_back(view(one, static_cast<std::int64_t>(logs.changelog.size())));
        }
        for (const WrittenRecord& one : results) {
            logs.results.push_back(
                {view(one, static_cast<std::int64_t>(logs.results.size())), headers_of(one)});
        }
        return audit_logs(job, logs, base);
    }

    std::map<std::int64_t, std::string> forged_batches;  // in the place of those, by their offset
};

}  // namespace kstream::testing
