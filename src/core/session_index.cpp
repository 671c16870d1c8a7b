#include "kstream/core/session_index.hpp"

#include <algorithm>
#include <utility>

namespace kstream {

// Of one group sessions end in the order in which they begin.
SessionIndex::Sessions::const_iterator SessionIndex::first_touched(const Sessions& sessions,
                                                                   std::int64_t first) const {
    return std::ranges::lower_bound(sessions, first - gap_, {}, &Session::last);
}

std::span<const SessionIndex::Session> SessionIndex::touched(std::string_view group,
                                                             std::int64_t first,
                                                             std::int64_t last) const {
    const std::uint32_t index = groups_.find(group);
    if (index == KeyTable::kNone) {
        return {};
    }
    const Sessions& sessions = sessions_[index];
    const auto from = first_touched(sessions, first);
    const auto to = std::find_if(
        from, sessions.end(), [&](const Session& session) { return session.first > last + gap_; });
    return {from, to};
}

void SessionIndex::put(std::string_view group, const Session& session) {
    const std::span<const Session> replaced = touched(group, session.first, session.last);
    const std::uint32_t index = groups_.find_or_insert(group).index;
    if (index == sessions_.size()) {
        sessions_.emplace_back();
        ++empty_;
    }
    Sessions& sessions = sessions_[index];
    empty_ -= sessions.empty() ? 1U : 0U;
    size_ += 1 - replaced.size();
    if (replaced.empty()) {
        sessions.insert(first_touched(sessions, session.first), session);
        return;
    }
    const auto at = sessions.begin() + (replaced.data() - sessions.data());
    *at = session;
    sessions.erase(at + 1, at + static_cast<std::ptrdiff_t>(replaced.size()));
}

void SessionIndex::take(std::string_view group, std::int64_t first) {
    const std::uint32_t index = groups_.find(group);
    if (index == KeyTable::kNone) {
        return;
    }
    Sessions& sessions = sessions_[index];
    const auto found = std::ranges::find(sessions, first, &Session::first);
    if (found == sessions.end()) {
        return;
    }
    sessions.erase(found);
    --size_;
    if (sessions.empty()) {
        ++empty_;
        forget_empty_groups();
    }
}

// When they are more than the others: a group may come again, and most do.
void SessionIndex::forget_empty_groups() {
    constexpr std::size_t kWorthIt = 4096;
    if (empty_ < kWorthIt || empty_ <= sessions_.size() / 2) {
        return;
    }
    std::vector<bool> stays(sessions_.size());
    std::vector<Sessions> kept;
    kept.reserve(sessions_.size() - empty_);
    for (std::size_t group = 0; group < sessions_.size(); ++group) {
        stays[group] = !sessions_[group].empty();
        if (stays[group]) {
            kept.push_back(std::move(sessions_[group]));
        }
    }
    groups_.keep(stays);
    sessions_ = std::move(kept);
    empty_ = 0;
}

void SessionIndex::renumber(std::span<const std::uint32_t> place) {
    for (Sessions& sessions : sessions_) {
        for (Session& session : sessions) {
            session.key = place[session.key];
        }
    }
}

void SessionIndex::clear() {
    groups_.clear();
    sessions_.clear();
    size_ = 0;
    empty_ = 0;
}

std::size_t SessionIndex::memory_bytes() const {
    std::size_t bytes = groups_.memory_bytes() + sessions_.capacity() * sizeof(Sessions);
    for (const Sessions& sessions : sessions_) {
        bytes += sessions.capacity() * sizeof(Session);
    }
    return bytes;
}

}  // namespace kstream
