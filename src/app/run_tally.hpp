// What one run of `aggregate` has read and what became of it, over all of its loops: the warnings
// about bad records, --max-bad, and the last line of the run. A run in which records were rejected
// must not look like one in which none were.
#pragma once

#include "cli/config.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/pipeline/time_unit.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_tally.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace kstream::app {

class RunTally final : public RecordTallySink {
public:
    struct Settings {
        std::string source_topic;
        std::optional<cli::Share> max_bad;
        std::map<std::uint32_t, std::string> where_fields;  // that WHERE needs, by index
        // Nothing was ever committed for the application when this run began.
        bool is_new = false;
        TimeUnitHints time_hints{};  // of a job with event time
    };
    RunTally(Settings settings, const Clock& clock, Log& log)
        : settings_(std::move(settings)),
          clock_(clock),
          log_(log),
          never_there_(settings_.where_fields) {}

    // The first of each reason is a warning; of how many more there are tells look().
    void first_bad(const FirstBad& first) override;
    Result<void> add(const RecordTally& more) override;

    // To be called every few seconds: one line a minute while there are more bad records.
    void look();

    // What is wrong with a run of --until end that has reached its end.
    [[nodiscard]] std::optional<Error> wrong_at_end() const;

    // Whether records were read and none of them is in a total.
    [[nodiscard]] bool nothing_aggregated() const;

    // The last line of a run, however it ends. `committed`: all that was read.
    void say_last(bool committed, const OutputBatch::Volume& written) const;

private:
    using Counts = std::array<std::uint64_t, kBadReasonCount>;

    void look_for_fields(const RecordTally& more);
    void look_at_times(const TimeTally& more);
    [[nodiscard]] std::optional<Error> wrong_unit() const;
    [[nodiscard]] Error nothing_error() const;
    [[nodiscard]] bool too_many() const;
    [[nodiscard]] Error too_many_error() const;
    [[nodiscard]] std::string reasons(const Counts& counts) const;

    const Settings settings_;
    const Clock& clock_;
    Log& log_;
    mutable std::mutex mutex_;  // around all below
    RecordTally sum_;
    std::array<std::optional<std::string>, kBadReasonCount> first_field_;  // of reasons met
    Counts said_{};
    Instant said_at_;
    std::map<std::uint32_t, std::string> never_there_;  // of the fields that WHERE needs
    bool said_never_there_ = false;
    bool said_like_seconds_ = false;
    bool stopped_ = false;  // one loop has been told to stop; the others end in order
};

}  // namespace kstream::app
