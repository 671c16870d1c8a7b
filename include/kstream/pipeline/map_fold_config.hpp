// What the map loop's fold is told beside its job: the policy for bad records, the bounds of what a
// step holds and writes, and the ports.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/record.hpp"
#include "kstream/pipeline/step_charge.hpp"
#include "kstream/ports/header_reader.hpp"
#include "kstream/ports/record_tally.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kstream {

enum class BadRecordPolicy : std::uint8_t { dead_letter, skip, fail };

struct MapFoldConfig {
    BadRecordPolicy on_bad_record = BadRecordPolicy::dead_letter;
    std::int32_t dead_letter_partitions = 1;
    // Of key, value and headers; more loses its headers or becomes a stub (P10).
    std::size_t max_dead_letter_bytes = 1 << 20;
    // The same of late records, of a job with windows.
    std::int32_t late_partitions = 1;
    std::size_t max_late_bytes = 1 << 20;
    std::size_t max_batch_bytes = 512 << 10;     // of one repartition record, header aside
    std::size_t max_step_bytes = kMaxStepBytes;  // of a step, as KeyCharge counts them
    std::size_t max_letters_bytes = 32 << 20;    // of a step's dead letters and late ones in memory
};

// Each may be missing: no record has headers; nobody listens.
struct MapFoldPorts {
    const HeaderReader* headers = nullptr;
    RecordTallySink* tally = nullptr;

    // Precondition and errors as of HeaderReader::headers.
    [[nodiscard]] Result<std::vector<HeaderView>> headers_of(const RecordView& record) const {
        return headers == nullptr ? std::vector<HeaderView>{} : headers->headers(record);
    }
};

}  // namespace kstream
