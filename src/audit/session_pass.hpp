// What the parts of a session share.
#pragma once

#include "audit/advances.hpp"
#include "kstream/audit/session.hpp"

#include <memory>
#include <string>
#include <utility>

namespace kstream::audit {

// One class of keys on its way: readers stay open, so that a later round reads only what is new.
struct Session::Pass {
    bool first = false;
    int round = 0;
    std::unique_ptr<LogReader> changelog;
    std::unique_ptr<LogReader> results;
    Advances advances;
    SourceFold source;
    bool done = false;
    bool saved = false;  // its accounts are in the base file
};

inline std::unexpected<Error> cannot_tell(std::string message, std::string hint = {}) {
    return fail(ExitCode::cannot_tell, std::move(message), std::move(hint));
}

}  // namespace kstream::audit
