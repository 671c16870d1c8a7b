// Number to record, as it goes into the topic, for each shape of records: value, key and partition.
// A worker asks which of them it is once for many records, so that making one costs no more than
// it does where there is a single shape.
#pragma once

#include "cli/config.hpp"
#include "kstream/codec/nexmark_encoder.hpp"
#include "kstream/codec/shuffle_encoder.hpp"
#include "kstream/codec/transaction_encoder.hpp"
#include "kstream/core/disorder.hpp"
#include "kstream/core/generator.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/core/nexmark.hpp"
#include "kstream/core/shuffle.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/transaction.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

namespace kstream::produce {

// Room that every make() needs.
inline constexpr std::size_t kRecordRoom = std::max({kTransactionRoom, kNexmarkRoom, kShuffleRoom});

struct MadeRecord {
    std::string_view value;  // in the room
    std::size_t key_offset = 0;
    std::size_t key_size = 0;  // 0: it has no key
    PartitionId partition;
};

// Records without a key go to the partitions in turn. So the order within a partition is that of
// the numbers, also with several threads if their number divides that of the partitions.
[[nodiscard]] inline PartitionId in_turn(std::uint64_t index, int partitions) {
    return PartitionId{static_cast<std::int32_t>(index % static_cast<std::uint64_t>(partitions))};
}

[[nodiscard]] inline MadeRecord write_transaction(const Transaction& transaction,
                                                  TransactionForm form, char* room,
                                                  int partitions) {
    const std::string_view value(room, encode_transaction(transaction, room, form));
    return {.value = value,
            .key_offset = kTransactionKeyOffset,
            .key_size = kTransactionKeySize,
            .partition = partition_for_key(transaction_key(value), partitions)};
}

class TransactionMaker {
public:
    explicit TransactionMaker(const GeneratorOptions& options) : generator_(options) {}

    [[nodiscard]] MadeRecord make(std::uint64_t index, char* room, int partitions) const {
        return write_transaction(generator_.record(index), generator_.form(), room, partitions);
    }

private:
    TransactionGenerator generator_;
};

// Those of which some are out of order. Apart, so that nobody else pays for it.
class DisorderedTransactionMaker {
public:
    DisorderedTransactionMaker(const GeneratorOptions& options, const DisorderOptions& disorder)
        : generator_(options), disorder_(options.seed, disorder) {}

    [[nodiscard]] MadeRecord make(std::uint64_t index, char* room, int partitions) const {
        return write_transaction(generator_.record_set_back(index, disorder_.back_ms(index)),
                                 generator_.form(), room, partitions);
    }

private:
    TransactionGenerator generator_;
    Disorder disorder_;
};

class NexmarkMaker {
public:
    explicit NexmarkMaker(const NexmarkOptions& options) : generator_(options) {}

    [[nodiscard]] MadeRecord make(std::uint64_t index, char* room, int partitions) const {
        return {.value = {room, encode_nexmark(generator_.event(index), room)},
                .partition = in_turn(index, partitions)};
    }

private:
    NexmarkGenerator generator_;
};

class ShuffleMaker {
public:
    explicit ShuffleMaker(const ShuffleOptions& options) : generator_(options) {}

    [[nodiscard]] MadeRecord make(std::uint64_t index, char* room, int partitions) const {
        return {.value = {room, encode_shuffle(generator_.record(index), room)},
                .partition = in_turn(index, partitions)};
    }

private:
    ShuffleGenerator generator_;
};

// Immutable once made; safe from any thread.
using RecordMaker =
    std::variant<TransactionMaker, DisorderedTransactionMaker, NexmarkMaker, ShuffleMaker>;

// What `config` asks for, from this start time on, if it names none.
[[nodiscard]] RecordMaker make_record_maker(const cli::ProduceConfig& config,
                                            std::int64_t start_time_s);

}  // namespace kstream::produce
