// Which kstream this is. The definition is generated at build time from project() and git.
#pragma once

#include <string_view>

namespace kstream {

struct Version {
    std::string_view number;    // as in the release: "0.1.0"
    std::string_view revision;  // short git hash, "-dirty" when files differ from it, or "unknown"
};

Version version();

}  // namespace kstream
