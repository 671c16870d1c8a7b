// Arguments in, exit code out; the rest is app/dispatch.cpp. The last place where an exception can
// be caught: none is meant to come here, a library's or bad_alloc may.
#include "app/dispatch.hpp"
#include "cli/parse.hpp"
#include "kstream/exit_code.hpp"
#include "process/uncaught.hpp"

#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

// The client library allocates about a megabyte for each batch that it decompresses and frees it a
// moment later. Left to itself, glibc gives such memory back to the system and takes it anew: two
// thirds of all page faults while a backlog is read.
void keep_freed_memory() {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that it takes
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
#endif
}

}  // namespace

int main(int argc, char** argv) {
    keep_freed_memory();
    kstream::process::end_with_uncaught_exceptions();
    try {
        return kstream::to_int(kstream::app::run(kstream::cli::arguments_of(argc, argv),
                                                 kstream::cli::environment_of(environ)));
    } catch (...) {
        return kstream::to_int(kstream::process::explain_uncaught());
    }
}
