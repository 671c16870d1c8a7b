// The end of an exception that nobody expected, out of memory above all: exit code 13 in every
// subcommand, whichever thread it comes from. 1 is a verdict about totals and must not be it.
#pragma once

#include "kstream/exit_code.hpp"

namespace kstream::process {

// Says on stderr what is being handled; returns ExitCode::internal. Only inside a catch.
[[nodiscard]] ExitCode explain_uncaught();

// For threads, where no catch of main's is around: from now on an exception that leaves one ends
// the process with explain_uncaught(). A termination without an exception goes on aborting.
void end_with_uncaught_exceptions();

}  // namespace kstream::process
