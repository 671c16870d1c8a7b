// What an audit has to say at its end.
#pragma once

#include "kstream/audit/finding.hpp"
#include "kstream/audit/ledger.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/exit_code.hpp"
#include "kstream/model/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::audit {

// How much of it rests on the records of the source.
enum class Proof : std::uint8_t {
    nothing,      // --quick
    ledger_only,  // the source's first records are gone: totals, results and ledger agree
    since_base,   // all records since an earlier audit, on top of what that one had counted
    full,         // all records since the job began
};
[[nodiscard]] std::string_view proof_name(Proof proof);

// A source partition, over all state partitions.
struct AuditedPartition {
    PartitionId partition;
    Offset base;
    Offset applied;  // by all state partitions
    Offset end;      // of its committed records, when the audit began
    std::uint64_t lag = 0;
};

struct Report {
    std::string application_id;
    Proof proof = Proof::nothing;
    std::string why_not_full;  // for ledger_only
    // Why what differs may not be wrong, once for each kind of reason: with nothing else found, it
    // cannot be known.
    std::vector<std::string> doubts;
    // Why the records of the source prove nothing where they differ; empty when they do.
    std::string source_doubt;
    std::vector<std::optional<Meta>> cut;
    std::vector<AuditedPartition> partitions;
    RecordCounts counts;  // of all source partitions, where all state partitions are
    std::uint64_t keys = 0;
    std::uint64_t again = 0;  // keys that were compared once more at a later cut
    std::uint64_t passes = 0;
    LedgerReport ledger;
    Findings findings;
    std::uint64_t source_records = 0;  // read, in all passes
    double source_seconds = 0;
    double seconds = 0;
    std::string saved_base;

    [[nodiscard]] ExitCode exit_code() const;
};

// For a person; and one line of JSON.
[[nodiscard]] std::string to_text(const Report& report);
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace kstream::audit
