#include "kstream/codec/late_record.hpp"

#include "codec/record_copy.hpp"
#include "kstream/core/time_text.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace kstream {

namespace {

void append_instant(OutputBatch::Headers& headers, const char* name, std::int64_t milliseconds) {
    std::string text;
    append_timestamp(text, milliseconds);
    headers.emplace_back(name, std::move(text));
}

}  // namespace

void append_late_record(OutputBatch& out, PartitionId to, const LateRecord& late,
                        std::size_t max_bytes) {
    OutputBatch::Headers more;
    append_instant(more, "kstream.event.time", late.event_time);
    append_instant(more, "kstream.watermark", late.watermark);
    if (late.window_start) {
        append_instant(more, "kstream.window.start", *late.window_start);
    }
    if (late.window_end) {
        append_instant(more, "kstream.window.end", *late.window_end);
    }
    more.emplace_back("kstream.late.by.ms", fmt::format("{}", late.late_by));
    append_record_copy(out, TopicRole::late, to,
                       {.record = late.record,
                        .headers = late.headers,
                        .source_topic = late.source_topic,
                        .reason = "late"},
                       std::move(more), max_bytes);
}

}  // namespace kstream
