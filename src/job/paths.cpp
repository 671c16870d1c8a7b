#include "job/paths.hpp"

#include "job/names.hpp"

namespace kstream::job {

std::string path_sql(std::span<const PathStep> path) {
    std::string sql;
    for (const PathStep& step : path) {
        if (step.index) {
            sql += '[' + std::to_string(*step.index) + ']';
        } else {
            sql += (sql.empty() ? "" : ".") + as_name(step.name);
        }
    }
    return sql;
}

}  // namespace kstream::job
