// A 128-bit hash whose value is part of a stored format (the state hash in meta): it may never
// change. It finds lost, doubled and damaged entries, not an attacker, who could compute it too.
#pragma once

#include "kstream/model/int128.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kstream {

namespace detail {

// Finalizer of MurmurHash3 (public domain, Austin Appleby): every input bit reaches every output
// bit.
constexpr std::uint64_t mix64(std::uint64_t h) {
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53ULL;
    h ^= h >> 33;
    return h;
}

// `size` bytes, at most 8, as a little-endian number.
inline std::uint64_t load_le64(const char* bytes, std::size_t size) {
    if constexpr (std::endian::native == std::endian::little) {
        if (size == sizeof(std::uint64_t)) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes, sizeof word);
            return word;
        }
        if (size >= sizeof(std::uint32_t)) {  // two halves that may overlap
            std::uint32_t low = 0;
            std::uint32_t high = 0;
            std::memcpy(&low, bytes, sizeof low);
            std::memcpy(&high, bytes + size - sizeof high, sizeof high);
            return low | std::uint64_t{high} << (8 * (size - sizeof high));
        }
    }
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) {
        word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return word;
}

}  // namespace detail

[[nodiscard]] inline UInt128 stable_hash(std::string_view bytes) {
    std::uint64_t a = 0x6b73747265616d31ULL ^ bytes.size();
    std::uint64_t b = 0x9e3779b97f4a7c15ULL + bytes.size();
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        const std::size_t left = bytes.size() - i;
        const std::uint64_t word = detail::load_le64(bytes.data() + i, left < 8 ? left : 8);
        a = detail::mix64(a ^ word);
        b = detail::mix64(b + word * 0xd6e8feb86659fd93ULL) + a;
    }
    return (UInt128{detail::mix64(a ^ (b >> 1))} << 64) | detail::mix64(b + (a << 1));
}

}  // namespace kstream
