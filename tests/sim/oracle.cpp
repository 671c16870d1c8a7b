#include "sim/oracle.hpp"

#include "kstream/codec/element.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/side_aggregates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <map>
#include <numeric>
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

// Of the statement's sums, and of its sources' in the same words.
constexpr Int128 kUnitsOfCent = 10'000'000;

std::string utc(std::int64_t milliseconds) {
    const std::time_t seconds = milliseconds / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    std::string time{text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts)};
    if (milliseconds % 1000 != 0) {
        time += fmt::format(".{:03}", milliseconds % 1000);
    }
    return time + 'Z';
}

std::optional<std::int64_t> read_utc(const std::string& text) {
    std::tm parts{};
    const char* const rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) {
        return std::nullopt;
    }
    const std::int64_t time =
        std::int64_t{timegm(&parts)} * 1000 + (*rest == '.' ? std::atoi(rest + 1) : 0);
    return utc(time) == text ? std::optional{time} : std::nullopt;
}

std::string windowed_key(std::string_view seller, std::int64_t start) {
    return fmt::format(R"(["{}","{}"])", seller, utc(start));
}

// Sums of the flags' jobs have two digits behind the point, those of a statement no more than they
// need.
bool read_amount(std::string digits, bool of_statement, Int128& cents) {
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
    cents = 0;
    for (const char c : digits) {
        cents = c == '-' ? cents : cents * 10 + (c - '0');
    }
    cents = digits.starts_with('-') ? -cents : cents;
    return true;
}

// What a result says of sets, its last columns, which are cut off.
bool cut_sets(std::string& value, std::int64_t& values, std::optional<std::int64_t>& median) {
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
    return true;
}

// A reader of results takes it apart by what docs/RECORDS.md says of it.
bool read_result(std::string value, const Job& job, std::string& seller, Int128& cents,
                 std::int64_t& count, std::int64_t& values, std::optional<std::int64_t>& median) {
    values = 0;
    median.reset();
    if (has_sets(job) && !cut_sets(value, values, median)) {
        return false;
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
    seller = name;
    count = number;
    return read_amount(amount, job.statement != nullptr, cents);
}

std::string header_of(const PartitionLog::Entry& entry, std::string_view name) {
    for (const auto& [header, value] : entry.headers) {
        if (header == name) {
            return value.value_or("");
        }
    }
    return "";
}

bool is_final(const PartitionLog::Entry& entry) {
    return header_of(entry, "kstream.window.final") == "true";
}

}  // namespace

// The same of a job with windows.
bool Oracle::read_windowed(std::string value, std::string& key, Total& total) const {
    if (has_sets(job_) && !cut_sets(value, total.values, total.median)) {
        return false;
    }
    char name[64] = {};
    char from[32] = {};
    char until[32] = {};
    char amount[64] = {};
    char most[64] = {};
    long long number = 0;
    int used = 0;
    if (std::sscanf(value.c_str(),
                    "{\"id_vendedor\":\"%63[^\"]\",\"de\":\"%31[^\"]\",\"ate\":\"%31[^\"]\","
                    "\"valor_total_por_vendedor\":%63[-0-9.],\"numero_transacoes\":%lld,"
                    "\"maior\":%63[-0-9.]}%n",
                    name, from, until, amount, &number, most, &used) != 6 ||
        used != static_cast<int>(value.size())) {
        return false;
    }
    const auto start = read_utc(from);
    const auto end = read_utc(until);
    if (!start || !end) {
        return false;
    }
    total.until = *end;
    total.count = number;
    key = windowed_key(name, *start);
    const bool fits = swarm_.sessions ? *end >= *start + swarm_.window_ms
                      : overlap()     ? *end == *start + swarm_.window_ms
                                      : *start == window_of(*end - 1).start;
    return fits && read_amount(amount, true, total.cents) && read_amount(most, true, total.most);
}

// Days are looked for by where each of them begins.
Oracle::Window Oracle::window_of(std::int64_t time) const {
    if (swarm_.sessions) {
        return {time, time + 1};
    }
    if (swarm_.days == nullptr) {
        const std::int64_t length = std::gcd(swarm_.window_ms, swarm_.slide_ms);
        const std::int64_t start = time - time % length;
        return {start, start + length};
    }
    const auto begins = [this](std::int64_t day) {
        const Days& days = *swarm_.days;
        return kChangedDay + day * kDay + (day <= 0 ? days.hours_before : days.hours_after) * kHour;
    };
    std::int64_t day = (time - kChangedDay) / kDay + 1;
    while (begins(day) > time) {
        --day;
    }
    return {begins(day), begins(day + 1)};
}

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

const Oracle::Entries& Oracle::source(PartitionId partition, bool before) {
    const PartitionLog* const whole =
        before ? cluster_.before(TopicRole::source, partition) : nullptr;
    return (whole != nullptr ? *whole : cluster_.log(TopicRole::source, partition)).entries();
}

// A record is late, or a duplicate, by what stands in front of it in its own partition.
std::vector<Oracle::Told> Oracle::told(PartitionId partition, bool before) {
    std::vector<Told> all;
    std::int64_t newest = -1;
    std::int64_t seen = -1;                      // the same of the records, without advances
    std::map<std::string, std::int64_t> copies;  // that, with the last one of each id
    const Entries& entries = source(partition, before);
    const Advances moved = swarm_.windows ? advances(partition) : Advances{};
    auto next = moved.begin();
    for (const auto& [offset, fact] : input_.facts(partition)) {
        if (!is_there(entries, offset)) {
            continue;
        }
        for (; next != moved.end() && next->first <= offset; ++next) {
            newest = std::max(newest, next->second);
        }
        Told one{offset, fact};
        if (fact.time) {
            const bool valid = fact.what == Input::Class::valid;
            if (const auto copy = copies.find(fact.id); valid && copy != copies.end()) {
                one.duplicate = seen - copy->second <= swarm_.within_ms.value();
            }
            one.late =
                valid && !one.duplicate && window_of(*fact.time).end + swarm_.grace_ms <= newest;
            seen = std::max(seen, *fact.time);
            newest = std::max(newest, *fact.time);
            if (valid && swarm_.within_ms) {
                copies[fact.id] = seen;
            }
        }
        all.push_back(one);
    }
    return all;
}

Oracle::Advances Oracle::advances(PartitionId partition) {
    Advances all;
    const std::int32_t q = partition.value % cluster_.partitions(TopicRole::changelog);
    for (const auto& entry : cluster_.log(TopicRole::changelog, number(q)).entries()) {
        if (entry.kind == PartitionLog::Kind::data && !entry.aborted &&
            changelog_key_kind(entry.key) == ChangelogKeyKind::advance) {
            const Result<Advance> one = decode_advance(entry.key, entry.value);
            if (one && one->partition == partition) {
                all[one->position] = one->watermark;
            }
        }
    }
    return all;
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

std::int64_t Oracle::watermark(PartitionId partition, Offset below, bool at_too) {
    std::int64_t newest = -1;
    for (const Told& one : told(partition)) {
        newest = one.at < below ? std::max(newest, one.fact.time.value_or(-1)) : newest;
    }
    for (const auto& [position, time] : advances(partition)) {
        newest =
            position < below || (at_too && position == below) ? std::max(newest, time) : newest;
    }
    return newest;
}

bool Oracle::may_be_watermark(PartitionId partition, Offset there, std::int64_t found) {
    return found >= watermark(partition, there, false) &&
           (found == watermark(partition, there, false) ||
            found <= watermark(partition, there, true));
}

// By records alone: no advance makes an id matter less.
Horizon Oracle::horizon(PartitionId partition, Offset position) {
    struct Seen {
        Horizon at;
        std::int64_t with_it = -1;
    };
    std::vector<Seen> records;
    std::int64_t newest = -1;
    for (const Told& one : told(partition)) {
        if (one.at >= position) {
            break;
        }
        const std::int64_t before = newest;
        newest = std::max(newest, one.fact.time.value_or(-1));
        if (one.fact.what == Input::Class::valid) {
            records.push_back({{one.at, before}, newest});
        }
    }
    const auto oldest = std::ranges::find_if(
        records, [&](const Seen& one) { return newest - one.with_it <= swarm_.within_ms.value(); });
    return oldest == records.end() ? Horizon{position, newest} : oldest->at;
}

// Where a partition has had no time, nothing ends.
std::int64_t Oracle::clock() {
    std::vector<std::int64_t> newest;
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        const Offset end = cluster_.log(TopicRole::source, number(p)).end();
        newest.push_back(watermark(number(p), end, true));
    }
    return std::ranges::min(newest);
}

std::vector<Oracle::Place> Oracle::places_of(const Input::Fact& fact) const {
    if (!swarm_.windows) {
        return {{fact.seller, 0}};
    }
    if (!overlap()) {
        return {pane_of(fact)};
    }
    std::vector<Place> places;
    for (std::int64_t start = *fact.time - *fact.time % swarm_.slide_ms;
         start > *fact.time - swarm_.window_ms; start -= swarm_.slide_ms) {
        places.push_back({windowed_key(fact.seller, start), start + swarm_.window_ms});
    }
    return places;
}

Oracle::Place Oracle::pane_of(const Input::Fact& fact) const {
    const Window pane = window_of(*fact.time);
    return {windowed_key(fact.seller, pane.start),
            overlap() ? *fact.time - *fact.time % swarm_.slide_ms + swarm_.window_ms : pane.end};
}

std::vector<Input::Fact> Oracle::in_time(bool before) {
    std::vector<Input::Fact> facts;
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        for (const Told& one : told(number(p), before)) {
            if (one.fact.what == Input::Class::valid && !one.late && !one.duplicate) {
                facts.push_back(one.fact);
            }
        }
    }
    return facts;
}

// By seller and time, what is further from the one before it than the gap begins a session.
std::vector<Oracle::Place> Oracle::sessions_of(const std::vector<Input::Fact>& facts) const {
    std::vector<Place> places(facts.size());
    std::vector<std::size_t> order(facts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) {
        return std::pair<std::string_view, std::int64_t>{facts[i].seller, *facts[i].time};
    });
    for (std::size_t first = 0; first < order.size();) {
        const Input::Fact& earliest = facts[order[first]];
        std::size_t last = first;
        while (last + 1 < order.size() && facts[order[last + 1]].seller == earliest.seller &&
               *facts[order[last + 1]].time - *facts[order[last]].time <= swarm_.window_ms) {
            ++last;
        }
        const Place session{windowed_key(earliest.seller, *earliest.time),
                            *facts[order[last]].time + swarm_.window_ms};
        for (; first <= last; ++first) {
            places[order[first]] = session;
        }
    }
    return places;
}

Oracle::Totals Oracle::expected(bool before, bool panes) {
    Totals totals;
    std::map<std::string, std::map<Int128, std::int64_t>> values;  // by the key of the result
    const std::int64_t now = swarm_.windows ? clock() : -1;
    const std::vector<Input::Fact> facts = in_time(before);
    const std::vector<Place> sessions = swarm_.sessions ? sessions_of(facts) : std::vector<Place>{};
    for (std::size_t i = 0; i < facts.size(); ++i) {
        const Input::Fact& fact = facts[i];
        for (const Place& place : swarm_.sessions ? std::vector{sessions[i]}
                                  : panes         ? std::vector{pane_of(fact)}
                                                  : places_of(fact)) {
            Total& total = totals[place.key];
            total.cents += fact.cents;
            ++total.count;
            if (has_sets(job_)) {
                ++values[place.key][fact.cents / 100 % 10];
            }
            if (swarm_.windows) {
                total.most = total.count == 1 ? fact.cents : std::max(total.most, fact.cents);
                total.until = place.until;
                total.is_final = closes_at(total) <= now;
            }
        }
    }
    for (auto& [key, total] : totals) {
        if (!has_sets(job_)) {
            continue;
        }
        const auto& counts = values[key];
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
    if (auto wrong = swarm_.windows ? check_windows() : std::nullopt) {
        return wrong;
    }
    if (auto wrong = check_set_aside(TopicRole::dead_letters)) {
        return wrong;
    }
    if (swarm_.windows) {
        for (auto wrong : {check_set_aside(TopicRole::late), check_marks()}) {
            if (wrong) {
                return wrong;
            }
        }
    }
    return check_offsets();
}

std::uint64_t Oracle::closed_windows() {
    const Totals totals = expected(false);
    return static_cast<std::uint64_t>(
        std::ranges::count_if(totals, [](const auto& entry) { return entry.second.is_final; }));
}

std::optional<std::string> Oracle::counted_too_much() {
    Totals published;
    if (auto wrong = read_results(published, false)) {
        return wrong;
    }
    const auto should = counts_of(expected(true));
    for (const auto& [seller, count] : counts_of(published)) {
        const auto most = should.find(seller);
        if (most == should.end() || count > most->second) {
            return fmt::format("{} records of {} were counted, more than there ever were", count,
                               seller);
        }
    }
    return std::nullopt;
}

std::map<std::string, std::int64_t> Oracle::counts_of(const Totals& totals) const {
    std::map<std::string, std::int64_t> counts;
    for (const auto& [key, total] : totals) {
        counts[swarm_.sessions ? key.substr(0, key.find(',')) : key] += total.count;
    }
    return counts;
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
            const bool read = swarm_.windows ? read_windowed(entry.value, seller, total)
                                             : read_result(entry.value, job_, seller, total.cents,
                                                           total.count, total.values, total.median);
            if (!read || seller != entry.key) {
                return fmt::format("a result that is none: {} {}", entry.key, entry.value);
            }
            total.is_final = is_final(entry);
            if (seen[seller].is_final && !may_go_back) {
                return fmt::format("a result behind the final one: {}", entry.value);
            }
            if (swarm_.final_only && !total.is_final) {
                return fmt::format("a result of an open window: {}", entry.value);
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
    std::erase_if(should, [this](const auto& entry) {
        return !passes(entry.second) || (swarm_.final_only && !entry.second.is_final);
    });
    for (const auto& [seller, total] : should) {
        const Total& is = published[seller];
        if (is != total) {
            return fmt::format(
                "{}total of {}: {} cents in {} records, {} values, should be {}{} in {}, {}",
                is.is_final ? "final " : "", seller, is.cents, is.count, is.values,
                total.is_final ? "final " : "", total.cents, total.count, total.values);
        }
    }
    // What the results have of a key is lost with its newest total: a group that stops then keeps
    // the result that nobody knows of, and so does a session that became part of another one.
    const bool may_stay = (job_.has_having() || swarm_.sessions) && totals_are_counted_again();
    if (published.size() != should.size() && !may_stay) {
        return "a total of a key that was never in the source, or that HAVING has stopped";
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
        (swarm_.sessions && !is(3, should.until - swarm_.window_ms))) {
        return fmt::format("the total of the open window {} is another one", key);
    }
    // -1 is also how a slot says that its set is over.
    if (has_sets(job_) && !is(sets_of(job_.kinds).front(), should.values)) {
        return fmt::format("the set of the open window {} is another one", key);
    }
    open.erase(found);
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
