// Repartition records: any bytes with a right checksum are refused, or come back the same when they
// are written again. Also as they are, with whatever checksum. Of a job of sums, of one that
// keeps elements, and of one with event time.
#include "fuzz/fuzz_target.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"

#include <array>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace kstream;

constexpr std::array kSums{aggregate_named("sum"), aggregate_named("count")};
constexpr std::array kElements{aggregate_named("count"), kDistinct, kMultiset, kDistinct};

std::string written(const DeltaBatch& batch, const StoredForm& form) {
    const std::span<const AggregateKind> kinds = form.kinds;
    DeltaBatchWriter writer{form};
    const std::size_t sets = sets_of(kinds).size();
    const std::size_t multisets = multisets_of(kinds).size();
    for (std::size_t i = 0; i < batch.deltas.size(); ++i) {
        std::vector<std::vector<Element>> elements;
        for (std::size_t set = 0; set < sets; ++set) {
            const auto list = batch.list(i * sets + set);
            elements.emplace_back(list.begin(), list.end());
        }
        std::vector<std::vector<CountedValue>> values;
        for (std::size_t set = 0; set < multisets; ++set) {
            const auto list = batch.value_list(i * multisets + set);
            values.emplace_back(list.begin(), list.end());
        }
        writer.add_delta(batch.deltas[i].state_key,
                         std::span{batch.slots}.subspan(batch.deltas[i].first_slot, kinds.size()),
                         &batch.texts, elements, values);
    }
    return std::string{writer.finish(batch.header)};
}

void check(std::string_view input, const StoredForm& form) {
    DeltaBatch batch;
    (void)decode_delta_batch(input, form, batch);
    std::string value{input};
    ByteWriter{value}.crc_since(0);
    if (!decode_delta_batch(value, form, batch)) {
        return;
    }
    for (const SourceRange& range : batch.header.ranges) {
        KSTREAM_CHECK(range.counts.balanced() && range.from <= range.to &&
                          range.partition.value >= 0 && range.from.value >= 0 &&
                          (!form.event_time || range.watermark_before <= range.watermark),
                      "what is accepted is plausible");
    }
    const std::string again = written(batch, form);
    DeltaBatch second;
    KSTREAM_CHECK(decode_delta_batch(again, form, second), "what was accepted is accepted again");
    KSTREAM_CHECK(second.header == batch.header && second.slots == batch.slots &&
                      second.elements == batch.elements && second.list_ends == batch.list_ends &&
                      second.values == batch.values && second.value_ends == batch.value_ends,
                  "and has the same values");
    KSTREAM_CHECK(written(second, form) == again, "and the same bytes");
}

}  // namespace

KSTREAM_FUZZ_TARGET(delta_batch) {
    check(input, kSums);
    check(input, kElements);
    check(input, {kSums, true, true});
    check(input, {kSums, true, true, false, true});
}
