#include "app/bad_rows.hpp"

#include <cstddef>

namespace kstream::app {

std::vector<BadRow> bad_rows(const RecordTally& counts, const FirstsOfReasons& firsts) {
    std::vector<BadRow> rows;
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        if (firsts[i]) {
            rows.push_back({static_cast<BadReason>(i), counts.bad[i], *firsts[i]});
        }
    }
    return rows;
}

void append_bad(Page& page, const std::vector<BadRow>& rows) {
    for (const BadRow& bad : rows) {
        const FirstOfReason& first = bad.first;
        page.line("{} bad: {}{}{}; the first at partition {} offset {}{}{}", bad.records,
                  bad_reason_name(bad.reason), first.field.empty() ? "" : " of ",
                  shown(first.field), first.partition.value, first.record_offset.value,
                  first.hint.empty() ? "" : ": ", first.hint);
    }
}

void append_bad(text::JsonWriter& json, const std::vector<BadRow>& rows) {
    json.array("bad", rows, [&json](const BadRow& bad) {
        json.begin_object()
            .field("reason", bad_reason_name(bad.reason))
            .field("records", bad.records)
            .field("field", bad.first.field)
            .field("partition", bad.first.partition.value)
            .field("offset", bad.first.record_offset.value)
            .field("hint", bad.first.hint)
            .end_object();
    });
}

}  // namespace kstream::app
