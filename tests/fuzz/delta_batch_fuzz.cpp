// Repartition records: any bytes with a right checksum are refused, or come back the same when they
// are written again. Also as they are, with whatever checksum.
#include "fuzz/fuzz_target.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/aggregates.hpp"

#include <array>
#include <span>
#include <string>

namespace {

using namespace kstream;

constexpr std::array kKinds{aggregate_named("sum"), aggregate_named("count")};

std::string written(const DeltaBatch& batch) {
    DeltaBatchWriter writer{kKinds};
    for (const DeltaView& delta : batch.deltas) {
        writer.add_delta(delta.state_key,
                         std::span{batch.slots}.subspan(delta.first_slot, kKinds.size()));
    }
    return std::string{writer.finish(batch.header)};
}

}  // namespace

KSTREAM_FUZZ_TARGET(delta_batch) {
    DeltaBatch batch;
    (void)decode_delta_batch(input, kKinds, batch);
    std::string value{input};
    ByteWriter{value}.crc_since(0);
    if (!decode_delta_batch(value, kKinds, batch)) {
        return;
    }
    for (const SourceRange& range : batch.header.ranges) {
        KSTREAM_CHECK(range.counts.balanced() && range.from <= range.to &&
                          range.partition.value >= 0 && range.from.value >= 0,
                      "what is accepted is plausible");
    }
    const std::string again = written(batch);
    DeltaBatch second;
    KSTREAM_CHECK(decode_delta_batch(again, kKinds, second), "what was accepted is accepted again");
    KSTREAM_CHECK(second.header == batch.header && second.slots == batch.slots,
                  "and has the same values");
    KSTREAM_CHECK(written(second) == again, "and the same bytes");
}
