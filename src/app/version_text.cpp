// What runs, for a bug report.
#include "app/version_text.hpp"

#include "kafka/client_config.hpp"
#include "kstream/version.hpp"

#include <fmt/format.h>

namespace kstream::app {

std::string version_text() {
    // The last feature is the patch of scripts/librdkafka, without which this does not compile.
    return fmt::format("kstream {} (revision {})\nlibrdkafka {} (features: {},record-batches)\n",
                       version().number, version().revision, kafka::library_version(),
                       kafka::library_features());
}

}  // namespace kstream::app
