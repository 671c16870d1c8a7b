#include "produce/record_maker.hpp"

namespace kstream::produce {

RecordMaker make_record_maker(const cli::ProduceConfig& config, std::int64_t start_time_s) {
    const DisorderOptions disorder{
        .millionths =
            static_cast<std::uint32_t>(config.out_of_order.value_or(cli::Share{}).millionths),
        .most_ms = static_cast<std::uint32_t>(config.out_of_order_by.count())};
    switch (config.shape) {
        case Shape::nexmark:
            return NexmarkMaker(
                {.seed = config.seed, .start_time_s = start_time_s, .disorder = disorder});
        case Shape::shuffle:
            return ShuffleMaker(
                {.seed = config.seed, .start_time_s = start_time_s, .disorder = disorder});
        case Shape::transactions:
            break;
    }
    const GeneratorOptions options{.seed = config.seed,
                                   .start_time_s = start_time_s,
                                   .users = config.users,
                                   .sellers = config.sellers,
                                   .locations = config.locations,
                                   .skew = config.skew,
                                   .form = config.form};
    if (disorder.millionths > 0) {
        return DisorderedTransactionMaker(options, disorder);
    }
    return TransactionMaker(options);
}

}  // namespace kstream::produce
