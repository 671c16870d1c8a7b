// Invariants that are checked in every build. A failed one is a bug in kstream, never bad input:
// it prints where and what, and aborts, so that nothing wrong can be committed.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace kstream::detail {

[[noreturn]] inline void check_failed(const char* condition, const char* text, const char* file,
                                      int line) {
    std::fprintf(stderr, "kstream: invariant broken: %s (%s) at %s:%d\n", text, condition, file,
                 line);
    std::abort();
}

}  // namespace kstream::detail

#define KSTREAM_CHECK(condition, text)                                             \
    do {                                                                           \
        if (!(condition)) [[unlikely]] {                                           \
            ::kstream::detail::check_failed(#condition, text, __FILE__, __LINE__); \
        }                                                                          \
    } while (false)
