#include "kafka/log_batch.hpp"

#include <fmt/core.h>

#include <cstddef>
#include <limits>

namespace kstream::kafka {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kAhead = 1024;

// Reads forward; after a read past the end all reads give zero and failed() is true.
class Cursor {
public:
    explicit Cursor(std::string_view bytes)
        : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    std::int64_t zigzag() {
        // Lengths and deltas of one byte are nearly all there are.
        if (at_ != end_ && static_cast<signed char>(*at_) >= 0) [[likely]] {
            const std::uint64_t byte = static_cast<unsigned char>(*at_++);
            return static_cast<std::int64_t>(byte >> 1) ^ -static_cast<std::int64_t>(byte & 1);
        }
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64 && at_ != end_; shift += 7) {
            const auto byte = static_cast<unsigned char>(*at_++);
            value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
            if (byte < 0x80U) {
                return static_cast<std::int64_t>(value >> 1) ^
                       -static_cast<std::int64_t>(value & 1);
            }
        }
        failed_ = true;
        return 0;
    }
    void skip(std::size_t size) { raw(size); }
    const char* raw(std::size_t size) {
        if (size > left()) {
            failed_ = true;
            at_ = end_;
            return nullptr;
        }
        const char* const data = at_;
        at_ += size;
        return data;
    }
    // Bytes after their size; nullptr for the size -1.
    const char* sized(std::uint32_t& size) {
        const std::int64_t announced = zigzag();
        size = 0;
        if (announced < 0) {
            failed_ = failed_ || announced != -1;
            return nullptr;
        }
        const char* const data = raw(static_cast<std::size_t>(announced));
        size = data != nullptr ? static_cast<std::uint32_t>(announced) : 0;
        return data;
    }
    // The rest.
    [[nodiscard]] std::string_view rest() const { return {at_, left()}; }

private:
    const char* at_;
    const char* end_;
    bool failed_ = false;
};

}  // namespace

Result<void> append_records(const LogBatch& batch, std::vector<RecordView>& views,
                            std::vector<std::string_view>* headers) {
    const std::size_t views_before = views.size();
    const std::size_t headers_before = headers != nullptr ? headers->size() : 0;
    Cursor records{batch.records};
    std::int32_t count = 0;
    bool whole = true;
    while (records.left() > 0) {
        const std::int64_t size = records.zigzag();
        const char* const begin = size < 0 ? nullptr : records.raw(static_cast<std::size_t>(size));
        if (begin == nullptr) {
            whole = false;
            break;
        }
        // Another core has just decompressed this. Each record begins some lines after the one
        // before, which no processor guesses: asked for early, they are here when they are read.
        for (std::size_t at = 0; at < static_cast<std::size_t>(size); at += kCacheLine) {
            __builtin_prefetch(begin + kAhead + at);
        }
        Cursor record{{begin, static_cast<std::size_t>(size)}};
        record.skip(1);  // attributes: none are defined
        const std::int64_t timestamp_delta = record.zigzag();
        const std::int64_t offset_delta = record.zigzag();
        // Where it stays: one that is copied has the copy wait for its parts.
        RecordView& view = views.emplace_back();
        view.partition = batch.partition;
        view.key_data = record.sized(view.key_size);
        view.value_data = record.sized(view.value_size);
        // The protocol's deltas of offsets are of 32 bits; those of timestamps may be anything.
        if (record.failed() || offset_delta < 0 ||
            offset_delta > std::numeric_limits<std::int32_t>::max()) {
            whole = false;
            break;
        }
        view.record_offset = Offset{batch.base.value + offset_delta};
        view.timestamp_ms =
            batch.log_append_time
                ? batch.timestamp_ms
                : static_cast<std::int64_t>(static_cast<std::uint64_t>(batch.timestamp_ms) +
                                            static_cast<std::uint64_t>(timestamp_delta));
        ++count;
        if (view.record_offset < batch.first) {
            views.pop_back();
            continue;
        }
        if (headers != nullptr) {
            headers->push_back(record.rest());
        }
    }
    if (whole && count == batch.record_count) {
        return {};
    }
    views.resize(views_before);
    if (headers != nullptr) {
        headers->resize(headers_before);
    }
    return std::unexpected(Error::stop(
        ExitCode::integrity,
        fmt::format("partition {}: the record batch at offset {} is damaged: {} of {} records in "
                    "{} bytes can be read",
                    batch.partition.value, batch.base.value, count, batch.record_count,
                    batch.records.size())));
}

std::optional<std::string_view> last_header(std::string_view headers, std::string_view name) {
    Cursor cursor{headers};
    std::optional<std::string_view> found;
    for (std::int64_t left = cursor.zigzag(); left > 0 && !cursor.failed(); --left) {
        std::uint32_t name_size = 0;
        std::uint32_t size = 0;
        const char* const name_data = cursor.sized(name_size);
        const char* const value = cursor.sized(size);
        if (name_data == nullptr || std::string_view{name_data, name_size} != name) {
            continue;
        }
        found = value != nullptr ? std::optional{std::string_view{value, size}} : std::nullopt;
    }
    return cursor.failed() ? std::nullopt : found;
}

std::optional<std::vector<HeaderView>> read_headers(std::string_view bytes) {
    Cursor cursor{bytes};
    const std::int64_t count = cursor.zigzag();
    std::vector<HeaderView> headers;
    for (std::int64_t i = 0; i < count && !cursor.failed(); ++i) {
        std::uint32_t name_size = 0;
        std::uint32_t size = 0;
        const char* const name = cursor.sized(name_size);
        const char* const value = cursor.sized(size);
        if (name == nullptr) {
            return std::nullopt;
        }
        headers.push_back(
            {{name, name_size},
             value != nullptr ? std::optional{std::string_view{value, size}} : std::nullopt});
    }
    return count < 0 || cursor.failed() ? std::nullopt : std::optional{std::move(headers)};
}

}  // namespace kstream::kafka
