#include "app/run_tally.hpp"

#include "cli/values.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/reader/record_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::app {

namespace {

// A share of fewer records says little: the first one may be bad.
constexpr std::uint64_t kMinRecords = 1000;
constexpr Duration kBetweenLines = std::chrono::minutes{1};

std::uint64_t sum_of(const std::array<std::uint64_t, kBadReasonCount>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::int64_t number(std::uint64_t count) {
    return static_cast<std::int64_t>(count);
}

}  // namespace

void RunTally::first_bad(const FirstBad& first) {
    const std::lock_guard lock(mutex_);
    const auto reason = static_cast<std::size_t>(first.reason);
    if (first_field_[reason]) {
        return;  // another loop's was the first
    }
    first_field_[reason] = first.field;
    ++said_[reason];
    said_at_ = clock_.now();
    log_.write(LogLevel::warn, "bad record rejected; more of them are counted once a minute",
               {{"reason", bad_reason_name(first.reason)},
                {"field", first.field},
                {"topic", settings_.source_topic},
                {"partition", std::int64_t{first.partition.value}},
                {"offset", first.record_offset.value},
                {"hint", first.hint}});
}

Result<void> RunTally::add(const RecordTally& more) {
    const std::lock_guard lock(mutex_);
    sum_.read += more.read;
    sum_.aggregated += more.aggregated;
    sum_.filtered += more.filtered;
    sum_.late += more.late;
    sum_.duplicates += more.duplicates;
    sum_.tombstones += more.tombstones;
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        sum_.bad[i] += more.bad[i];
    }
    sum_.scale_needed = std::max(sum_.scale_needed, more.scale_needed);
    look_for_fields(more);
    look_at_times(more.times);
    if (stopped_) {
        return {};
    }
    std::optional<Error> wrong = wrong_unit();
    if (!wrong && sum_.read >= kMinRecords && too_many()) {
        wrong = too_many_error();
    }
    if (!wrong) {
        return {};
    }
    stopped_ = true;
    return std::unexpected(*std::move(wrong));
}

// A record may be as odd as it likes, so one is worth a line and no more.
void RunTally::look_at_times(const TimeTally& more) {
    sum_.times.in_range += more.in_range;
    sum_.times.like_seconds += more.like_seconds;
    sum_.times.out_of_range += more.out_of_range;
    if (said_like_seconds_ || more.like_seconds == 0 || settings_.time_hints.like_seconds.empty()) {
        return;
    }
    said_like_seconds_ = true;
    log_.write(LogLevel::warn,
               "times of January 1970: they look like seconds that are taken for milliseconds",
               {{"topic", settings_.source_topic}, {"hint", settings_.time_hints.like_seconds}});
}

// The first records of an application are all decades off. Its windows would be those of another
// century, or it would have none, and where it has not begun yet nothing is lost by asking first.
// It has begun as soon as its partitions are opened, before the first record: so the next start
// goes on, and no records can keep a job from running. As soon as one is as it should be, they are
// no longer all.
std::optional<Error> RunTally::wrong_unit() const {
    const TimeTally& times = sum_.times;
    const bool out_of_range = times.in_range == 0 && times.out_of_range >= kMinRecords;
    const bool like_seconds = times.out_of_range == 0 && times.in_range >= kMinRecords &&
                              times.like_seconds == times.in_range;
    const std::string& hint =
        out_of_range ? settings_.time_hints.out_of_range : settings_.time_hints.like_seconds;
    if (!settings_.is_new || (!out_of_range && !like_seconds) || hint.empty()) {
        return std::nullopt;
    }
    return Error::stop(
        ExitCode::bad_record,
        fmt::format("the times of all records that this first run has read from topic {} are {}",
                    settings_.source_topic,
                    out_of_range ? "outside the years 1970 to 9999"
                                 : "in January 1970, decades before their Kafka timestamps"),
        hint +
            ", after 'kstream reset', for it is another job; if these times are meant, start "
            "again as it is: a job that has begun is not stopped by them");
}

// A name that is misspelled is no error: WHERE is then true of no record, and all are filtered.
void RunTally::look_for_fields(const RecordTally& more) {
    sum_.searched += more.searched;
    for (const std::uint32_t field : more.where_found) {
        never_there_.erase(field);
    }
    if (said_never_there_ || sum_.searched < RecordReader::kSearched) {
        return;
    }
    said_never_there_ = true;
    for (const auto& [index, name] : never_there_) {
        log_.write(LogLevel::warn, "no record has a field that WHERE names",
                   {{"field", name},
                    {"topic", settings_.source_topic},
                    {"records", number(sum_.searched)},
                    {"hint",
                     "is it spelled as in the records? What WHERE is not true of is "
                     "filtered"}});
    }
}

void RunTally::look() {
    const std::lock_guard lock(mutex_);
    const Instant now = clock_.now();
    if (sum_.bad == said_ || now - said_at_ < kBetweenLines) {
        return;
    }
    Counts more{};
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        // One that is reported as the first is counted a moment later.
        more[i] = sum_.bad[i] - std::min(sum_.bad[i], said_[i]);
    }
    log_.write(LogLevel::warn, "more bad records rejected",
               {{"records", number(sum_of(more))}, {"reasons", reasons(more)}});
    said_ = sum_.bad;
    said_at_ = now;
}

bool RunTally::too_many() const {
    return settings_.max_bad &&
           Int128{sum_of(sum_.bad)} * 1'000'000 > Int128{settings_.max_bad->millionths} * sum_.read;
}

// Without figures: which batch it is depends on how the brokers answer, and the last line has them.
Error RunTally::too_many_error() const {
    return Error::stop(
        ExitCode::bad_record,
        fmt::format("more than {} of the records that this run has read from topic "
                    "{} are bad (--max-bad)",
                    cli::print_share(settings_.max_bad->millionths), settings_.source_topic),
        "the warnings name the first record of each reason: does the job ask for "
        "fields that its records have?");
}

bool RunTally::nothing_aggregated() const {
    const std::lock_guard lock(mutex_);
    return sum_.read > 0 && sum_.aggregated == 0;
}

std::optional<Error> RunTally::wrong_at_end() const {
    const bool nothing = nothing_aggregated();
    const std::lock_guard lock(mutex_);
    if (too_many()) {
        return too_many_error();
    }
    return nothing ? std::optional{nothing_error()} : std::nullopt;
}

Error RunTally::nothing_error() const {
    std::string hint =
        "the warnings name the first record of each reason: does the job ask for fields that its "
        "records have?";
    if (sum_of(sum_.bad) == 0 && sum_.late > 0) {
        hint =
            "all that WHERE is true of came too late for their windows: 'kstream lateness' says "
            "which grace takes how many";
    } else if (sum_.times.in_range == 0 && sum_.times.out_of_range > 0 &&
               !settings_.time_hints.out_of_range.empty()) {
        hint = settings_.time_hints.out_of_range;
    } else if (sum_of(sum_.bad) == 0 && sum_.filtered > 0) {
        std::vector<std::string_view> missing;
        for (const auto& [index, name] : never_there_) {
            missing.emplace_back(name);
        }
        hint = missing.empty()
                   ? "WHERE is true of none of them: is it what was meant?"
                   : fmt::format(
                         "WHERE is true of none of them, and none of them has {}: is it "
                         "spelled as in the records?",
                         fmt::join(missing, ", "));
    }
    return Error::stop(ExitCode::nothing_aggregated,
                       fmt::format("none of the {} records that were read from topic {} is in a "
                                   "total",
                                   sum_.read, settings_.source_topic),
                       std::move(hint));
}

// "missing_field 19 (first: seller), scale 3 (first: valor; --scale 12 would do)".
std::string RunTally::reasons(const Counts& counts) const {
    std::string text;
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        if (counts[i] == 0) {
            continue;
        }
        const auto reason = static_cast<BadReason>(i);
        std::string more = first_field_[i] && !first_field_[i]->empty()
                               ? fmt::format("first: {}", *first_field_[i])
                               : std::string{};
        if (reason == BadReason::scale && sum_.scale_needed > 0) {
            more +=
                fmt::format("{}--scale {} would do", more.empty() ? "" : "; ", sum_.scale_needed);
        }
        text += fmt::format("{}{} {}{}{}{}", text.empty() ? "" : ", ", bad_reason_name(reason),
                            counts[i], more.empty() ? "" : " (", more, more.empty() ? "" : ")");
    }
    return text;
}

void RunTally::say_last(bool committed, const OutputBatch::Volume& written) const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t bad = sum_of(sum_.bad);
    log_.write(bad > 0 ? LogLevel::warn : LogLevel::info,
               committed ? "stopped; everything that was read is committed"
                         : "stopped; the next start reads again what is not committed",
               {{"records", number(sum_.read)},
                {"aggregated", number(sum_.aggregated)},
                {"filtered", number(sum_.filtered)},
                {"late", number(sum_.late)},
                {"duplicates", number(sum_.duplicates)},
                {"tombstones", number(sum_.tombstones)},
                {"set_aside", number(bad)},
                {"reasons", reasons(sum_.bad)},
                {"records_written", number(written.records)},
                {"bytes_written", number(written.bytes)}});
}

}  // namespace kstream::app
