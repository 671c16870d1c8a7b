// What runs, for a bug report.
#include "app/version_text.hpp"

#include "kafka/client_config.hpp"
#include "kafka/fetched.hpp"
#include "kstream/version.hpp"

#include <fmt/format.h>

namespace kstream::app {

std::string version_text() {
    return fmt::format("kstream {} (revision {})\nlibrdkafka {} (features: {}{})\n",
                       version().number, version().revision, kafka::library_version(),
                       kafka::library_features(),
                       kafka::library_has_whole_batches() ? ",record-batches" : "");
}

}  // namespace kstream::app
