// The records that a step writes, in order. All bytes lie in one buffer. Of a large step they go on
// in parts, while the rest is made.
#pragma once

#include "kstream/model/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {

class OutputBatch {
public:
    static constexpr std::uint32_t kNoHeaders = 0xffffffffU;
    using Headers = std::vector<std::pair<std::string, std::optional<std::string>>>;  // or null

    // How much goes to one topic: keys and values, without headers.
    struct Volume {
        std::uint64_t records = 0;
        std::uint64_t bytes = 0;
        friend bool operator==(const Volume&, const Volume&) = default;
    };
    using Volumes = std::array<Volume, kTopicRoleCount>;  // by TopicRole

    struct Record {
        TopicRole topic = TopicRole::repartition;
        PartitionId partition;
        std::uint32_t headers = kNoHeaders;  // index into header_sets()
        bool has_key = false;
        bool has_value = false;
        std::uint32_t key_size = 0;
        std::uint32_t value_size = 0;
        std::uint64_t at = 0;  // key, then value
    };

    // Several records may share one set of headers.
    std::uint32_t add_headers(Headers headers) {
        headers_bytes_ += memory_of(headers);
        header_sets_.push_back(std::move(headers));
        return static_cast<std::uint32_t>(header_sets_.size() - 1);
    }

    // Copies key and value. An absent key or value is null; an empty one is not.
    void append(TopicRole topic, PartitionId partition, std::optional<std::string_view> key,
                std::optional<std::string_view> value, std::uint32_t headers = kNoHeaders) {
        Record record{topic, partition, headers,      key.has_value(), value.has_value(),
                      0,     0,         bytes_.size()};
        record.key_size = static_cast<std::uint32_t>(key ? key->size() : 0);
        record.value_size = static_cast<std::uint32_t>(value ? value->size() : 0);
        bytes_.append(key.value_or(std::string_view{}));
        bytes_.append(value.value_or(std::string_view{}));
        records_.push_back(record);
        Volume& volume = volumes_[static_cast<std::size_t>(topic)];
        ++volume.records;
        volume.bytes += std::uint64_t{record.key_size} + record.value_size;
        if (bytes_.size() >= part_bytes_) [[unlikely]] {
            hand_over_part();
        }
    }

    // From now on what there is goes to `take` whenever it has come to so many bytes, as a batch
    // with all sets of headers; with it go key() and value() of these records. volumes() goes on to
    // count them.
    void hand_over(std::size_t part_bytes, std::function<void(OutputBatch)> take) {
        part_bytes_ = part_bytes;
        take_part_ = std::move(take);
    }
    // No longer: the rest stays.
    void keep_rest() {
        part_bytes_ = kNoPart;
        take_part_ = nullptr;
    }

    void append_all(const OutputBatch& other) {
        const auto first_set = static_cast<std::uint32_t>(header_sets_.size());
        header_sets_.insert(header_sets_.end(), other.header_sets_.begin(),
                            other.header_sets_.end());
        headers_bytes_ += other.headers_bytes_;
        for (const Record& record : other.records_) {
            append(record.topic, record.partition, other.key(record), other.value(record),
                   record.headers == kNoHeaders ? kNoHeaders : first_set + record.headers);
        }
    }

    void clear() {
        records_.clear();
        header_sets_.clear();
        headers_bytes_ = 0;
        bytes_.clear();
        volumes_ = {};
    }

    [[nodiscard]] bool empty() const { return records_.empty(); }
    // What the batch holds, all of it: a record without key and value is not free. Not counted is
    // what vectors have in reserve.
    [[nodiscard]] std::size_t memory_bytes() const {
        return bytes_.size() + records_.size() * sizeof(Record) + headers_bytes_;
    }
    [[nodiscard]] const Volumes& volumes() const { return volumes_; }
    [[nodiscard]] const std::vector<Record>& records() const { return records_; }
    [[nodiscard]] const std::vector<Headers>& header_sets() const { return header_sets_; }

    // Views are valid until the batch is changed.
    [[nodiscard]] std::optional<std::string_view> key(const Record& record) const {
        if (!record.has_key) {
            return std::nullopt;
        }
        return std::string_view{bytes_}.substr(record.at, record.key_size);
    }
    [[nodiscard]] std::optional<std::string_view> value(const Record& record) const {
        if (!record.has_value) {
            return std::nullopt;
        }
        return std::string_view{bytes_}.substr(record.at + record.key_size, record.value_size);
    }

private:
    // A set, its pairs, and texts that do not lie in their strings, as the allocator holds them.
    [[nodiscard]] static std::size_t memory_of(const Headers& headers) {
        constexpr std::size_t kAllocation = 2 * sizeof(void*);
        const std::size_t inside = std::string{}.capacity();
        std::size_t bytes =
            sizeof(Headers) + kAllocation + headers.size() * sizeof(Headers::value_type);
        for (const auto& [name, text] : headers) {
            for (const std::size_t size : {name.size(), text ? text->size() : 0}) {
                bytes += size > inside ? size + 1 + kAllocation : 0;
            }
        }
        return bytes;
    }

    void hand_over_part() {
        OutputBatch part;
        part.records_ = std::exchange(records_, {});
        part.bytes_ = std::exchange(bytes_, {});
        part.header_sets_ = header_sets_;
        part.headers_bytes_ = headers_bytes_;
        records_.reserve(part.records_.size());
        bytes_.reserve(part.bytes_.size());
        take_part_(std::move(part));
    }

    static constexpr std::size_t kNoPart = std::numeric_limits<std::size_t>::max();

    std::size_t part_bytes_ = kNoPart;
    std::function<void(OutputBatch)> take_part_;
    std::vector<Record> records_;
    std::vector<Headers> header_sets_;
    std::size_t headers_bytes_ = 0;
    std::string bytes_;
    Volumes volumes_{};
};

}  // namespace kstream
