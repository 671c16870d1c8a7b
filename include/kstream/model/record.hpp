// A record as the pipeline sees it: views into memory that the source owns.
#pragma once

#include "kstream/model/ids.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kstream {

// Views are valid until the next call to the port that handed the record out.
struct RecordView {
    PartitionId partition;
    Offset record_offset;              // of this record, not the position after it
    std::int64_t timestamp_ms = -1;    // as the log has it; -1 when it has none
    const char* key_data = nullptr;    // nullptr: the key is null
    const char* value_data = nullptr;  // nullptr: a tombstone; an empty value is not a tombstone
    std::uint32_t key_size = 0;
    std::uint32_t value_size = 0;

    [[nodiscard]] bool has_key() const { return key_data != nullptr; }
    [[nodiscard]] bool is_tombstone() const { return value_data == nullptr; }
    [[nodiscard]] std::string_view key() const { return {key_data, key_size}; }
    [[nodiscard]] std::string_view value() const { return {value_data, value_size}; }
};

using RecordBatch = std::span<const RecordView>;

// Views as long as those of the record that has the header.
struct HeaderView {
    std::string_view name;
    std::optional<std::string_view> value;  // none: null
    friend bool operator==(const HeaderView&, const HeaderView&) = default;
};

}  // namespace kstream
