#include "kstream/codec/dead_letter.hpp"

#include "codec/record_copy.hpp"

#include <utility>

namespace kstream {

void append_dead_letter(OutputBatch& out, PartitionId to, const BadRecord& bad,
                        std::size_t max_bytes) {
    OutputBatch::Headers more;
    if (!bad.field.empty()) {
        more.emplace_back("kstream.field", std::string{bad.field});
    }
    append_record_copy(out, TopicRole::dead_letters, to,
                       {.record = bad.record,
                        .headers = bad.headers,
                        .source_topic = bad.source_topic,
                        .reason = bad_reason_name(bad.reason)},
                       std::move(more), max_bytes);
}

}  // namespace kstream
