#include "sim/input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace kstream::sim {

using std::chrono::milliseconds;

namespace {

// Two of them are more than 128 bits hold at the scale of 9.
constexpr Int128 kLargeCents = Int128{16'000'000'000'000'000} * 1'000'000'000'000'000;

// How far a partition is behind whose times are long past, and the most that a record is.
constexpr std::int64_t kFarBehind = 4;  // windows
constexpr std::size_t kMostBehind = 3;
constexpr std::int64_t kAhead = 5;  // of a clock that is wrong

// `time` has the field of the event time, if there is one.
std::optional<std::string> text_of(const Input::Fact& fact, const std::string& time) {
    const Int128 magnitude = fact.cents < 0 ? -fact.cents : fact.cents;
    const std::string amount =
        fmt::format("{}{}.{:02}", fact.cents < 0 ? "-" : "", magnitude / 100, magnitude % 100);
    switch (fact.what) {
        case Input::Class::bad:
            if (fact.reason == "json") {
                return R"({"id_vendedor":)";
            }
            if (fact.reason == "duplicate_field") {
                return R"({"id_vendedor":"v0","id_vendedor":"v1","valor":1.5)" + time + "}";
            }
            if (fact.time) {
                return fmt::format(R"({{"id_vendedor":"{}","valor":"{}"{}}})", fact.seller, amount,
                                   time);
            }
            [[fallthrough]];
        case Input::Class::valid:
            return fmt::format(R"({{"id_vendedor":"{}","valor":{}{}}})", fact.seller, amount, time);
        case Input::Class::tombstone:
            break;
    }
    return std::nullopt;
}

}  // namespace

Input::Input(Cluster& cluster, const Swarm& swarm, const VirtualClock& clock)
    : cluster_(cluster),
      swarm_(swarm),
      clock_(clock),
      dice_(swarm.seed ^ 0x696e),
      time_dice_(swarm.seed ^ 0x74696d65),
      id_dice_(swarm.seed ^ 0x6964) {
    if (!swarm.windows) {
        return;
    }
    if (swarm.days != nullptr) {
        now_ = kChangedDay - 36 * kHour;
    }
    const std::size_t kind = time_dice_.below(100);
    const PartitionId one{static_cast<std::int32_t>(
        time_dice_.below(static_cast<std::size_t>(swarm.source_partitions)))};
    if (kind < 30) {
        silent_ = one;
        silent_until_ = kind < 15 ? swarm.records : swarm.records / 2;
    } else if (kind < 45) {
        far_behind_ = one;
    }
}

void Input::begin() {
    write_some();
}

Input::Drawn Input::draw(PartitionId to) {
    Fact fact;
    const std::size_t kind = dice_.below(100);
    fact.what = kind < 92 ? Class::valid : kind < 96 ? Class::bad : Class::tombstone;
    fact.cents = static_cast<Int128>(dice_.below(200'000)) - 50'000;
    if (fact.what == Class::valid) {
        fact.seller = fmt::format("v{}", dice_.below(swarm_.keys));
        if (swarm_.large_amounts && fact.seller == "v0") {
            fact.cents += fact.cents < 0 ? -kLargeCents : kLargeCents;
        }
    } else if (fact.what == Class::bad) {
        fact.reason = fact.cents % 2 == 0 ? "json" : "duplicate_field";
    }
    std::string time = swarm_.windows ? draw_time(fact, to) : "";
    time += swarm_.within_ms ? draw_id(fact, to) : "";
    std::optional<std::string> text = text_of(fact, time);
    return {std::move(fact), std::move(text)};
}

// Mostly time goes on, some records are of one time, some come long after theirs, and few are of a
// clock that is far ahead. The field as it stands in the record.
std::string Input::draw_time(Fact& fact, PartitionId to) {
    const auto step = static_cast<std::size_t>(3'000 * swarm_.pace);
    now_ += time_dice_.chance(30) ? 0 : static_cast<std::int64_t>(time_dice_.below(step));
    const auto window = static_cast<std::size_t>(swarm_.window_ms);
    std::int64_t time = now_ - static_cast<std::int64_t>(time_dice_.below(
                                   time_dice_.chance(20) ? kMostBehind * window : step));
    time -= to == far_behind_ ? kFarBehind * swarm_.window_ms : 0;
    time += time_dice_.below(1000) < 3 ? kAhead * swarm_.window_ms : 0;
    const std::size_t kind = time_dice_.below(100);
    if (fact.what == Class::valid && kind < 8) {
        struct Unreadable {
            const char* reason;
            const char* field;
        };
        constexpr std::array<Unreadable, 4> kUnreadable{{{"missing_field", ""},
                                                         {"missing_field", R"(,"quando":null)"},
                                                         {"number_type", R"(,"quando":"ontem")"},
                                                         {"time_range", R"(,"quando":-1)"}}};
        fact.what = Class::bad;
        if (kind < kUnreadable.size()) {
            fact.reason = kUnreadable[kind].reason;
            return kUnreadable[kind].field;
        }
        fact.reason = "number_type";  // of the amount
    }
    // Whatever else is wrong with a record, its time counts.
    if (fact.what == Class::valid || (fact.what == Class::bad && fact.reason != "json")) {
        fact.time = time;
    }
    return fmt::format(R"(,"quando":{})", time);
}

// Some are written twice at once, as by a producer that has had no answer, and some long after.
std::string Input::draw_id(Fact& fact, PartitionId to) {
    std::string& last = last_ids_[to];
    if (last.empty() || !id_dice_.chance(20)) {
        last = fmt::format("p{}", id_dice_.below(120));
    }
    fact.id = last;
    return fmt::format(R"(,"pedido":"{}")", fact.id);
}

bool Input::is_silent(PartitionId partition) const {
    return partition == silent_ && written_ < silent_until_;
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
    const std::int32_t partitions = cluster_.partitions(TopicRole::source);
    PartitionId to{static_cast<std::int32_t>(dice_.below(static_cast<std::size_t>(partitions)))};
    if (is_silent(to) && partitions > 1) {
        to = PartitionId{(to.value + 1) % partitions};
    }
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
    Drawn drawn = draw(to);
    const Offset at = log.end();
    log.append("k", drawn.text, clock_.wall_ms());
    facts_of(to).emplace_back(at, std::move(drawn.fact));
}

void Input::write_to_each() {
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        if (PartitionId{p} != left_) {
            write_one(PartitionId{p});
        }
    }
}

void Input::write_at(PartitionId to, std::int64_t time) {
    Fact fact;
    fact.seller = "v0";
    fact.cents = 1;
    fact.time = time;
    std::string fields = fmt::format(R"(,"quando":{})", time);
    if (swarm_.within_ms) {
        last_ids_[to] = fact.id = fmt::format("q{}", ++one_by_one_);
        fields += fmt::format(R"(,"pedido":"{}")", fact.id);
    }
    PartitionLog& log = cluster_.log(TopicRole::source, to);
    const Offset at = log.end();
    log.append("k", text_of(fact, fields), clock_.wall_ms());
    facts_of(to).emplace_back(at, std::move(fact));
}

void Input::write_in_transaction(PartitionId to, std::size_t records) {
    PartitionLog& log = cluster_.log(TopicRole::source, to);
    OutputBatch batch;
    std::vector<std::uint32_t> indexes;
    for (std::size_t i = 0; i < records; ++i) {
        Drawn drawn = draw(to);
        batch.append(TopicRole::source, to, "k", drawn.text);
        indexes.push_back(static_cast<std::uint32_t>(i));
        facts_of(to).emplace_back(Offset{log.end().value + static_cast<std::int64_t>(i)},
                                  std::move(drawn.fact));
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
