// What the source, as its log is, comes to: which records count and where, how far time has come,
// and the totals that have to be there.
#include "kstream/codec/changelog.hpp"
#include "sim/oracle.hpp"
#include "sim/oracle_parts.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::sim {

// ---- windows -----------------------------------------------------------------------------------

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

// ---- time --------------------------------------------------------------------------------------

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

std::int64_t Oracle::newest_time() {
    std::int64_t newest = -1;
    for (std::int32_t p = 0; p < cluster_.partitions(TopicRole::source); ++p) {
        const Offset end = cluster_.log(TopicRole::source, number(p)).end();
        newest = std::max(newest, watermark(number(p), end, true));
    }
    return newest;
}

// ---- totals ------------------------------------------------------------------------------------

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

std::uint64_t Oracle::closed_windows() {
    const Totals totals = expected(false);
    return static_cast<std::uint64_t>(
        std::ranges::count_if(totals, [](const auto& entry) { return entry.second.is_final; }));
}

}  // namespace kstream::sim
