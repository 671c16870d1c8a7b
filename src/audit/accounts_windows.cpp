// What accounts of windows have beyond others: panes and the windows over them, sessions that
// become one another, and which of them are closed at the cut.
#include "audit/window_keys.hpp"
#include "kstream/audit/accounts.hpp"
#include "kstream/audit/window_span.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/stable_hash.hpp"

#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace kstream::audit {

bool Accounts::is_window(std::string_view key) const {
    return job_.hops() && is_window_key(key);
}

bool Accounts::is_pane(std::string_view key) const {
    return job_.hops() && !is_window_key(key);
}

// Most keys that come one after the other are of one window.
std::optional<std::int64_t> Accounts::window_end(std::string_view key) {
    const std::int64_t start = window_start_of(key);
    if (job_.hops()) {
        return is_window(key) ? job_.statement->window_end(start)
                              : job_.statement->last_end_over(start);
    }
    if (!last_window_.second || last_window_.first != start) {
        last_window_ = {start, job_.statement->window_end(start)};
    }
    return last_window_.second;
}

std::int64_t Accounts::end_of(const Account& account) const {
    if (!sessions_) {
        return account.window_end;
    }
    return StatementAudit::last_time(account.source) + job_.event_time()->window.size + 1;
}

// At the cut. A session that no record is in is none: it has no more of anything than one that is
// closed. Hopping windows are closed one after the other, and meta says up to which one.
bool Accounts::is_closed(std::string_view state_key, const Account& account) const {
    const std::optional<Meta>& meta = metas_[account.state_partition];
    if (!meta || !job_.has_windows()) {
        return false;
    }
    if (sessions_ && !account.source.there) {
        return true;
    }
    if (!job_.is_closed(end_of(account), meta->clock)) {
        return false;
    }
    return !job_.hops() || meta->to_close == 0 ||
           meta->cursor.has_passed(account.window_end, stable_hash(group_part_of(state_key)));
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): it is changed
void Accounts::count_session(GroupKey group, std::string_view partition_key, const Row& row) {
    std::string state_key;
    encode_state_key(group, state_key);
    if (!has(state_key)) {
        return;
    }
    const std::int64_t time = window_start_of(state_key);
    const GroupSessions::Joined joined = sessions_->add(group_part_of(state_key), time, time);
    const auto account_at = [&](std::int64_t first) {
        group.window_start = first;
        encode_state_key(group, state_key);
        return find_or_open(state_key, partition_key);
    };
    Account& into = *account_at(joined.first);
    for (const std::int64_t first : joined.others) {
        Account& other = *account_at(first);
        count(into, other.source);
        bytes_ -= other.source.bytes();
        other.source = Row{job_.kinds};
        bytes_ += other.source.bytes();
    }
    count(into, row);
}

// An open window is what its panes are, and these are all there. Of one whose panes may be of
// another pass nothing is known.
void Accounts::believe_panes() {
    std::vector<std::pair<std::string, const Row*>> changes;
    std::deque<Row> with_sets;  // of panes
    for (const auto& [state_key, account] : accounts_) {
        if (is_window_key(state_key) || account.total.empty()) {
            continue;
        }
        const Row& pane =
            stored_.any() ? with_sets.emplace_back(with_stored_sets(account)) : account.total;
        std::string window = state_key;
        make_window_key(window);
        for (const WindowSpan& span : job_.statement->windows_over(window_start_of(state_key))) {
            set_start(window, span.start);
            changes.emplace_back(window, &pane);
        }
    }
    for (const auto& [window, row] : changes) {
        Account* const account = open(window);
        if (account != nullptr && !is_closed(window, *account)) {
            count(*account, *row);
        }
    }
}

}  // namespace kstream::audit
