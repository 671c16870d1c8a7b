// The newest record of each key of a results topic, within a bound on memory: what a compacted
// topic means, whether or not it has been compacted already.
//
// Fed from partitions in any order, each in the order of its log; a key lives in one partition.
// Where the keys do not fit into the bound, the caller halves the part of the keys that it keeps
// and reads once more for each half.
#pragma once

#include "kstream/model/record.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kstream::results {

// The keys whose hash has `remainder` modulo `modulus`, a power of two: all of them at first.
struct KeyPart {
    std::uint64_t modulus = 1;
    std::uint64_t remainder = 0;

    [[nodiscard]] bool has(std::string_view key) const;
    [[nodiscard]] std::pair<KeyPart, KeyPart> halves() const;
};

class LatestResults {
public:
    // Keys and values of a bytes budget of `max_bytes`, overhead included.
    LatestResults(KeyPart part, std::uint64_t max_bytes) : part_(part), max_bytes_(max_bytes) {}

    // false: the bound is reached, and what is held is of no use. The record's key is not null.
    [[nodiscard]] bool take(const RecordView& record);

    struct Row {
        std::string_view key;
        std::string_view value;
    };
    // In the order of their keys' bytes. Valid until the next call of take().
    [[nodiscard]] std::vector<Row> rows() const;

private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    KeyPart part_;
    std::uint64_t max_bytes_;
    std::uint64_t bytes_ = 0;
    std::unordered_map<std::string, std::string, Hash, std::equal_to<>> values_;
};

}  // namespace kstream::results
