// What was published, taken apart by what docs/RECORDS.md says of it, and whether it is what the
// source comes to.
#include "sim/oracle.hpp"
#include "sim/oracle_parts.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::sim {

namespace {

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

}  // namespace

std::string windowed_key(std::string_view seller, std::int64_t start) {
    return fmt::format(R"(["{}","{}"])", seller, utc(start));
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

// As read_result(), of a job with windows.
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

std::map<std::string, std::int64_t> Oracle::counts_of(const Totals& totals) const {
    std::map<std::string, std::int64_t> counts;
    for (const auto& [key, total] : totals) {
        counts[swarm_.sessions ? key.substr(0, key.find(',')) : key] += total.count;
    }
    return counts;
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

}  // namespace kstream::sim
