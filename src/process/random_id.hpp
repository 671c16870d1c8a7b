// Numbers that no other process and no other start has.
#pragma once

#include <cstdint>
#include <random>

namespace kstream::process {

[[nodiscard]] inline std::uint64_t random_id() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

}  // namespace kstream::process
