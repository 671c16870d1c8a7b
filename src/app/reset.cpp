// kstream reset.

#include "topics/reset.hpp"

#include "app/commands.hpp"
#include "kstream/ports/explain.hpp"
#include "topics/ensure_topics.hpp"

#include <cstdio>

namespace kstream::app {

ExitCode run_command(const cli::ResetConfig& config, AppContext& context) {
    Result<kafka::Admin> admin = topics::make_admin(config.common, context.log, context.stop);
    if (!admin) {
        return explain(context.log, admin.error(), "not reset");
    }
    const Result<void> done =
        topics::reset(config, *admin, context.log, context.stop,
                      [](const std::string& line) { std::fputs((line + '\n').c_str(), stdout); });
    return done ? ExitCode::ok : explain(context.log, done.error(), "not reset");
}

}  // namespace kstream::app
