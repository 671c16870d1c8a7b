// Records of the generator as a source has them: their bytes, and views of these.
#pragma once

#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/generator.hpp"
#include "kstream/model/record.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kstream::testing {

// Of source partition 0, from offset 0 on; of the form that the options say.
struct EncodedRecords {
    EncodedRecords(std::size_t count, const GeneratorOptions& options) {
        const TransactionGenerator generator(options);
        std::array<char, kTransactionRoom> room{};
        texts.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t size =
                encode_transaction(generator.record(i), room.data(), generator.form());
            texts.emplace_back(room.data(), size);
        }
        views.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            RecordView view;
            view.partition = PartitionId{0};
            view.record_offset = Offset{static_cast<std::int64_t>(i)};
            view.timestamp_ms = 1000;
            view.value_data = texts[i].data();
            view.value_size = static_cast<std::uint32_t>(texts[i].size());
            views.push_back(view);
        }
    }
    std::vector<std::string> texts;
    std::vector<RecordView> views;
};

}  // namespace kstream::testing
