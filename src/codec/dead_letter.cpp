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

}  // namespace

void append_dead_letter(OutputBatch& out, PartitionId to, const RecordView& record,
                        std::string_view source_topic, BadReason reason, std::size_t most_bytes) {
    OutputBatch::Headers headers{
        {"kstream.reason", std::string{bad_reason_name(reason)}},
        {"kstream.source.topic", std::string{source_topic}},
        {"kstream.source.partition", fmt::format("{}", record.partition.value)},
        {"kstream.source.offset", fmt::format("{}", record.record_offset.value)},
        {"kstream.source.timestamp", fmt::format("{}", record.timestamp_ms)},
    };
    const std::optional<std::string_view> key =
        record.has_key() ? std::optional{record.key()} : std::nullopt;
    if (std::size_t{record.key_size} + record.value_size <= most_bytes) {
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
    out.append(TopicRole::dead_letters, to, std::nullopt, std::string_view{},
               out.add_headers(std::move(headers)));
}

}  // namespace kstream
