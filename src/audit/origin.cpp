#include "kstream/audit/origin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace kstream::audit {

namespace {

template <typename T>
bool read_number(std::string_view text, int base, T& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::optional<Origin> Origin::of(const ResultHeaders& headers) {
    Origin origin;
    if (!headers.transaction || !headers.run_id ||
        !read_number(*headers.transaction, 10, origin.transaction) ||
        !read_number(*headers.run_id, 16, origin.run_id) || origin.transaction == 0) {
        return std::nullopt;
    }
    // One spelling only, the one that the job writes.
    if (*headers.transaction != std::to_string(origin.transaction) ||
        *headers.run_id != fmt::format("{:016x}", origin.run_id)) {
        return std::nullopt;
    }
    return origin;
}

void Origins::begin(std::size_t state_partitions) {
    states_.assign(state_partitions, {});
    runs_.clear();
    begun_.clear();
    first_.clear();
    last_.clear();
}

bool Origins::take_meta(std::size_t q, std::uint64_t transaction, std::uint64_t run_id) {
    State& state = states_[q];
    // Said once: the numbers go on from here.
    if (std::exchange(state.last, transaction) >= transaction) {
        return false;
    }
    if (!state.spans.empty() && transaction <= state.spans.back().last) {
        return true;  // after one that was too high
    }
    runs_.insert(run_id);
    const bool goes_on = !state.spans.empty() && state.spans.back().run_id == run_id &&
                         state.spans.back().last + 1 == transaction;
    if (goes_on) {
        state.spans.back().last = transaction;
    } else {
        state.spans.push_back({transaction, transaction, run_id});
    }
    return true;
}

std::optional<std::uint64_t> Origins::run_of(std::size_t q, std::uint64_t transaction) const {
    const std::vector<Span>& spans = states_[q].spans;
    const auto span = std::ranges::lower_bound(spans, transaction, {}, &Span::last);
    return span != spans.end() && span->first <= transaction ? std::optional{span->run_id}
                                                             : std::nullopt;
}

std::string Origins::take_result(PartitionId results, std::size_t q, const Origin& origin) {
    const auto [least, is_new] = first_.try_emplace({results, q}, origin.transaction);
    least->second = std::min(least->second, origin.transaction);
    const std::optional<std::uint64_t> run = run_of(q, origin.transaction);
    const bool contradicts = run && *run != origin.run_id;
    if (!contradicts && knows(origin.run_id)) {
        begun_.insert(results);
    }
    if (!has_begun(results)) {
        return {};
    }
    if (contradicts) {
        return fmt::format("of run {:016x}; transaction {} of state partition {} was run {:016x}",
                           origin.run_id, origin.transaction, q, *run);
    }
    std::uint64_t& last = last_[{results, q}];
    if (origin.transaction < last) {
        return fmt::format("of transaction {}, after one of transaction {}", origin.transaction,
                           last);
    }
    last = origin.transaction;
    return {};
}

std::optional<std::uint64_t> Origins::first(PartitionId results, std::size_t q) const {
    const auto known = first_.find({results, q});
    return known == first_.end() ? std::nullopt : std::optional{known->second};
}

}  // namespace kstream::audit
