// Kafka's murmur2. Not cryptographic and not seeded per process: its values are public contract.
#include "kstream/core/murmur2.hpp"

#include "kstream/check.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

namespace kstream {

namespace {

constexpr std::uint32_t kSeed = 0x9747b28cU;  // Kafka's, the same in every client
constexpr std::uint32_t kMultiplier = 0x5bd1e995U;

std::uint32_t load_le32(const char* bytes) {
    std::uint32_t word;
    std::memcpy(&word, bytes, sizeof word);
    if constexpr (std::endian::native == std::endian::big) {
        word = __builtin_bswap32(word);
    }
    return word;
}

std::uint32_t byte_at(const char* bytes, std::size_t index) {
    return static_cast<unsigned char>(bytes[index]);
}

}  // namespace

std::uint32_t murmur2(std::string_view bytes) {
    std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 4; at += 4, left -= 4) {
        std::uint32_t word = load_le32(at) * kMultiplier;
        word ^= word >> 24;
        hash = (hash * kMultiplier) ^ (word * kMultiplier);
    }
    if (left >= 3) {
        hash ^= byte_at(at, 2) << 16;
    }
    if (left >= 2) {
        hash ^= byte_at(at, 1) << 8;
    }
    if (left >= 1) {
        hash = (hash ^ byte_at(at, 0)) * kMultiplier;
    }
    hash ^= hash >> 13;
    hash *= kMultiplier;
    return hash ^ (hash >> 15);
}

PartitionId partition_for_key(std::string_view key, int partitions) {
    KSTREAM_CHECK(partitions >= 1, "a topic has at least one partition");
    // toPositive() of the Java client clears the sign bit; it does not take the absolute value.
    const auto positive = static_cast<std::int32_t>(murmur2(key) & 0x7fffffffU);
    return PartitionId{positive % partitions};
}

}  // namespace kstream
