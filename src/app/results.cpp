// kstream results: the committed totals, read from the results topic. It writes nothing to the
// cluster and joins no group.

#include "app/commands.hpp"
#include "kstream/ports/explain.hpp"
#include "results/print_results.hpp"
#include "topics/ensure_topics.hpp"

namespace kstream::app {

ExitCode run_command(const cli::ResultsConfig& config, AppContext& context) {
    Result<kafka::Admin> admin = topics::reach_cluster(config.common, context.log, context.stop);
    return admin ? results::print_results(config, *admin, context.log, context.stop, context.clock)
                 : explain(context.log, admin.error(), "no results");
}

}  // namespace kstream::app
