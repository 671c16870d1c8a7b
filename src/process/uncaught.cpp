#include "process/uncaught.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

namespace kstream::process {

namespace {

[[noreturn]] void on_terminate() {
    if (std::current_exception()) {
        // No destructor may run: other threads still use what they would destroy.
        std::_Exit(to_int(explain_uncaught()));
    }
    std::abort();
}

}  // namespace

ExitCode explain_uncaught() {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        std::fputs(
            "kstream: out of memory: give the process more; aggregate holds all totals of its "
            "state partitions in memory, which more processes share\n",
            stderr);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "kstream: internal error: %s\n", error.what());
    } catch (...) {
        std::fputs("kstream: internal error: an exception of no known kind\n", stderr);
    }
    return ExitCode::internal;
}

void end_with_uncaught_exceptions() {
    std::set_terminate(on_terminate);
}

}  // namespace kstream::process
