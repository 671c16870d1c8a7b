// kstream results: the committed totals, read from the results topic. It writes nothing to the
// cluster and joins no group.

#include "app/commands.hpp"
#include "kstream/ports/explain.hpp"
#include "results/print_results.hpp"
#include "topics/ensure_topics.hpp"

namespace kstream::app {

namespace {

constexpr std::chrono::milliseconds kClusterWait{30000};

}  // namespace

ExitCode run_results(const cli::ResultsConfig& config, AppContext& context) {
    Result<kafka::Admin> admin = topics::make_admin(config.common, context.log, context.stop);
    if (!admin) {
        return explain(context.log, admin.error(), "no results");
    }
    if (const auto reached = admin->wait_for_cluster(1, kClusterWait); !reached) {
        return explain(context.log, reached.error(), "no results");
    }
    return results::print_results(config, *admin, context.log, context.stop);
}

}  // namespace kstream::app
