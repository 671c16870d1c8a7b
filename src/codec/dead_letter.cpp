#include "kstream/codec/dead_letter.hpp"

#include "kstream/codec/sha256.hpp"

#include <fmt/format.h>

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

// RECORDS.md: the last header of this name divides the record's own headers from ours.
constexpr const char* kFirstOfOurs = "kstream.reason";

void append_ours(OutputBatch::Headers& headers, const BadRecord& bad) {
    const RecordView& record = bad.record;
    headers.emplace_back(kFirstOfOurs, std::string{bad_reason_name(bad.reason)});
    headers.emplace_back("kstream.source.topic", std::string{bad.source_topic});
    headers.emplace_back("kstream.source.partition", fmt::format("{}", record.partition.value));
    headers.emplace_back("kstream.source.offset", fmt::format("{}", record.record_offset.value));
    headers.emplace_back("kstream.source.timestamp", fmt::format("{}", record.timestamp_ms));
    if (!bad.field.empty()) {
        headers.emplace_back("kstream.field", std::string{bad.field});
    }
}

void append_left_out(OutputBatch::Headers& headers, const BadRecord& bad) {
    if (!bad.headers.empty()) {
        headers.emplace_back("kstream.source.headers", fmt::format("{}", bad.headers.size()));
    }
}

}  // namespace

void append_dead_letter(OutputBatch& out, PartitionId to, const BadRecord& bad,
                        std::size_t max_bytes) {
    const RecordView& record = bad.record;
    const std::optional<std::string_view> key =
        record.has_key() ? std::optional{record.key()} : std::nullopt;
    OutputBatch::Headers headers;
    const std::size_t bytes = std::size_t{record.key_size} + record.value_size;
    const bool has_all = bytes + log_bytes(bad.headers) <= max_bytes;
    if (has_all) {
        for (const HeaderView& header : bad.headers) {
            headers.emplace_back(header.name, header.value);
        }
    }
    append_ours(headers, bad);
    if (bytes <= max_bytes) {
        if (!has_all) {
            append_left_out(headers, bad);
        }
        out.append(TopicRole::dead_letters, to, key, record.value(),
                   out.add_headers(std::move(headers)));
        return;
    }
    // The original stays in the source at its coordinates; its length and hash tell it from
    // another.
    headers.emplace_back("kstream.stub", "true");
    headers.emplace_back("kstream.source.key.bytes", fmt::format("{}", record.key_size));
    headers.emplace_back("kstream.source.value.bytes", fmt::format("{}", record.value_size));
    headers.emplace_back("kstream.source.value.sha256", hex(sha256(record.value())));
    append_left_out(headers, bad);
    out.append(TopicRole::dead_letters, to, std::nullopt, std::string_view{},
               out.add_headers(std::move(headers)));
}

}  // namespace kstream
