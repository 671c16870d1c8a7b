// What an audit has found to be otherwise than the source says. A finding is named after what is
// wrong, not after which check found it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace kstream::audit {

enum class FindingKind : std::uint8_t {
    wrong_total,      // the changelog has another total than the source
    missing_total,    // the source has records of the key, the changelog has no total
    extra_total,      // the changelog has a total, the source has no record of the key
    wrong_result,     // published is another total than the source's
    missing_result,   // there is a total and nothing was published
    extra_result,     // published, and no total stands behind it
    stale_result,     // an older transaction's than the total it belongs to
    wrong_counts,     // a partition's record counts or sums are not those of the source
    unbalanced,       // read is not the sum of what became of the records
    gap,              // the ranges of the map steps leave out a piece of the source
    overlap,          // they cover a piece twice
    broken_state,     // meta and the totals of its state partition do not belong together
    damaged,          // a record that cannot be read
    foreign,          // a record that the job has not written, whatever has replaced it since
    misplaced,        // a key in a partition where it cannot be
    window_missing,   // a window is closed, and its last result was not published
    window_early,     // the last result of a window that is not closed
    late_wrong,       // how far event time has come, or what was too late for it, is another
    duplicate_wrong,  // what was a duplicate is another, or from where on that can be told
};
[[nodiscard]] std::string_view finding_name(FindingKind kind);
// Whether it says what the records of the source come to, and so nothing where some are gone.
[[nodiscard]] bool rests_on_source(FindingKind kind);

struct Finding {
    FindingKind kind;
    std::string what;  // "key vendedor_1", "state partition 2, source partition 0"
    std::string expected;
    std::string found;
    friend bool operator==(const Finding&, const Finding&) = default;
};

// All findings are counted; the first kMaxKept keep their words. A log that is read in several
// passes says the same each time: it is one finding.
class Findings {
public:
    static constexpr std::size_t kMaxKept = 10'000;

    void add(FindingKind kind, std::string what, std::string expected, std::string found) {
        if (kept_.size() < kMaxKept) {
            if (!known_.emplace(kind, what, found).second) {
                return;
            }
            kept_.push_back({kind, std::move(what), std::move(expected), std::move(found)});
        }
        ++count_;
        if (rests_on_source(kind)) {
            ++resting_;
        }
    }
    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] bool all_rest_on_source() const { return resting_ == count_; }
    [[nodiscard]] const std::vector<Finding>& kept() const { return kept_; }

private:
    std::size_t count_ = 0;
    std::size_t resting_ = 0;
    std::vector<Finding> kept_;
    std::set<std::tuple<FindingKind, std::string, std::string>> known_;  // of kept_
};

}  // namespace kstream::audit
