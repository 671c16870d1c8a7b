// What callgrind counts of a program: the work that it is handed here, and nothing else.
#pragma once

#include <functional>

// Its name is given to --toggle-collect.
extern "C" [[gnu::noinline]] inline void kstream_measured(const std::function<void()>& work) {
    work();
}
