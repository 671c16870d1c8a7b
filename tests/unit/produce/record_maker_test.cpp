// What goes into the topic, whichever thread makes it.
#include "produce/record_maker.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

namespace kstream::produce {
namespace {

constexpr std::int64_t kStart = 1'700'000'000;
constexpr int kPartitions = 6;

cli::ProduceConfig config_of(Shape shape) {
    cli::ProduceConfig config;
    config.seed = 7;
    config.shape = shape;
    config.out_of_order = cli::Share{100'000};
    return config;
}

struct Kept {
    std::string value;
    std::string key;
    std::int32_t partition = 0;

    friend bool operator==(const Kept&, const Kept&) = default;
};

Kept kept(const RecordMaker& maker, std::uint64_t index) {
    std::array<char, kRecordRoom> room{};
    const MadeRecord made = std::visit(
        [&](const auto& one) { return one.make(index, room.data(), kPartitions); }, maker);
    return {std::string(made.value), std::string(made.value.substr(made.key_offset, made.key_size)),
            made.partition.value};
}

}  // namespace

TEST_CASE("the records of each shape do not depend on who makes them") {
    constexpr std::uint64_t kCount = 3000;
    constexpr std::uint64_t kThreads = 3;
    for (const Shape shape : {Shape::transactions, Shape::nexmark, Shape::shuffle}) {
        const RecordMaker maker = make_record_maker(config_of(shape), kStart);
        std::vector<Kept> striped(kCount);
        {
            std::vector<std::jthread> threads;
            for (std::uint64_t first = 0; first < kThreads; ++first) {
                threads.emplace_back([&, first] {
                    for (std::uint64_t i = first; i < kCount; i += kThreads) {
                        striped[i] = kept(maker, i);
                    }
                });
            }
        }
        const RecordMaker again = make_record_maker(config_of(shape), kStart);
        for (std::uint64_t i = kCount; i-- > 0;) {
            REQUIRE(kept(again, i) == striped[i]);
        }
    }
}

TEST_CASE("a transaction goes where its id leads, as it always did") {
    cli::ProduceConfig config = config_of(Shape::transactions);
    config.out_of_order.reset();
    const RecordMaker maker = make_record_maker(config, kStart);
    const TransactionGenerator generator({.seed = 7, .start_time_s = kStart});
    std::array<char, kTransactionRoom> room{};
    for (std::uint64_t i = 0; i < 1000; ++i) {
        const std::string_view text(room.data(),
                                    encode_transaction(generator.record(i), room.data()));
        const std::string key(transaction_key(text));
        REQUIRE(kept(maker, i) ==
                Kept{std::string(text), key, partition_for_key(key, kPartitions).value});
    }
}

TEST_CASE("records without a key go to the partitions in turn") {
    for (const Shape shape : {Shape::nexmark, Shape::shuffle}) {
        const RecordMaker maker = make_record_maker(config_of(shape), kStart);
        for (std::uint64_t i = 0; i < 100; ++i) {
            const Kept made = kept(maker, i);
            REQUIRE(made.key.empty());
            REQUIRE(made.partition == static_cast<std::int32_t>(i % 6));
        }
    }
}

TEST_CASE("each shape's seed, start time and disorder arrive at its records") {
    for (const Shape shape : {Shape::transactions, Shape::nexmark, Shape::shuffle}) {
        cli::ProduceConfig config = config_of(shape);
        const Kept before = kept(make_record_maker(config, kStart), 4);
        CHECK(kept(make_record_maker(config, kStart + 1), 4).value != before.value);
        config.out_of_order = cli::Share{1'000'000};
        const Kept late = kept(make_record_maker(config, kStart), 4);
        config.out_of_order_by = std::chrono::hours(20);
        CHECK(kept(make_record_maker(config, kStart), 4).value != late.value);
        config.seed = 8;
        CHECK(kept(make_record_maker(config, kStart), 4).value != late.value);
    }
}

}  // namespace kstream::produce
