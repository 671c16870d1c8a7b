// What a job with event time has to have right beyond its results: watermarks and horizons, which
// windows are open, when final results may come, and what goes with committed offsets.
#include "kstream/codec/identity.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "sim/oracle.hpp"
#include "sim/oracle_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::sim {

namespace {

// Of the statement's sums, and of its sources' in the same words.
constexpr Int128 kUnitsOfCent = 10'000'000;

}  // namespace

bool Oracle::closes_up_to(std::int64_t time) {
    std::int64_t last = -1;  // of what is to be closed
    for (const auto& [key, total] : expected(false)) {
        last = closes_at(total) <= time ? std::max(last, closes_at(total)) : last;
    }
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        const std::optional<Meta> meta = last_meta(number(q));
        if (!meta || meta->clock < last) {
            return false;
        }
    }
    return true;
}

// What is committed of the source is applied everywhere, with its time; and where windows are
// closed, a partition that was added has joined.
bool Oracle::settled() {
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        const std::optional<Meta> meta = last_meta(number(q));
        if (meta->to_close + meta->to_sweep > 0) {
            return false;
        }
        for (const auto& [partition, committed] : cluster_.group(TopicRole::source).committed()) {
            const Result<OffsetMetadata> metadata = parse_offset_metadata(committed.metadata);
            const auto known =
                std::ranges::find(meta->sources, partition, &SourceProgress::partition);
            if (known == meta->sources.end() || !metadata || !metadata->mark ||
                !metadata->mark->source || metadata->mark->source->watermark != known->watermark) {
                return false;
            }
        }
        const bool waits = std::ranges::any_of(meta->sources, [this](const SourceProgress& of) {
            return of.partition.value >= swarm_.source_partitions && of.watermark < 0;
        });
        if (waits && meta->clock >= 0) {
            return false;
        }
    }
    return true;
}

// In a range that has read something, time goes on by that alone.
std::optional<std::string> Oracle::check_watermarks(const SourceRange& range, std::int64_t before) {
    std::int64_t behind = before;
    for (const Told& one : told(range.partition)) {
        if (one.at >= range.from && one.at < range.to) {
            behind = std::max(behind, one.fact.time.value_or(-1));
        }
    }
    if (swarm_.within_ms && range.horizon != horizon(range.partition, range.to)) {
        return fmt::format("the horizon of source partition {} at {} is {}, should be {}",
                           range.partition.value, range.to.value, range.horizon.offset.value,
                           horizon(range.partition, range.to).offset.value);
    }
    const bool fits = range.from == range.to
                          ? may_be_watermark(range.partition, range.to, range.watermark)
                          : range.watermark == behind;
    if (range.watermark_before == before && fits) {
        return std::nullopt;
    }
    return fmt::format(
        "the watermarks of source partition {} at [{}, {}) are {} and {}, should be "
        "{} and {}",
        range.partition.value, range.from.value, range.to.value, range.watermark_before,
        range.watermark, before, behind);
}

// What is open is in the changelog, as the panes of it, and what is closed is not; both together
// are what the sources have had.
std::optional<std::string> Oracle::check_windows() {
    Totals open = expected(false, true);
    Int192 values;  // of all sets
    for (const auto& [key, total] : open) {
        values = values + Int192{Int128{std::max<std::int64_t>(total.values, 0)}};
    }
    std::erase_if(open, [](const auto& entry) { return entry.second.is_final; });
    const std::int64_t now = clock();
    // Of the aggregates that can be taken out again: sum and count.
    std::array<Int192, 2> all;
    std::array<Int192, 2> of_sources;
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        const std::optional<Meta> meta = last_meta(number(q));
        if (meta->clock != now) {
            return fmt::format("the clock of state {} is {}, should be {}", q, meta->clock, now);
        }
        for (const auto& [key, value] : last_of_each(number(q))) {
            if (changelog_key_kind(key) != ChangelogKeyKind::total) {
                continue;
            }
            if (auto wrong = check_open(total_state_key(key), value, open)) {
                return wrong;
            }
        }
        for (const std::uint8_t set : sets_of(job_.kinds)) {
            values = values + -meta->slots[set].value() + -meta->retired[set].value();
        }
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] = all[i] + meta->slots[i].value() + meta->retired[i].value();
            for (const SourceProgress& source : meta->sources) {
                const Slot& slot = source.slots[i];
                of_sources[i] =
                    of_sources[i] + (q == 0 && slot.present() ? slot.value() : Int192{});
            }
        }
    }
    if (!open.empty()) {
        return fmt::format("no total of the open window {}", open.begin()->first);
    }
    if (all != of_sources) {
        return "open and closed windows together are not what the sources have had";
    }
    if (values != Int192{}) {
        return "open and closed windows together do not have the values of their sets";
    }
    return check_finals();
}

// Takes it out of the open ones that are to be found.
std::optional<std::string> Oracle::check_open(std::string_view state_key, std::string_view total,
                                              Totals& open) {
    GroupKey group;
    std::vector<Slot> slots;
    std::uint64_t number_of_key = 0;
    if (!decode_state_key(state_key, job_.key_shape(), group) ||
        !decode_total_value(total, job_.kinds, slots, nullptr, nullptr,
                            has_sets(job_) ? &number_of_key : nullptr)) {
        return "a total of a window that is none";
    }
    const std::string key = windowed_key(group.values[0].text, *group.window_start);
    const auto found = open.find(key);
    if (found == open.end()) {
        return fmt::format("a total of {}, which is closed or has never been", key);
    }
    // A sum may be larger; modulo 2^128 it is the same.
    const auto is = [&slots](std::size_t i, Int128 value) {
        return slots[i].present() && slots[i].value().low_128() == value;
    };
    const Total& should = found->second;
    const auto sum = static_cast<Int128>(static_cast<UInt128>(should.cents) *
                                         static_cast<UInt128>(kUnitsOfCent));
    if (!is(0, sum) || !is(1, should.count) || !is(2, should.most * kUnitsOfCent) ||
        (swarm_.sessions && !is(slots.size() - 1, should.until - swarm_.window_ms))) {
        return fmt::format("the total of the open window {} is another one", key);
    }
    // -1 is also how a slot says that its set is over.
    if (has_sets(job_) && !is(sets_of(job_.kinds).front(), should.values)) {
        return fmt::format("the set of the open window {} is another one", key);
    }
    open.erase(found);
    return std::nullopt;
}

// None before its time: what wrote it had applied records from which on all of the window are late.
std::optional<std::string> Oracle::check_finals() {
    std::map<std::pair<std::string, std::string>, std::int64_t> watermarks;  // by transaction
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        if (cluster_.before(TopicRole::changelog, number(q)) != nullptr) {
            return std::nullopt;  // what is lost is not known
        }
        // One that was added has none when it is opened, and takes nothing back.
        std::int64_t furthest = -1;
        for (const auto& entry : cluster_.log(TopicRole::changelog, number(q)).entries()) {
            if (entry.kind != PartitionLog::Kind::data || entry.aborted ||
                entry.key != meta_key()) {
                continue;
            }
            const Result<Meta> meta = decode_meta_value(entry.value, job_.form());
            const auto least =
                std::ranges::min_element(meta->sources, {}, &SourceProgress::watermark);
            const bool whole =
                static_cast<std::int32_t>(meta->sources.size()) >= swarm_.source_partitions;
            furthest = std::max(furthest, whole ? least->watermark : -1);
            // Of several state partitions in one step, the one that is furthest.
            std::int64_t& known = watermarks
                                      .try_emplace({fmt::format("{:016x}", meta->run_id),
                                                    fmt::format("{}", meta->transaction)},
                                                   -1)
                                      .first->second;
            known = std::max(known, furthest);
        }
    }
    for (std::int32_t r = 0; r < cluster_.partitions(TopicRole::results); ++r) {
        for (const auto& entry : cluster_.log(TopicRole::results, number(r)).entries()) {
            if (entry.kind != PartitionLog::Kind::data || entry.aborted || !is_final(entry)) {
                continue;
            }
            std::string key;
            Total total;
            const auto found = watermarks.find(
                {header_of(entry, "kstream.run.id"), header_of(entry, "kstream.transaction")});
            if (!read_windowed(entry.value, key, total) || found == watermarks.end() ||
                closes_at(total) > found->second) {
                return fmt::format("a final result before its time: {}", entry.value);
            }
        }
    }
    return std::nullopt;
}

// Nobody calls a partition idle whose log has more: one that did has seen both of its ends there,
// or where only records without a time have come since. Only the first advance of a partition that
// was added is another one: it joins with it.
std::optional<std::string> Oracle::check_advances() {
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        Advances all = advances(number(p));
        if (p >= swarm_.source_partitions && !all.empty()) {
            all.erase(all.begin());
        }
        for (const auto& [position, time] : all) {
            for (const Isolation isolation :
                 {Isolation::read_uncommitted, Isolation::read_committed}) {
                if (!was_end(number(p), position, isolation)) {
                    return fmt::format(
                        "source partition {} is moved on to {} at {}, which was not "
                        "its end",
                        p, time, position.value);
                }
            }
        }
    }
    return std::nullopt;
}

bool Oracle::was_end(PartitionId partition, Offset position, Isolation isolation) {
    std::set<Offset> timed;
    for (const Told& one : told(partition)) {
        if (one.fact.time) {
            timed.insert(one.at);
        }
    }
    for (Offset at = position; at.value >= 0; --at.value) {
        if (cluster_.has_shown_end(partition, at, isolation)) {
            return true;
        }
        if (timed.contains(Offset{at.value - 1})) {
            return false;
        }
    }
    return false;
}

// How many committed map steps have the partition in them.
std::uint64_t Oracle::steps_of(PartitionId partition) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> steps;
    DeltaBatch batch;
    for (const auto& entry : cluster_.log(TopicRole::repartition, number(0)).entries()) {
        if (entry.kind == PartitionLog::Kind::data && !entry.aborted &&
            decode_delta_batch(entry.value, job_.form(), batch) &&
            std::ranges::find(batch.header.ranges, partition, &SourceRange::partition) !=
                batch.header.ranges.end()) {
            steps.emplace(batch.header.run_id, batch.header.step);
        }
    }
    return steps.size();
}

// What goes with the committed offsets of a job with event time.
std::optional<std::string> Oracle::check_marks() {
    for (const TopicRole input : {TopicRole::source, TopicRole::repartition}) {
        const bool of_source = input == TopicRole::source;
        for (const auto& [partition, committed] : cluster_.group(input).committed()) {
            const Result<OffsetMetadata> metadata = parse_offset_metadata(committed.metadata);
            if (!metadata || !metadata->mark || metadata->mark->source.has_value() != of_source) {
                return fmt::format("the metadata of a committed offset: {}", committed.metadata);
            }
            const OffsetMark& mark = *metadata->mark;
            if (of_source &&
                mark.source->watermark != watermark(partition, committed.offset, true)) {
                return fmt::format(
                    "the committed watermark of source partition {} is {}, should be {}",
                    partition.value, mark.source->watermark,
                    watermark(partition, committed.offset, true));
            }
            if (of_source && swarm_.within_ms &&
                mark.source->horizon != horizon(partition, committed.offset)) {
                return fmt::format("the committed horizon of source partition {}: {}",
                                   partition.value, committed.metadata);
            }
            // Whoever goes on without a committed offset begins to count anew.
            const bool whole = !cluster_.group(input).has_forgotten() &&
                               cluster_.before(TopicRole::repartition, number(0)) == nullptr;
            const std::uint64_t steps =
                of_source ? steps_of(partition) : last_meta(partition)->transaction;
            if (mark.step != steps && (whole || !of_source)) {
                return fmt::format("{} partition {}: step {} is committed, should be {}",
                                   of_source ? "source" : "repartition", partition.value, mark.step,
                                   steps);
            }
        }
    }
    return std::nullopt;
}

}  // namespace kstream::sim
