// What an audit says at its end, for a person and as JSON.
#pragma once

#include "kstream/audit/report.hpp"

#include <string>

namespace kstream::app {

[[nodiscard]] std::string audit_text(const audit::Report& report);
[[nodiscard]] std::string audit_json(const audit::Report& report);

}  // namespace kstream::app
