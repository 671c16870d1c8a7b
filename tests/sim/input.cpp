#include "sim/input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace kstream::sim {

using std::chrono::milliseconds;

namespace {

// Two of them are more than 128 bits hold at the scale of 9.
constexpr Int128 kLargeCents = Int128{16'000'000'000'000'000} * 1'000'000'000'000'000;

std::optional<std::string> text_of(const Input::Fact& fact) {
    const Int128 magnitude = fact.cents < 0 ? -fact.cents : fact.cents;
    switch (fact.what) {
        case Input::Class::valid:
            return fmt::format(R"({{"id_vendedor":"{}","valor":{}{}.{:02}}})", fact.seller,
                               fact.cents < 0 ? "-" : "", magnitude / 100, magnitude % 100);
        case Input::Class::bad:
            return fact.cents % 2 == 0 ? R"({"id_vendedor":)"
                                       : R"({"id_vendedor":"v0","id_vendedor":"v1","valor":1.5})";
        case Input::Class::tombstone:
            break;
    }
    return std::nullopt;
}

}  // namespace

Input::Input(Cluster& cluster, const Swarm& swarm, const VirtualClock& clock)
    : cluster_(cluster), swarm_(swarm), clock_(clock), dice_(swarm.seed ^ 0x696e) {}

void Input::begin() {
    write_some();
}

Input::Fact Input::draw() {
    Fact fact;
    const std::size_t kind = dice_.below(100);
    fact.what = kind < 92 ? Class::valid : kind < 96 ? Class::bad : Class::tombstone;
    fact.cents = static_cast<Int128>(dice_.below(200'000)) - 50'000;
    if (fact.what == Class::valid) {
        fact.seller = fmt::format("v{}", dice_.below(swarm_.keys));
        if (swarm_.large_amounts && fact.seller == "v0") {
            fact.cents += fact.cents < 0 ? -kLargeCents : kLargeCents;
        }
    }
    return fact;
}

Input::Facts& Input::facts_of(PartitionId partition) {
    const auto index = static_cast<std::size_t>(partition.value);
    if (index >= facts_.size()) {
        facts_.resize(index + 1);
    }
    return facts_[index];
}

// Some records to one partition, then a pause: on average they last over the span.
void Input::write_some() {
    if (written_ >= swarm_.records) {
        return;
    }
    const PartitionId to{static_cast<std::int32_t>(
        dice_.below(static_cast<std::size_t>(cluster_.partitions(TopicRole::source))))};
    const std::size_t records =
        std::min<std::uint64_t>(1 + dice_.below(4), swarm_.records - written_);
    written_ += records;
    if (to == left_) {
        // As if somebody else had got them.
    } else if (swarm_.transactional_source && dice_.chance(50)) {
        write_in_transaction(to, records);
    } else {
        for (std::size_t i = 0; i < records; ++i) {
            write_one(to);
        }
    }
    const auto mean = static_cast<std::size_t>(swarm_.produce_for / milliseconds{1} * 5 / 2) /
                      std::max<std::uint64_t>(1, swarm_.records);
    cluster_.schedule().after(milliseconds{dice_.below(2 * mean + 1)}, kCluster,
                              [this] { write_some(); });
}

void Input::write_one(PartitionId to) {
    PartitionLog& log = cluster_.log(TopicRole::source, to);
    Fact fact = draw();
    const Offset at = log.end();
    log.append("k", text_of(fact), clock_.wall_ms());
    facts_of(to).emplace_back(at, std::move(fact));
}

void Input::write_to_each() {
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        if (PartitionId{p} != left_) {
            write_one(PartitionId{p});
        }
    }
}

void Input::write_in_transaction(PartitionId to, std::size_t records) {
    PartitionLog& log = cluster_.log(TopicRole::source, to);
    OutputBatch batch;
    std::vector<std::uint32_t> indexes;
    for (std::size_t i = 0; i < records; ++i) {
        Fact fact = draw();
        batch.append(TopicRole::source, to, "k", text_of(fact));
        indexes.push_back(static_cast<std::uint32_t>(i));
        facts_of(to).emplace_back(Offset{log.end().value + static_cast<std::int64_t>(i)},
                                  std::move(fact));
    }
    const ProducerId producer{++producers_, 0};
    (void)log.append({producer, 0, &batch, &indexes, clock_.wall_ms()});
    ++open_;
    cluster_.schedule().after(milliseconds{dice_.below(1500)}, kCluster,
                              [this, to, producer, commit = dice_.chance(70)] {
                                  PartitionLog& now = cluster_.log(TopicRole::source, to);
                                  if (to != left_ || now.is_open(producer)) {
                                      now.marker(producer, commit, clock_.wall_ms());
                                  }
                                  --open_;
                              });
}

}  // namespace kstream::sim
