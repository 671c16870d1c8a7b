#include "codec/record_copy.hpp"

#include "kstream/codec/sha256.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace kstream {

namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += fmt::format("{:02x}", byte);
    }
    return text;
}

// Bytes of a length in the log: zigzag, seven bits to a byte.
std::size_t length_bytes(std::size_t length) {
    std::size_t bytes = 1;
    for (std::size_t rest = length >> 6; rest != 0; rest >>= 7) {
        ++bytes;
    }
    return bytes;
}

std::size_t log_bytes(std::span<const HeaderView> headers) {
    std::size_t bytes = 0;
    for (const HeaderView& header : headers) {
        const std::size_t value = header.value ? header.value->size() : 0;
        bytes +=
            length_bytes(header.name.size()) + header.name.size() + length_bytes(value) + value;
    }
    return bytes;
}

void append_coordinates(OutputBatch::Headers& headers, const RecordCopy& copy) {
    const RecordView& record = copy.record;
    // RECORDS.md: the last header of this name divides the record's own headers from ours.
    headers.emplace_back("kstream.reason", std::string{copy.reason});
    headers.emplace_back("kstream.source.topic", std::string{copy.source_topic});
    headers.emplace_back("kstream.source.partition", fmt::format("{}", record.partition.value));
    headers.emplace_back("kstream.source.offset", fmt::format("{}", record.record_offset.value));
    headers.emplace_back("kstream.source.timestamp", fmt::format("{}", record.timestamp_ms));
}

void append_left_out(OutputBatch::Headers& headers, const RecordCopy& copy) {
    if (!copy.headers.empty()) {
        headers.emplace_back("kstream.source.headers", fmt::format("{}", copy.headers.size()));
    }
}

}  // namespace

void append_record_copy(OutputBatch& out, TopicRole topic, PartitionId to, const RecordCopy& copy,
                        OutputBatch::Headers more, std::size_t max_bytes) {
    const RecordView& record = copy.record;
    const std::optional<std::string_view> key =
        record.has_key() ? std::optional{record.key()} : std::nullopt;
    OutputBatch::Headers headers;
    const std::size_t bytes = std::size_t{record.key_size} + record.value_size;
    const bool has_all = bytes + log_bytes(copy.headers) <= max_bytes;
    if (has_all) {
        for (const HeaderView& header : copy.headers) {
            headers.emplace_back(header.name, header.value);
        }
    }
    append_coordinates(headers, copy);
    headers.insert(headers.end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
    if (bytes <= max_bytes) {
        if (!has_all) {
            append_left_out(headers, copy);
        }
        out.append(topic, to, key, record.value(), out.add_headers(std::move(headers)));
        return;
    }
    // The original stays in the source at its coordinates; its length and hash tell it from
    // another.
    headers.emplace_back("kstream.stub", "true");
    headers.emplace_back("kstream.source.key.bytes", fmt::format("{}", record.key_size));
    headers.emplace_back("kstream.source.value.bytes", fmt::format("{}", record.value_size));
    headers.emplace_back("kstream.source.value.sha256", hex(sha256(record.value())));
    append_left_out(headers, copy);
    out.append(topic, to, std::nullopt, std::string_view{}, out.add_headers(std::move(headers)));
}

}  // namespace kstream
