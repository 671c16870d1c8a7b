#include "app/statement_zones.hpp"

#include "kstream/expr/projection.hpp"
#include "kstream/reader/record_reader.hpp"
#include "process/zone_file.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::app {

Result<expr::ZoneFiles> zones_of(const job::StatementJob& job) {
    using Files = std::map<std::string, std::string, std::less<>>;
    const auto files = std::make_shared<Files>();
    const expr::ZoneFiles reading = [&files](std::string_view name) {
        std::optional<std::string> bytes = process::read_zone_file(name);
        if (bytes) {
            files->insert_or_assign(std::string{name}, *bytes);
        }
        return bytes;
    };
    if (auto reader = make_record_reader(job.statement, reading); !reader) {
        return std::unexpected(std::move(reader.error()));
    }
    if (auto columns = expr::Projection::make(job.statement, job.plan, reading); !columns) {
        return std::unexpected(std::move(columns.error()));
    }
    return expr::ZoneFiles{[kept = std::shared_ptr<const Files>{files}](std::string_view name) {
        const auto found = kept->find(name);
        return found == kept->end() ? std::nullopt : std::optional{found->second};
    }};
}

}  // namespace kstream::app
