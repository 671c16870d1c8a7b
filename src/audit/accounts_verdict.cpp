// What the accounts say of one key: how what the changelog has and what was published differ from
// what was counted, at the cut, and which differences prove nothing.
#include "kstream/audit/accounts.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/core/side_aggregates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace kstream::audit {

void Accounts::judge(std::string_view state_key, const Account& account,
                     std::vector<Finding>& found) const {
    const auto what = [&] { return fmt::format("key {}", key_text(job_, state_key)); };
    const bool counted = account.source.there;
    const bool has_total = !account.total.empty();
    if (is_closed(state_key, account)) {
        // What is closed is taken out in so many steps: until its own has come a key is as it was.
        const bool waits = has_total && !account.result.is_final && !job_.hops() &&
                           metas_[account.state_partition]->to_close > 0;
        if (!waits) {
            judge_closed(state_key, account, found);
            return;
        }
    }
    if (is_window(state_key) && believes_changelog_ && keys_.modulus > 1) {
        return;  // its panes may be of another pass
    }
    if (!is_window(state_key)) {
        judge_total(state_key, account, found);
    }
    if (is_pane(state_key)) {
        return;
    }
    if (!counted) {
        if (account.result.there) {
            found.push_back({FindingKind::extra_result, what(),
                             "no result: no record of the source", shown(account.result.value)});
        }
        return;
    }
    // Those of a window, which has no total, are in its row already.
    Row believed;
    if (believes_changelog_ && !stored_.multisets().empty() && has_total) {
        believed = with_stored_sets(account);
    }
    const std::optional<std::string> row =
        result_text(job_, state_key, believed.there ? believed : account.source);
    const bool publishes = row && job_.publishes_open();
    if (has_having() && has_total && account.total_published != publishes) {
        const auto says = [](bool published) {
            return published ? "that the results have the key" : "that the results lack the key";
        };
        found.push_back(
            {FindingKind::wrong_total, what(), says(publishes), says(account.total_published)});
    }
    judge_result(state_key, account, row, found);
}

// Of a key that is not closed.
void Accounts::judge_total(std::string_view state_key, const Account& account,
                           std::vector<Finding>& found) const {
    const auto what = [&] { return fmt::format("key {}", key_text(job_, state_key)); };
    const bool counted = account.source.there;
    const bool has_total = !account.total.empty();
    if (!counted && has_total) {
        found.push_back({FindingKind::extra_total, what(), "no total: no record of the source",
                         row_text(job_, account.total)});
    } else if (counted && !has_total) {
        found.push_back({FindingKind::missing_total, what(), row_text(job_, account.source),
                         "no total in the changelog"});
    } else if (counted && account.total != account.source) {
        found.push_back({FindingKind::wrong_total, what(), row_text(job_, account.source),
                         row_text(job_, account.total)});
    } else if (counted && stored_.any()) {
        judge_sets(state_key, account, found);
    }
    if (is_pane(state_key) && account.total_published) {
        found.push_back({FindingKind::wrong_total, what(), "a pane, of which there are no results",
                         "that the results have it"});
    }
}

// A total of which the slots are right: whether the changelog has the elements, too, that a new
// owner of the state would go on with. Of a set that is over it may still have some.
void Accounts::judge_sets(std::string_view state_key, const Account& account,
                          std::vector<Finding>& found) const {
    for (const std::uint8_t set : stored_.sets()) {
        const Slot& slot = account.source[set];
        if (is_over(slot)) {
            continue;
        }
        const std::set<Element>& there =
            stored_.set_of(account.state_partition, account.total_number, set);
        const bool same = believes_changelog_ ? there.size() == slot.value().low
                                              : there == account.source.sets[set];
        if (!same) {
            std::vector<Element> missing;
            std::ranges::set_difference(account.source.sets[set], there,
                                        std::back_inserter(missing));
            found.push_back(
                {FindingKind::wrong_total, fmt::format("key {}", key_text(job_, state_key)),
                 fmt::format("{} values in the set of accumulator {}", slot.value().low, set),
                 fmt::format("{} in the changelog, under the number {}; {} missing", there.size(),
                             account.total_number, missing.size())});
        }
    }
    for (const std::uint8_t set : stored_.multisets()) {
        const Slot& slot = account.source[set];
        if (is_over(slot)) {
            continue;
        }
        const StoredSets::Multiset& there =
            stored_.multiset_of(account.state_partition, account.total_number, set);
        std::uint64_t total = 0;
        for (const auto& [value, count] : there) {
            total += count;
        }
        const bool same = believes_changelog_ ? slot.value() == Int192{Int128{total}}
                                              : there == account.source.multisets[set];
        if (!same) {
            found.push_back(
                {FindingKind::wrong_total, fmt::format("key {}", key_text(job_, state_key)),
                 fmt::format("{} values in the multiset of accumulator {}", slot.value().low, set),
                 fmt::format("{} in the changelog, under the number {}, or others", total,
                             account.total_number)});
        }
    }
}

// Of a key that is counted and not closed, whose row that is; none: HAVING is not true of it.
void Accounts::judge_result(std::string_view state_key, const Account& account,
                            const std::optional<std::string>& row,
                            std::vector<Finding>& found) const {
    const auto what = [&] { return fmt::format("key {}", key_text(job_, state_key)); };
    const bool has_total = !account.total.empty();
    const Published& result = account.result;
    if (result.is_final) {
        const std::size_t q = account.state_partition;
        found.push_back(
            {FindingKind::window_early, what(),
             fmt::format("no last result: it is open until {}, the clock of state partition {} is "
                         "{}",
                         time_text(end_of(account) + job_.event_time()->grace), q,
                         time_text(metas_[q] ? metas_[q]->clock : kNoTime)),
             result.there ? shown(result.value) : "a tombstone"});
        return;
    }
    if (!row || !job_.publishes_open()) {
        if (result.there) {
            found.push_back(
                {FindingKind::extra_result, what(),
                 row ? "no result: its window is open" : "no result: HAVING is not true of the key",
                 shown(result.value)});
        }
    } else if (!result.there) {
        found.push_back({FindingKind::missing_result, what(), shown(*row), "nothing published"});
    } else if (result.value != *row) {
        const bool stale =
            has_total && result.transaction > 0 && result.transaction < account.total_transaction;
        found.push_back({stale ? FindingKind::stale_result : FindingKind::wrong_result, what(),
                         shown(*row), shown(result.value)});
    } else if (has_total && result.transaction != account.total_transaction) {
        found.push_back({FindingKind::wrong_result, what(),
                         fmt::format("of transaction {}", account.total_transaction),
                         fmt::format("of transaction {}", result.transaction)});
    }
}

// A key whose window is closed has its last result, and nothing else. Without the source nobody
// knows which one that has to be.
void Accounts::judge_closed(std::string_view state_key, const Account& account,
                            std::vector<Finding>& found) const {
    const auto what = [&] { return fmt::format("key {}", key_text(job_, state_key)); };
    const Published& result = account.result;
    if (!account.total.empty()) {
        found.push_back({FindingKind::extra_total, what(),
                         account.source.there ? "no total: its window is closed"
                                              : "no total: no record of the source",
                         row_text(job_, account.total)});
    }
    if (is_pane(state_key)) {
        return;
    }
    if (!account.source.there && !believes_changelog_) {
        if (result.there) {
            found.push_back({FindingKind::extra_result, what(),
                             "no result: no record of the source", shown(result.value)});
        }
        return;
    }
    const auto missing = [&](std::string expected) {
        found.push_back(
            {FindingKind::window_missing, what(), std::move(expected),
             result.there ? "not as the last one: " + shown(result.value) : "nothing published"});
    };
    if (!account.source.there) {
        if (result.there && !result.is_final) {
            missing("a last result");
        }
        return;
    }
    const std::optional<std::string> row = result_text(job_, state_key, account.source);
    if (!row) {
        if (result.there) {
            found.push_back({FindingKind::extra_result, what(),
                             "no result: HAVING is not true of the key", shown(result.value)});
        }
    } else if (!result.there || !result.is_final) {
        missing(shown(*row));
    } else if (result.value != *row) {
        found.push_back({FindingKind::wrong_result, what(), shown(*row), shown(result.value)});
    }
}

// What an earlier round has seen, of a transaction that the changelog, whose end was asked for
// later, does not know.
void Accounts::judge_newer(std::string_view state_key, const Account& account,
                           std::vector<Finding>& found) const {
    const std::string expected =
        fmt::format("of transaction {} or before", cut_transaction(account));
    const auto add = [&](FindingKind kind, std::uint64_t transaction, const std::string& value) {
        found.push_back(
            {kind, fmt::format("key {}", key_text(job_, state_key)), expected,
             fmt::format("of transaction {}, which has no meta record: {}", transaction, value)});
    };
    if (account.newer.transaction != 0 && account.newer.round < round_) {
        add(FindingKind::wrong_result, account.newer.transaction,
            account.newer.there ? shown(account.newer.value) : "a tombstone");
    }
    if (!account.newer_total.empty() && account.newer_total_round < round_) {
        add(FindingKind::wrong_total, account.newer_total_transaction,
            row_text(job_, account.newer_total));
    }
    if (account.newer_taken_out && account.newer_total_round < round_) {
        found.push_back({FindingKind::wrong_total, fmt::format("key {}", key_text(job_, state_key)),
                         expected, "a tombstone of its total, which no meta record follows"});
    }
}

// What is missing may have been deleted with all that stood around it, and what is there too much
// may be somebody else's: neither is a wrong total.
std::string Accounts::excuse(const Finding& finding, std::string_view state_key,
                             const Account& account) {
    const auto begins_later = [](const std::map<PartitionId, Offset>& starts, PartitionId at) {
        const auto start = starts.find(at);
        return start != starts.end() && start->second > Offset{0};
    };
    const PartitionId q{static_cast<std::int32_t>(account.state_partition)};
    if (finding.kind == FindingKind::missing_total && begins_later(changelog_starts_, q)) {
        return fmt::format("records were deleted from changelog partition {}, below offset {}",
                           q.value, changelog_starts_.at(q).value);
    }
    const bool window_missing = finding.kind == FindingKind::window_missing;
    const bool result_missing = finding.kind == FindingKind::missing_result &&
                                (!account.total.empty() || is_window(state_key));
    const std::string* const place = place_of(state_key);
    if ((window_missing || result_missing) && !account.was_published && place != nullptr) {
        const PartitionId home =
            partition_for_key(*place, static_cast<int>(job_.identity.results_partitions));
        const auto first = origins_.first(home, account.state_partition);
        // Of a window nothing is left that says in which transaction it was closed.
        if (begins_later(results_starts_, home) || !first ||
            (result_missing && *first > account.total_transaction && !account.total.empty())) {
            return fmt::format(
                "results partition {} holds nothing of what {} of state partition {} published: "
                "the topic was emptied or re-created, has a retention, or is another one than the "
                "job's",
                home.value,
                is_window(state_key) && result_missing
                    ? std::string{"the transaction that changed it"}
                : result_missing ? fmt::format("transaction {}", account.total_transaction)
                                 : "the transaction that closed its window",
                q.value);
        }
    }
    const bool nothing_of_ours =
        account.source.empty() && account.total.empty() && !account.has_newer_total();
    const bool ours_or_not =
        nothing_of_ours && (finding.kind == FindingKind::extra_result ||
                            finding.kind == FindingKind::wrong_result || window_missing);
    // The same window as before a reset, of which this life has published nothing yet.
    const bool of_before = finding.kind == FindingKind::window_early && !job_.publishes_open();
    const Published& extra = account.result.there || of_before ? account.result : account.newer;
    if ((ours_or_not || of_before) && extra.transaction > 0 && !origins_.knows(extra.run_id)) {
        return fmt::format(
            "the results hold keys of run {:016x}, which is none of the job's: kept from before a "
            "reset, or of another application that writes to the same topic",
            extra.run_id);
    }
    return {};
}

}  // namespace kstream::audit
