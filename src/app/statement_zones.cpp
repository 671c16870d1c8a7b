#include "app/statement_zones.hpp"

#include "kstream/expr/program.hpp"
#include "kstream/expr/projection.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/reader/record_reader.hpp"
#include "process/zone_file.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::app {
namespace {

Result<void> compile(const job::EventTime& event, const job::Statement& statement,
                     const expr::ZoneFiles& zones) {
    expr::Program program{statement.fields};
    if (auto time = program.add(event.time, zones); !time) {
        return std::unexpected(std::move(time.error()));
    }
    if (event.unique_by) {
        if (auto unique = program.add(*event.unique_by, zones); !unique) {
            return std::unexpected(std::move(unique.error()));
        }
    }
    if (event.window.kind != job::WindowKind::none) {
        if (auto windows = expr::Windows::make(event.window, zones); !windows) {
            return std::unexpected(std::move(windows.error()));
        }
    }
    return {};
}

}  // namespace

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
    if (job.statement.event_time) {
        if (Result<void> compiled = compile(*job.statement.event_time, job.statement, reading);
            !compiled) {
            return std::unexpected(std::move(compiled.error()));
        }
    }
    return expr::ZoneFiles{[kept = std::shared_ptr<const Files>{files}](std::string_view name) {
        const auto found = kept->find(name);
        return found == kept->end() ? std::nullopt : std::optional{found->second};
    }};
}

std::optional<std::uint64_t> zone_fingerprint(std::string_view name) {
    const std::optional<std::string> file = process::read_zone_file(name);
    const std::optional<expr::Zone> zone = file ? expr::Zone::parse(*file) : std::nullopt;
    return zone ? std::optional{zone->fingerprint()} : std::nullopt;
}

}  // namespace kstream::app
