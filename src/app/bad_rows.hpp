// The bad records of a look at a topic: how many of each reason, and where the first one is.
#pragma once

#include "app/page.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/pipeline/bad_record.hpp"
#include "kstream/ports/record_tally.hpp"
#include "text/json_writer.hpp"

#include <cstdint>
#include <vector>

namespace kstream::app {

struct BadRow {
    BadReason reason{};
    std::uint64_t records = 0;
    FirstOfReason first;
};

[[nodiscard]] std::vector<BadRow> bad_rows(const RecordTally& counts,
                                           const FirstsOfReasons& firsts);

// A line each.
void append_bad(Page& page, const std::vector<BadRow>& rows);
// As the field `bad` of the object that is open.
void append_bad(text::JsonWriter& json, const std::vector<BadRow>& rows);

}  // namespace kstream::app
