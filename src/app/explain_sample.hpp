// `explain --sample`: what a job makes of the newest records of its topic.
#pragma once

#include "app/bad_rows.hpp"
#include "app/commands.hpp"
#include "cli/config.hpp"
#include "kstream/error.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/pipeline/sample.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kstream::app {

struct SampleReport {
    std::string topic;
    std::uint64_t offsets = 0;  // that were looked at
    RecordTally counts;
    std::vector<BadRow> bad;
    std::map<std::string, std::string> results;  // as the results topic would have them, by key
};

// Reads with read_committed, joins no group and writes nothing. Errors: unavailable when the topic
// does not exist, with the names that may have been meant.
[[nodiscard]] Result<SampleReport> take_sample(const cli::ExplainConfig& config,
                                               const expr::ZoneFiles& zones, AppContext& context);

}  // namespace kstream::app
