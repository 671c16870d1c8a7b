#include "kstream/audit/report.hpp"

#include "kstream/audit/audited_job.hpp"
#include "text/json_writer.hpp"

#include <fmt/format.h>

#include <iterator>

namespace kstream::audit {

namespace {

double per_second(const Report& report) {
    return report.source_seconds > 0
               ? static_cast<double>(report.source_records) / report.source_seconds
               : 0.0;
}

std::string_view verdict(const Report& report) {
    switch (report.exit_code()) {
        case ExitCode::ok:
            return report.proof == Proof::nothing ? "not audited" : "proved";
        case ExitCode::proved_wrong:
            return "differs";
        default:
            return "cannot tell";
    }
}

}  // namespace

std::string_view proof_name(Proof proof) {
    switch (proof) {
        case Proof::nothing:
            return "nothing";
        case Proof::ledger_only:
            return "ledger only";
        case Proof::since_base:
            return "since a base";
        case Proof::full:
            return "full";
    }
    return "unknown";
}

ExitCode Report::exit_code() const {
    if (findings.count() > 0) {
        return source_doubt.empty() || !findings.all_rest_on_source() ? ExitCode::proved_wrong
                                                                      : ExitCode::cannot_tell;
    }
    return proof == Proof::ledger_only || !doubts.empty() ? ExitCode::cannot_tell : ExitCode::ok;
}

std::string to_text(const Report& report) {
    std::string out;
    const auto line = [&out]<typename... Args>(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
        out.push_back('\n');
    };
    line("application {}", report.application_id);
    for (const AuditedPartition& p : report.partitions) {
        line("source partition {}: from {} up to {}, end {}, lag {}", p.partition.value,
             p.base.value, p.applied.value, p.end.value, p.lag);
    }
    if (report.proof == Proof::nothing) {
        line("nothing was compared: --quick");
        return out;
    }
    line("records: {}", counts_text(report.counts));
    line("keys: {} compared, {} of them again at a later cut, in {} pass(es)", report.keys,
         report.again, report.passes);
    line("ledger: {} map steps in {} chains, {} of them purged in part, {} step(s) written twice",
         report.ledger.steps, report.ledger.chains, report.ledger.purged, report.ledger.duplicates);
    line("read {} records of the source in {:.1f} s, {:.0f} a second; {:.1f} s in all",
         report.source_records, report.source_seconds, per_second(report), report.seconds);
    for (const Finding& finding : report.findings.kept()) {
        line("{}: {}\n  expected  {}\n  found     {}", finding_name(finding.kind), finding.what,
             finding.expected, finding.found);
    }
    if (report.findings.count() > report.findings.kept().size()) {
        line("and {} more", report.findings.count() - report.findings.kept().size());
    }
    if (!report.saved_base.empty()) {
        line("base saved: {}", report.saved_base);
    }
    for (const std::string& doubt : report.doubts) {
        line("{}", doubt);
    }
    if (report.findings.count() > 0) {
        line("{}: {} finding(s){}{}", verdict(report), report.findings.count(),
             report.source_doubt.empty() ? "" : ": ", report.source_doubt);
    } else if (!report.doubts.empty()) {
        line("{}: {} kind(s) of difference that it cannot judge", verdict(report),
             report.doubts.size());
    } else {
        line("{}: {}{}{}", verdict(report), proof_name(report.proof),
             report.why_not_full.empty() ? "" : ": ", report.why_not_full);
    }
    return out;
}

std::string to_json(const Report& report) {
    text::JsonWriter json;
    json.begin_object()
        .field("application_id", report.application_id)
        .field("verdict", verdict(report))
        .field("proved", report.findings.count() > 0 || !report.doubts.empty()
                             ? proof_name(Proof::nothing)
                             : proof_name(report.proof))
        .field("why_not_full",
               report.source_doubt.empty() ? report.why_not_full : report.source_doubt)
        .field("exit_code", to_int(report.exit_code()));
    json.array("source", report.partitions, [&json](const AuditedPartition& p) {
        json.begin_object().field("partition", p.partition.value).field("base", p.base.value);
        json.field("applied", p.applied.value).field("end", p.end.value);
        json.field("lag", p.lag).end_object();
    });
    json.key("cut").begin_array();
    for (std::size_t q = 0; q < report.cut.size(); ++q) {
        json.begin_object().field("state_partition", q);
        if (report.cut[q]) {
            json.field("transaction", report.cut[q]->transaction);
            json.array("applied", report.cut[q]->sources, [&json](const SourceProgress& source) {
                json.begin_object().field("partition", source.partition.value);
                json.field("base", source.base.value).field("applied", source.applied.value);
                json.end_object();
            });
        }
        json.end_object();
    }
    json.end_array();
    json.key("records")
        .begin_object()
        .field("read", report.counts.read)
        .field("aggregated", report.counts.aggregated)
        .field("filtered", report.counts.filtered)
        .field("late", report.counts.late)
        .field("duplicates", report.counts.duplicates)
        .field("dead_lettered", report.counts.dead_lettered)
        .field("skipped", report.counts.skipped)
        .field("tombstones", report.counts.tombstones)
        .end_object();
    json.field("keys", report.keys)
        .field("compared_again", report.again)
        .field("passes", report.passes);
    json.key("ledger")
        .begin_object()
        .field("steps", report.ledger.steps)
        .field("chains", report.ledger.chains)
        .field("purged", report.ledger.purged)
        .field("duplicates", report.ledger.duplicates)
        .end_object();
    json.array("doubts", report.doubts).field("finding_count", report.findings.count());
    json.array("findings", report.findings.kept(), [&json](const Finding& finding) {
        json.begin_object().field("kind", finding_name(finding.kind));
        json.field("what", finding.what).field("expected", finding.expected);
        json.field("found", finding.found).end_object();
    });
    json.field("source_records_read", report.source_records)
        .field("source_seconds", report.source_seconds)
        .field("records_per_second", per_second(report))
        .field("seconds", report.seconds)
        .end_object();
    return json.take() + "\n";
}

}  // namespace kstream::audit
