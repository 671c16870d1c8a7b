// What a fuzz target is: a function over any bytes that must come back, with its properties as
// KSTREAM_CHECKs. The preset `fuzz` makes a libFuzzer program of each; every other build puts all
// of them into one program that replays tests/fuzz/corpus/ (tests/fuzz/replay.cpp).
#pragma once

#include "kstream/check.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace kstream::fuzz {

struct Target {
    std::string_view name;
    void (*run)(std::string_view input);
};

inline std::vector<Target>& targets() {
    static std::vector<Target> all;
    return all;
}

}  // namespace kstream::fuzz

#ifdef KSTREAM_LIBFUZZER
#define KSTREAM_FUZZ_ENTRY(name)                                                        \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
        fuzz_##name({reinterpret_cast<const char*>(data), size});                       \
        return 0;                                                                       \
    }
#else
#define KSTREAM_FUZZ_ENTRY(name)                      \
    [[maybe_unused]] static const bool known_##name = \
        (::kstream::fuzz::targets().push_back({#name, &fuzz_##name}), true);
#endif

#define KSTREAM_FUZZ_TARGET(name)                    \
    static void fuzz_##name(std::string_view input); \
    KSTREAM_FUZZ_ENTRY(name)                         \
    static void fuzz_##name(std::string_view input)
