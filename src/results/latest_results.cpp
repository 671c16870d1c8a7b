#include "results/latest_results.hpp"

#include "kstream/core/stable_hash.hpp"

#include <algorithm>

namespace kstream::results {

namespace {

// Of an entry beside its bytes: node, two strings, bucket, what the allocator adds.
constexpr std::uint64_t kEntryBytes = 128;

std::uint64_t held_by(std::string_view key, std::string_view value) {
    return key.size() + value.size() + kEntryBytes;
}

}  // namespace

bool KeyPart::has(std::string_view key) const {
    return static_cast<std::uint64_t>(stable_hash(key)) % modulus == remainder;
}

std::pair<KeyPart, KeyPart> KeyPart::halves() const {
    return {{modulus * 2, remainder}, {modulus * 2, remainder + modulus}};
}

bool LatestResults::take(const RecordView& record) {
    if (!part_.has(record.key())) {
        return true;
    }
    const auto found = values_.find(record.key());
    if (found != values_.end()) {
        bytes_ -= held_by(found->first, found->second);
    }
    if (record.is_tombstone()) {
        if (found != values_.end()) {
            values_.erase(found);
        }
        return true;
    }
    bytes_ += held_by(record.key(), record.value());
    if (found != values_.end()) {
        found->second = record.value();
    } else {
        values_.emplace(record.key(), record.value());
    }
    return bytes_ <= max_bytes_;
}

std::vector<LatestResults::Row> LatestResults::rows() const {
    std::vector<Row> rows;
    rows.reserve(values_.size());
    for (const auto& [key, value] : values_) {
        rows.push_back({key, value});
    }
    std::ranges::sort(rows, {}, &Row::key);
    return rows;
}

}  // namespace kstream::results
