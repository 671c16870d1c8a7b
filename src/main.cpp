// Arguments in, exit code out; the rest is app/dispatch.cpp. The last place where an exception can
// be caught: none is meant to come here, a library's or bad_alloc may.
#include "app/dispatch.hpp"
#include "cli/parse.hpp"
#include "kstream/exit_code.hpp"

#include <cstdio>
#include <exception>
#include <unistd.h>

int main(int argc, char** argv) {
    try {
        return kstream::to_int(kstream::app::run(kstream::cli::arguments_of(argc, argv),
                                                 kstream::cli::environment_of(environ)));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "kstream: internal error: %s\n", error.what());
        return kstream::to_int(kstream::ExitCode::internal);
    }
}
