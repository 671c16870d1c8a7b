// Who owns stored positions and totals (protocol P4): stands in the batch header, in meta and in
// the metadata string of every committed offset. Any difference stops the process before it joins a
// group, because adding up the state of two jobs, or of two logs, gives totals of neither.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

// How a key finds its partition. The value stands in stored formats.
enum class Partitioner : std::uint8_t { murmur2 = 1 };

struct Identity {
    std::uint64_t spec_hash = 0;
    std::uint8_t scale = 0;
    Partitioner partitioner = Partitioner::murmur2;
    std::uint32_t state_partitions = 0;    // of repartition and changelog, which are equal (P9)
    std::uint32_t results_partitions = 0;  // a changed count would move a key's results
    // Source partitions when the application first started. Those have been opened by --from, later
    // ones begin at their beginning (P3), whoever opens them and whenever.
    std::uint32_t initial_source_partitions = 0;
    TopicId source_id;
    TopicId repartition_id;
    TopicId changelog_id;
    friend bool operator==(const Identity&, const Identity&) = default;
};

// What a committed offset of a job with event time carries beside the identity: offsets alone do
// not tell whether a step was committed that has moved none (docs/adr/0057).
struct OffsetMark {
    // How many steps have committed the partition, this one counted: 1 or more. Of a state
    // partition it is the number of its transaction.
    std::uint64_t step = 0;
    std::optional<SourceMark> source;  // of the map loop's group, and of no other
    friend bool operator==(const OffsetMark&, const OffsetMark&) = default;
};

struct OffsetMetadata {
    Identity identity;
    std::optional<OffsetMark> mark;  // of a job with event time, and of no other
    friend bool operator==(const OffsetMetadata&, const OffsetMetadata&) = default;
};

// The metadata string of a committed offset: ASCII, at most 512 bytes (broker's default limit is
// 4096, offset.metadata.max.bytes).
[[nodiscard]] std::string offset_metadata_text(const OffsetMetadata& metadata);
// Of a job without event time.
[[nodiscard]] std::string identity_text(const Identity& identity);

// Whether kstream wrote it, in this format or in a newer one.
[[nodiscard]] bool is_identity_text(std::string_view text);

// identity, naming the problem, for a string that kstream did not write or a newer format.
[[nodiscard]] Result<OffsetMetadata> parse_offset_metadata(std::string_view text);
// The identity in it.
[[nodiscard]] Result<Identity> parse_identity_text(std::string_view text);

// Each difference in words, "what: stored X, now Y"; empty when they agree.
[[nodiscard]] std::vector<std::string> identity_differences(const Identity& stored,
                                                            const Identity& now);

// The topic id as Kafka's tools print it: base64url without padding, 22 characters.
[[nodiscard]] std::string topic_id_text(const TopicId& id);
[[nodiscard]] bool parse_topic_id_text(std::string_view text, TopicId& id);

}  // namespace kstream
