#include "sim/oracle.hpp"

#include "kstream/codec/element.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "sim/oracle_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace kstream::sim {

std::optional<Meta> Oracle::last_meta(PartitionId state) {
    const auto& entries = cluster_.log(TopicRole::changelog, state).entries();
    for (std::size_t at = entries.size(); at-- > 0;) {
        const PartitionLog::Entry& entry = entries[at];
        if (entry.kind == PartitionLog::Kind::data && !entry.aborted && entry.key == meta_key()) {
            Result<Meta> meta = decode_meta_value(entry.value, job_.form());
            return meta ? std::optional{std::move(*meta)} : std::nullopt;
        }
    }
    return std::nullopt;
}

bool Oracle::applied() {
    const std::int32_t sources = cluster_.partitions(TopicRole::source);
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        const std::optional<Meta> meta = last_meta(number(q));
        if (!meta || static_cast<std::int32_t>(meta->sources.size()) < sources ||
            (meta->to_close + meta->to_sweep > 0 && !swarm_.idle_ms)) {
            return false;
        }
        for (const SourceProgress& source : meta->sources) {
            if (source.applied < cluster_.log(TopicRole::source, source.partition).end()) {
                return false;
            }
        }
    }
    return true;
}

std::string Oracle::progress() {
    std::string text;
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        const std::optional<Meta> meta = last_meta(number(q));
        text += fmt::format(" state {}:", q);
        for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
            std::int64_t applied = -1;
            if (meta) {
                for (const SourceProgress& source : meta->sources) {
                    applied = source.partition.value == p ? source.applied.value : applied;
                }
            }
            text += fmt::format(" {}/{}", applied,
                                cluster_.log(TopicRole::source, number(p)).end().value);
        }
        if (meta && meta->to_close > 0) {
            text += fmt::format(" and {} to close", meta->to_close);
        }
        if (meta && meta->to_sweep > 0) {
            text += fmt::format(" and {} to sweep", meta->to_sweep);
        }
    }
    return text;
}

std::optional<std::string> Oracle::complaint() {
    if (auto wrong = check_results()) {
        return wrong;
    }
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        // Deltas that were lost when they had been applied are not missed, no more than purged
        // ones.
        const bool cut = cluster_.before(TopicRole::repartition, number(q)) != nullptr;
        if (auto wrong = cut ? std::nullopt : check_chain(number(q))) {
            return wrong;
        }
        if (auto wrong = check_meta(number(q))) {
            return wrong;
        }
        if (auto wrong = check_changelog(number(q))) {
            return wrong;
        }
    }
    if (auto wrong = swarm_.windows ? check_windows() : std::nullopt) {
        return wrong;
    }
    if (auto wrong = check_set_aside(TopicRole::dead_letters)) {
        return wrong;
    }
    if (swarm_.windows) {
        for (auto wrong : {check_set_aside(TopicRole::late), check_marks(), check_advances()}) {
            if (wrong) {
                return wrong;
            }
        }
    }
    return check_offsets();
}

std::optional<std::string> Oracle::complaint_of(TopicRole made_again) {
    if (auto wrong = counted_too_much()) {
        return wrong;
    }
    const bool of_source = made_again == TopicRole::source;
    if (of_source) {
        for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::repartition); ++q) {
            for (const auto& entry : cluster_.log(TopicRole::repartition, number(q)).entries()) {
                if (!entry.aborted && entry.value.find("again") != std::string::npos) {
                    return fmt::format("state {}: a delta of the topic that was made again", q);
                }
            }
        }
    }
    if (!of_source && made_again != TopicRole::repartition) {
        return std::nullopt;
    }
    for (const auto& [partition, committed] : cluster_.group(made_again).committed()) {
        const Offset end = cluster_.before(made_again, partition)->end();
        if (committed.offset > end) {
            return fmt::format(
                "the committed offset of partition {} is {}, but the topic that was "
                "deleted ended at {}",
                partition.value, committed.offset.value, end.value);
        }
    }
    return std::nullopt;
}

// P2: in log order, the committed steps of each source partition are one chain without a gap and
// without a step that comes twice.
std::optional<std::string> Oracle::check_chain(PartitionId state) {
    std::map<PartitionId, Offset> applied;
    std::map<PartitionId, std::int64_t> watermarks;
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    DeltaBatch batch;
    for (const PartitionLog::Entry& entry : cluster_.log(TopicRole::repartition, state).entries()) {
        if (entry.kind != PartitionLog::Kind::data || entry.aborted) {
            continue;
        }
        if (!decode_delta_batch(entry.value, job_.form(), batch)) {
            return fmt::format("repartition partition {} has a batch that is none", state.value);
        }
        if (!seen.emplace(batch.header.run_id, batch.header.step).second) {
            continue;  // a further chunk
        }
        for (const SourceRange& range : batch.header.ranges) {
            const auto found = applied.find(range.partition);
            const bool opens = batch.header.kind == BatchKind::open;
            if (opens != (found == applied.end()) || (!opens && found->second != range.from)) {
                return fmt::format("state {}: source partition {} has [{}, {}) behind {}",
                                   state.value, range.partition.value, range.from.value,
                                   range.to.value,
                                   found == applied.end() ? -1 : found->second.value);
            }
            applied[range.partition] = range.to;
            std::int64_t& known = watermarks.try_emplace(range.partition, -1).first->second;
            if (auto wrong = swarm_.windows ? check_watermarks(range, known) : std::nullopt) {
                return wrong;
            }
            known = range.watermark;
        }
    }
    return std::nullopt;
}

// Decision 6: every record of the source is accounted for.
std::optional<std::string> Oracle::check_meta(PartitionId state) {
    const std::optional<Meta> meta = last_meta(state);
    for (const SourceProgress& source : meta->sources) {
        RecordCounts should;
        for (const auto& [offset, fact, late, duplicate] : told(source.partition)) {
            if (offset < source.base) {
                continue;
            }
            ++should.read;
            should.late += late ? 1 : 0;
            should.duplicates += duplicate ? 1 : 0;
            should.aggregated += fact.what == Input::Class::valid && !late && !duplicate ? 1 : 0;
            should.dead_lettered += fact.what == Input::Class::bad ? 1 : 0;
            should.tombstones += fact.what == Input::Class::tombstone ? 1 : 0;
        }
        if (source.counts != should) {
            return fmt::format(
                "state {}: source partition {}: {} read, {} aggregated, {} late and {} duplicates, "
                "should be {}, {}, {} and {}",
                state.value, source.partition.value, source.counts.read, source.counts.aggregated,
                source.counts.late, source.counts.duplicates, should.read, should.aggregated,
                should.late, should.duplicates);
        }
        if (swarm_.within_ms && source.horizon != horizon(source.partition, source.applied)) {
            return fmt::format("state {}: the horizon of source partition {} is {}, should be {}",
                               state.value, source.partition.value, source.horizon.offset.value,
                               horizon(source.partition, source.applied).offset.value);
        }
        const bool fits = swarm_.windows
                              ? may_be_watermark(source.partition, source.applied, source.watermark)
                              : source.watermark == -1;
        if (!fits) {
            return fmt::format("state {}: the watermark of source partition {} is {}", state.value,
                               source.partition.value, source.watermark);
        }
    }
    return std::nullopt;
}

// The transactions of a state partition are numbered from 1, each number is given once. A log that
// was cut may lack some of which nothing is missed.
std::optional<std::string> Oracle::check_numbers(PartitionId state) {
    const bool cut = cluster_.before(TopicRole::changelog, state) != nullptr;
    std::uint64_t last = 0;
    for (const auto& entry : cluster_.log(TopicRole::changelog, state).entries()) {
        if (entry.kind != PartitionLog::Kind::data || entry.aborted || entry.key != meta_key()) {
            continue;
        }
        const Result<Meta> meta = decode_meta_value(entry.value, job_.form());
        if (!meta || meta->transaction <= last || (!cut && meta->transaction != last + 1)) {
            return fmt::format("changelog partition {}: transaction {} comes after {}", state.value,
                               meta ? meta->transaction : 0, last);
        }
        last = meta->transaction;
    }
    return std::nullopt;
}

Oracle::Records Oracle::last_of_each(PartitionId state) {
    Records last;
    for (const auto& entry : cluster_.log(TopicRole::changelog, state).entries()) {
        if (entry.kind != PartitionLog::Kind::data || entry.aborted || entry.key == meta_key()) {
            continue;
        }
        if (entry.has_value) {
            last[entry.key] = entry.value;
        } else {
            last.erase(entry.key);
        }
    }
    return last;
}

// Whoever restores it gets what was published.
std::optional<std::string> Oracle::check_changelog(PartitionId state) {
    if (auto wrong = check_numbers(state)) {
        return wrong;
    }
    const Records last = last_of_each(state);
    UInt128 hash = 0;
    std::map<std::uint64_t, std::uint64_t> elements;  // by ElementOwner::packed
    std::size_t totals = 0;
    for (const auto& [key, value] : last) {
        if (changelog_key_kind(key) != ChangelogKeyKind::element) {
            continue;
        }
        const Result<ElementOwner> owner = decode_element_owner(key);
        const Result<ElementCount> count = decode_element_value(value);
        if (!owner || !count) {
            return fmt::format("changelog partition {} has an element that is none", state.value);
        }
        hash += element_hash(key, count->count);
        elements[owner->packed] += count->count;
    }
    std::vector<Slot> slots;
    std::vector<std::uint8_t> sets = sets_of(job_.kinds);
    const std::vector<std::uint8_t> multisets = multisets_of(job_.kinds);
    sets.insert(sets.end(), multisets.begin(), multisets.end());
    for (const auto& [key, value] : last) {
        if (changelog_key_kind(key) != ChangelogKeyKind::total) {
            continue;
        }
        ++totals;
        slots.clear();
        bool published = false;
        std::uint64_t number_of_key = 0;
        if (!decode_total_value(value, job_.kinds, slots, nullptr,
                                job_.has_having() ? &published : nullptr,
                                sets.empty() ? nullptr : &number_of_key)) {
            return fmt::format("changelog partition {} has a total that is none", state.value);
        }
        hash += state_entry_hash(total_state_key(key), job_.kinds, slots, nullptr,
                                 job_.has_having() ? std::optional{published} : std::nullopt,
                                 sets.empty() ? std::nullopt : std::optional{number_of_key});
        for (const std::uint8_t set : sets) {
            std::uint64_t& there = elements[ElementOwner{number_of_key, set}.packed];
            if (is_over(slots[set])) {
                continue;
            }
            if (slots[set].value() != Int192{Int128{there}}) {
                return fmt::format("changelog partition {} has {} elements of the number {}",
                                   state.value, there, number_of_key);
            }
            there = 0;
        }
    }
    // Of sets that are over, and of closed windows. Only those who have windows wait for that.
    if (swarm_.windows) {
        for (const auto& [owner, left] : elements) {
            if (left != 0) {
                return fmt::format("changelog partition {} has {} elements that nobody needs",
                                   state.value, left);
            }
        }
    }
    const std::optional<Meta> meta = last_meta(state);
    if (totals != meta->keys || hash != meta->state_hash) {
        return fmt::format(
            "changelog partition {} has {} totals, its meta is of {}, or they differ", state.value,
            totals, meta->keys);
    }
    return std::nullopt;
}

// Of map steps that the repartition log has lost. Where the committed offsets are lost as well,
// nothing says that these records were read: they are read again, for each total once, but their
// dead letters stand where they stood.
std::vector<SourceRange> Oracle::read_twice() {
    std::vector<SourceRange> ranges;
    if (!cluster_.group(TopicRole::source).has_forgotten()) {
        return ranges;
    }
    DeltaBatch batch;
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::repartition); ++q) {
        const PartitionLog* const before = cluster_.before(TopicRole::repartition, number(q));
        if (before == nullptr) {
            continue;
        }
        std::set<std::pair<std::uint64_t, std::uint64_t>> left;
        for (const auto& entry : cluster_.log(TopicRole::repartition, number(q)).entries()) {
            if (decode_delta_batch(entry.value, job_.form(), batch)) {
                left.emplace(batch.header.run_id, batch.header.step);
            }
        }
        for (const auto& entry : before->entries()) {
            if (decode_delta_batch(entry.value, job_.form(), batch) &&
                !left.contains({batch.header.run_id, batch.header.step})) {
                ranges.insert(ranges.end(), batch.header.ranges.begin(), batch.header.ranges.end());
            }
        }
    }
    return ranges;
}

// Bad records in the topic of dead letters, late ones in theirs: each of them once.
std::optional<std::string> Oracle::check_set_aside(TopicRole topic) {
    const bool of_late = topic == TopicRole::late;
    using Letter = std::tuple<std::int32_t, std::int64_t, std::string>;  // and its reason
    std::multiset<Letter> letters;
    for (const PartitionLog::Entry& entry : cluster_.log(topic, number(0)).entries()) {
        if (entry.kind == PartitionLog::Kind::data && !entry.aborted) {
            const auto text = [&entry](std::size_t i) {
                return entry.headers.at(i).second.value();
            };
            letters.emplace(std::stoi(text(2)), std::stoll(text(3)), text(0));
        }
    }
    std::multiset<Letter> should;
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        for (const Told& one : told(number(p))) {
            if (of_late && one.late) {
                should.emplace(p, one.at.value, "late");
            } else if (!of_late && one.fact.what == Input::Class::bad) {
                should.emplace(p, one.at.value, one.fact.reason);
            }
        }
    }
    for (const SourceRange& range : read_twice()) {
        const std::int32_t p = range.partition.value;
        for (auto at = letters.lower_bound({p, range.from.value, ""});
             at != letters.end() && *at < Letter{p, range.to.value, ""};) {
            at = letters.count(*at) > should.count(*at) ? letters.erase(at) : std::next(at);
        }
    }
    if (letters != should) {
        return fmt::format("{} {}, should be {}, or their reasons differ", letters.size(),
                           of_late ? "late records" : "dead letters", should.size());
    }
    return std::nullopt;
}

std::optional<std::string> Oracle::check_offsets() {
    for (const auto& [partition, committed] : cluster_.group(TopicRole::source).committed()) {
        if (committed.offset != cluster_.log(TopicRole::source, partition).end()) {
            return fmt::format("the committed offset of source partition {} is {}, the end is {}",
                               partition.value, committed.offset.value,
                               cluster_.log(TopicRole::source, partition).end().value);
        }
    }
    return std::nullopt;
}

}  // namespace kstream::sim
