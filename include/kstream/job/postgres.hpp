// A statement as a script for psql that computes the job's results from an export of its topic
// (reader/record_export.hpp): by PostgreSQL's own functions, for somebody who knows nothing of
// kstream. What the script and the export look like: docs/adr/0056-a-judge-for-statements.md; of
// jobs with event time: docs/adr/0057-event-time.md.
#pragma once

#include "kstream/job/statement.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace kstream::job {

// Of the export, in their order; names and PostgreSQL's types.
struct ExportColumn {
    std::string name;
    std::string_view type;
};
[[nodiscard]] std::vector<ExportColumn> export_columns(const Statement& statement);

// `export_file` is where the script looks for the export.
[[nodiscard]] std::string to_postgres(const Statement& statement, std::string_view export_file);

}  // namespace kstream::job
