#include "sim/oracle.hpp"

#include "kstream/codec/element.hpp"
#include "kstream/core/side_aggregates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace kstream::sim {

namespace {

PartitionId number(std::int32_t partition) {
    return PartitionId{partition};
}

bool has_sets(const Job& job) {
    return std::ranges::find(job.kinds, kDistinct) != job.kinds.end();
}

// A reader of results takes it apart by what docs/RECORDS.md says of it. Sums of the flags' jobs
// have two digits behind the point, those of a statement no more than it needs.
bool read_result(std::string value, const Job& job, std::string& seller, Int128& cents,
                 std::int64_t& count, std::int64_t& values, std::optional<std::int64_t>& median) {
    const bool of_statement = job.statement != nullptr;
    values = 0;
    median.reset();
    if (has_sets(job)) {
        const std::string last = ",\"mediana\":";
        const std::string first = ",\"valores\":";
        const std::size_t at = value.rfind(first);
        const std::size_t behind = value.rfind(last);
        if (at == std::string::npos || behind == std::string::npos || !value.ends_with('}')) {
            return false;
        }
        const std::string many = value.substr(at + first.size(), behind - at - first.size());
        std::string middle = value.substr(behind + last.size());
        middle.pop_back();
        values = many == "null" ? -1 : std::atoll(many.c_str());
        if (middle != "null") {
            median = std::atoll(middle.c_str());
        }
        if ((many != "null" && many != std::to_string(values)) ||
            (median && middle != std::to_string(*median))) {
            return false;
        }
        value.replace(at, std::string::npos, "}");
    }
    char name[64] = {};
    char amount[64] = {};
    long long number = 0;
    int used = 0;
    if (std::sscanf(value.c_str(),
                    "{\"id_vendedor\":\"%63[^\"]\",\"valor_total_por_vendedor\":%63[-0-9.],"
                    "\"numero_transacoes\":%lld}%n",
                    name, amount, &number, &used) != 3 ||
        used != static_cast<int>(value.size())) {
        return false;
    }
    std::string digits{amount};
    if (of_statement && digits.ends_with('0') && digits.contains('.')) {
        return false;
    }
    if (of_statement) {
        digits += digits.contains('.') ? "" : ".";
        while (digits.size() - digits.find('.') < 3) {
            digits += '0';
        }
    }
    const std::size_t point = digits.find('.');
    if (point == std::string::npos || digits.size() - point != 3) {
        return false;
    }
    digits.erase(point, 1);
    seller = name;
    cents = 0;
    for (const char c : digits) {
        cents = c == '-' ? cents : cents * 10 + (c - '0');
    }
    cents = digits.starts_with('-') ? -cents : cents;
    count = number;
    return true;
}

}  // namespace

std::optional<Meta> Oracle::last_meta(PartitionId state) {
    const auto& entries = cluster_.log(TopicRole::changelog, state).entries();
    for (std::size_t at = entries.size(); at-- > 0;) {
        const PartitionLog::Entry& entry = entries[at];
        if (entry.kind == PartitionLog::Kind::data && !entry.aborted && entry.key == meta_key()) {
            Result<Meta> meta = decode_meta_value(entry.value, job_.kinds);
            return meta ? std::optional{std::move(*meta)} : std::nullopt;
        }
    }
    return std::nullopt;
}

bool Oracle::applied() {
    const std::int32_t sources = cluster_.partitions(TopicRole::source);
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        const std::optional<Meta> meta = last_meta(number(q));
        if (!meta || static_cast<std::int32_t>(meta->sources.size()) < sources) {
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
    }
    return text;
}

const Oracle::Entries& Oracle::source(PartitionId partition, bool before) {
    const PartitionLog* const whole =
        before ? cluster_.before(TopicRole::source, partition) : nullptr;
    return (whole != nullptr ? *whole : cluster_.log(TopicRole::source, partition)).entries();
}

std::map<std::string, Oracle::Total> Oracle::expected(bool before) {
    std::map<std::string, Total> totals;
    std::map<std::string, std::map<Int128, std::int64_t>> values;
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        const Entries& entries = source(number(p), before);
        for (const auto& [offset, fact] : input_.facts(number(p))) {
            if (fact.what == Input::Class::valid && is_there(entries, offset)) {
                totals[fact.seller].cents += fact.cents;
                ++totals[fact.seller].count;
                ++values[fact.seller][fact.cents / 100 % 10];
            }
        }
    }
    for (auto& [seller, total] : totals) {
        if (!has_sets(job_)) {
            continue;
        }
        const auto& counts = values[seller];
        total.values = counts.size() > kMaxDistinct ? -1 : static_cast<std::int64_t>(counts.size());
        std::int64_t left = (total.count + 1) / 2;
        for (auto one = counts.begin(); total.values >= 0 && left > 0; ++one) {
            total.median = static_cast<std::int64_t>(one->first);
            left -= one->second;
        }
    }
    return totals;
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
    if (auto wrong = check_dead_letters()) {
        return wrong;
    }
    return check_offsets();
}

std::optional<std::string> Oracle::counted_too_much() {
    Totals published;
    if (auto wrong = read_results(published, false)) {
        return wrong;
    }
    const auto should = expected(true);
    for (const auto& [seller, total] : published) {
        const auto most = should.find(seller);
        if (most == should.end() || total.count > most->second.count) {
            return fmt::format("{} records of {} were counted, more than there ever were",
                               total.count, seller);
        }
    }
    return std::nullopt;
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

// Where the committed offsets are lost, and the end of a changelog after them, nothing tells its
// next owner that there were newer totals: it goes on from the older ones, by the deltas that the
// repartition topic still has.
bool Oracle::totals_are_counted_again() {
    if (!cluster_.group(TopicRole::repartition).has_forgotten()) {
        return false;
    }
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        if (cluster_.before(TopicRole::changelog, number(q)) != nullptr) {
            return true;
        }
    }
    return false;
}

// The last published value of each key, and that none ever went back on the way there.
std::optional<std::string> Oracle::read_results(Totals& published, bool whole) {
    const bool may_go_back = totals_are_counted_again();
    std::map<std::string, Total> seen;  // also of those that are gone
    for (std::int32_t r = 0; r < cluster_.partitions(TopicRole::results); ++r) {
        for (const PartitionLog::Entry& entry :
             cluster_.log(TopicRole::results, number(r)).entries()) {
            if (entry.kind != PartitionLog::Kind::data || entry.aborted) {
                continue;
            }
            if (!entry.has_value) {
                if (published.erase(entry.key) == 0 && whole && !may_go_back) {
                    return fmt::format("a tombstone of {}, which has no result", entry.key);
                }
                continue;
            }
            std::string seller;
            Total total;
            if (!read_result(entry.value, job_, seller, total.cents, total.count, total.values,
                             total.median) ||
                seller != entry.key) {
                return fmt::format("a result that is none: {} {}", entry.key, entry.value);
            }
            if (!passes(total)) {
                return fmt::format("a result that HAVING does not let pass: {}", entry.value);
            }
            Total& last = seen[seller];
            if (total.count < last.count && !may_go_back) {
                return fmt::format("the count of {} went back from {} to {}", seller, last.count,
                                   total.count);
            }
            const bool fewer = last.values < 0 ? total.values >= 0
                                               : total.values >= 0 && total.values < last.values;
            if (fewer && !may_go_back) {
                return fmt::format("the set of {} went back from {} to {}", seller, last.values,
                                   total.values);
            }
            last = total;
            published[seller] = total;
        }
    }
    return std::nullopt;
}

std::optional<std::string> Oracle::check_results() {
    Totals published;
    if (auto wrong = read_results(published, true)) {
        return wrong;
    }
    Totals should = expected(false);
    std::erase_if(should, [this](const auto& entry) { return !passes(entry.second); });
    for (const auto& [seller, total] : should) {
        const Total& is = published[seller];
        if (is != total) {
            return fmt::format(
                "total of {}: {} cents in {} records, {} values, should be {} in {}, {}", seller,
                is.cents, is.count, is.values, total.cents, total.count, total.values);
        }
    }
    // What the results have of a key is lost with its newest total: a group that stops then keeps
    // the result that nobody knows of.
    const bool may_stay = job_.has_having() && totals_are_counted_again();
    if (published.size() != should.size() && !may_stay) {
        return "a total of a key that was never in the source, or that HAVING has stopped";
    }
    return std::nullopt;
}

// P2: in log order, the committed steps of each source partition are one chain without a gap and
// without a step that comes twice.
std::optional<std::string> Oracle::check_chain(PartitionId state) {
    std::map<PartitionId, Offset> applied;
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    DeltaBatch batch;
    for (const PartitionLog::Entry& entry : cluster_.log(TopicRole::repartition, state).entries()) {
        if (entry.kind != PartitionLog::Kind::data || entry.aborted) {
            continue;
        }
        if (!decode_delta_batch(entry.value, job_.kinds, batch)) {
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
        }
    }
    return std::nullopt;
}

// Decision 6: every record of the source is accounted for.
std::optional<std::string> Oracle::check_meta(PartitionId state) {
    const std::optional<Meta> meta = last_meta(state);
    for (const SourceProgress& source : meta->sources) {
        RecordCounts should;
        const Entries& entries = this->source(source.partition);
        for (const auto& [offset, fact] : input_.facts(source.partition)) {
            if (!is_there(entries, offset) || offset < source.base) {
                continue;
            }
            ++should.read;
            should.aggregated += fact.what == Input::Class::valid ? 1 : 0;
            should.dead_lettered += fact.what == Input::Class::bad ? 1 : 0;
            should.tombstones += fact.what == Input::Class::tombstone ? 1 : 0;
        }
        if (source.counts != should) {
            return fmt::format(
                "state {}: source partition {}: {} read and {} aggregated, should "
                "be {} and {}",
                state.value, source.partition.value, source.counts.read, source.counts.aggregated,
                should.read, should.aggregated);
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
        const Result<Meta> meta = decode_meta_value(entry.value, job_.kinds);
        if (!meta || meta->transaction <= last || (!cut && meta->transaction != last + 1)) {
            return fmt::format("changelog partition {}: transaction {} comes after {}", state.value,
                               meta ? meta->transaction : 0, last);
        }
        last = meta->transaction;
    }
    return std::nullopt;
}

// Whoever restores it gets what was published.
std::optional<std::string> Oracle::check_changelog(PartitionId state) {
    if (auto wrong = check_numbers(state)) {
        return wrong;
    }
    std::map<std::string_view, std::string_view> last;
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
            const std::uint64_t there = elements[ElementOwner{number_of_key, set}.packed];
            if (!is_over(slots[set]) && slots[set].value() != Int192{Int128{there}}) {
                return fmt::format("changelog partition {} has {} elements of the number {}",
                                   state.value, there, number_of_key);
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
            if (decode_delta_batch(entry.value, job_.kinds, batch)) {
                left.emplace(batch.header.run_id, batch.header.step);
            }
        }
        for (const auto& entry : before->entries()) {
            if (decode_delta_batch(entry.value, job_.kinds, batch) &&
                !left.contains({batch.header.run_id, batch.header.step})) {
                ranges.insert(ranges.end(), batch.header.ranges.begin(), batch.header.ranges.end());
            }
        }
    }
    return ranges;
}

std::optional<std::string> Oracle::check_dead_letters() {
    using Letter = std::tuple<std::int32_t, std::int64_t, std::string>;  // and its reason
    std::multiset<Letter> letters;
    for (const PartitionLog::Entry& entry :
         cluster_.log(TopicRole::dead_letters, number(0)).entries()) {
        if (entry.kind == PartitionLog::Kind::data && !entry.aborted) {
            const auto text = [&entry](std::size_t i) {
                return entry.headers.at(i).second.value();
            };
            letters.emplace(std::stoi(text(2)), std::stoll(text(3)), text(0));
        }
    }
    std::multiset<Letter> should;
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        const Entries& entries = source(number(p));
        for (const auto& [offset, fact] : input_.facts(number(p))) {
            if (fact.what == Input::Class::bad && is_there(entries, offset)) {
                should.emplace(p, offset.value, input_.reason(fact));
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
        return fmt::format("{} dead letters, should be {}, or their reasons differ", letters.size(),
                           should.size());
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
