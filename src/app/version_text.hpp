// kstream --version.
#pragma once

#include <string>

namespace kstream::app {

// Own version and git revision, librdkafka's version and features.
[[nodiscard]] std::string version_text();

}  // namespace kstream::app
