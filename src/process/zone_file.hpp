// Time zones as the system has them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kstream::process {

// The bytes of the zone's file, America/Sao_Paulo; none where the system has no such zone.
[[nodiscard]] std::optional<std::string> read_zone_file(std::string_view name);

}  // namespace kstream::process
