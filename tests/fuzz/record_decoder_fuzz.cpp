// The record reader against one that was written from docs/RECORDS.md and shares no code with
// it: the same verdict, the same values. An input is several records with 0x1e between them, for
// one reader, because it remembers the shape of what came before. A record that begins with a
// blank is for the second job.
#include "fuzz/fuzz_target.hpp"
#include "kstream/core/aggregates.hpp"
#include "reader/json/json_reader.hpp"
#include "support/json_reference.hpp"
#include "support/reader_result.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace {

using namespace kstream;

constexpr char kSeparator = 0x1e;

AggregationSpec first_job() {
    return {.source_topic = "t",
            .group_by = {"id_vendedor"},
            .aggregates = {{aggregate_named("sum"), "valor", "total"},
                           {aggregate_named("count"), "", "n"}},
            .scale = 9};
}

AggregationSpec second_job() {
    return {.source_topic = "t",
            .group_by = {"a", "b"},
            .aggregates = {{aggregate_named("sum"), "v", "x"}, {aggregate_named("sum"), "a", "y"}},
            .scale = 2};
}

}  // namespace

KSTREAM_FUZZ_TARGET(record_decoder) {
    static const AggregationSpec kFirst = first_job();
    static const AggregationSpec kSecond = second_job();
    std::optional<JsonReader> first;  // made when needed: each has an index of 4 MiB
    std::optional<JsonReader> second;
    while (!input.empty()) {
        const std::string_view record = input.substr(0, input.find(kSeparator));
        input.remove_prefix(std::min(input.size(), record.size() + 1));
        const bool of_second = record.starts_with(' ');
        std::optional<JsonReader>& reader = of_second ? second : first;
        if (!reader) {
            reader.emplace(of_second ? kSecond : kFirst);
        }
        KSTREAM_CHECK(
            testing::result_of(*reader, record) ==
                testing::reference_decode(of_second ? kSecond : kFirst, std::string{record}),
            "reader and reference agree");
    }
}
