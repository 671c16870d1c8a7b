// What `lateness` prints: what a look at the topic has found.
#pragma once

#include "kstream/core/lateness.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/pipeline/bad_record.hpp"
#include "kstream/ports/record_tally.hpp"

#include <cstdint>
#include <string>

namespace kstream::app {

struct LatenessReport {
    const job::Statement& statement;  // with windows
    std::uint64_t offsets = 0;        // that were looked at
    const RecordTally& counts;        // `aggregated` with the late ones
    const FirstsOfReasons& firsts;
    const Lateness& lateness;
};

[[nodiscard]] std::string lateness_text(const LatenessReport& report);
[[nodiscard]] std::string lateness_json(const LatenessReport& report);

}  // namespace kstream::app
