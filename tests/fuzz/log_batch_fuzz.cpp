// Records of a batch of the log: any bytes are refused, or are read without looking outside of
// them. The first byte says how many records are announced.
#include "fuzz/fuzz_target.hpp"
#include "kafka/log_batch.hpp"

#include <functional>
#include <string_view>
#include <vector>

namespace {

using namespace kstream;
using namespace kstream::kafka;

bool within(std::string_view part, std::string_view whole) {
    return part.data() == nullptr || (!std::less<>{}(part.data(), whole.data()) &&
                                      part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

KSTREAM_FUZZ_TARGET(log_batch) {
    if (input.empty()) {
        return;
    }
    LogBatch batch;
    batch.base = Offset{1000};
    batch.first = Offset{1001};
    batch.record_count = static_cast<unsigned char>(input.front());
    batch.records = input.substr(1);
    std::vector<RecordView> views;
    std::vector<std::string_view> headers;
    const bool read = append_records(batch, views, &headers).has_value();
    KSTREAM_CHECK(views.size() == headers.size(), "each record has its headers");
    KSTREAM_CHECK(read || views.empty(), "what is refused adds nothing");
    KSTREAM_CHECK(views.size() <= static_cast<std::size_t>(batch.record_count),
                  "no more records than announced");
    for (std::size_t i = 0; i < views.size(); ++i) {
        KSTREAM_CHECK(views[i].record_offset >= batch.first, "only what is wanted");
        KSTREAM_CHECK(within(views[i].key(), input) && within(views[i].value(), input) &&
                          within(headers[i], input),
                      "views are of the batch");
        const auto found = last_header(headers[i], "h");
        KSTREAM_CHECK(!found || within(*found, headers[i]), "and so is a header's value");
    }
}
