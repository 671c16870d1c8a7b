#include "kstream/pipeline/totals_fold.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/pipeline/identity_check.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <ranges>
#include <utility>

namespace kstream {

namespace {

// What becomes the value of a label must be short, and plain for every reader of the format.
constexpr std::size_t kMaxShownKeyBytes = 256;

bool can_be_shown(std::string_view result_key) {
    return result_key.size() <= kMaxShownKeyBytes && std::ranges::none_of(result_key, [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

std::string result_key_of(std::string_view state_key, const KeyShape& shape) {
    GroupKey group;
    KSTREAM_CHECK(decode_state_key(state_key, shape, group),
                  "state keys were checked when they came in");
    std::string key;
    append_result_key(key, group);
    return key;
}

}  // namespace

TotalsFold::TotalsFold(const Job& job, TotalsFoldConfig config, Log& log)
    : job_(job),
      config_(config),
      log_(log),
      results_(std::make_unique<ResultValues>(job)),
      lists_(sets_of(job.kinds).size()),
      value_lists_(multisets_of(job.kinds).size()) {}

void TotalsFold::install(std::unique_ptr<TotalsState> state) {
    const PartitionId partition = state->partition();
    if (config_.write_again && !written_again_.contains(partition)) {
        state->write_again();
        if (!state->has_again()) {
            note_written_again(*state);
        }
    }
    states_[partition] = std::move(state);
    shown_.erase(partition);
    choose_shown_keys();
}

Result<void> TotalsFold::fold(RecordBatch records) {
    for (const RecordView& record : records) {
        const auto state = states_.find(record.partition);
        KSTREAM_CHECK(state != states_.end(), "records come only of partitions in service");
        if (Result<void> done = fold_batch(record, *state->second); !done) {
            return done;
        }
    }
    return {};
}

Result<void> TotalsFold::fold_batch(const RecordView& record, TotalsState& state) {
    ++counters_.records_read;
    counters_.bytes_read += record.value_size;
    const auto at_record = [&record](Error error) {
        error.message = fmt::format("{} (repartition partition {} offset {})", error.message,
                                    record.partition.value, record.record_offset.value);
        return std::unexpected(std::move(error));
    };
    if (Result<void> decoded = decode_delta_batch(record.value(), job_.form(), batch_); !decoded) {
        return at_record(std::move(decoded.error()));
    }
    if (Result<void> ours =
            check_identity(job_, batch_.header.identity, "a batch of another job",
                           "two jobs share this application id: give one another, or run `kstream "
                           "reset`");
        !ours) {
        return at_record(std::move(ours.error()));
    }
    const Result<bool> duplicate = is_duplicate(record, state);
    if (!duplicate) {
        return at_record(duplicate.error());
    }
    if (*duplicate && !planted(PlantedBug::duplicate_batch_applied)) {
        return {};
    }
    if (Result<void> done = apply_deltas(state); !done) {
        return at_record(std::move(done.error()));
    }
    counters_.records_aggregated += batch_.deltas.size();
    note_oldest(batch_.header.oldest_timestamp_ms);
    return {};
}

// Those of batch_.
Result<void> TotalsFold::apply_deltas(TotalsState& state) {
    const std::size_t width = job_.kinds.size();
    std::array<std::string_view, KeyTable::kTogether> keys;
    for (std::size_t at = 0; at < batch_.deltas.size(); at += keys.size()) {
        const auto group =
            std::span{batch_.deltas}.subspan(at, std::min(keys.size(), batch_.deltas.size() - at));
        std::ranges::transform(group, keys.begin(), &DeltaView::state_key);
        state.expect(std::span{keys}.first(group.size()));
        for (std::size_t i = 0; i < group.size(); ++i) {
            const DeltaView& delta = group[i];
            const auto slots = std::span{batch_.slots}.subspan(delta.first_slot, width);
            for (std::size_t set = 0; set < lists_.size(); ++set) {
                lists_[set] = batch_.list((at + i) * lists_.size() + set);
            }
            for (std::size_t set = 0; set < value_lists_.size(); ++set) {
                value_lists_[set] = batch_.value_list((at + i) * value_lists_.size() + set);
            }
            if (Result<void> done =
                    state.apply_delta(delta.state_key, slots, &batch_.texts, lists_, value_lists_);
                !done) {
                return done;
            }
        }
    }
    return {};
}

// Places a batch in its map step and the step in the chain (P2). The first chunk decides for all.
Result<bool> TotalsFold::is_duplicate(const RecordView& record, TotalsState& state) {
    const BatchHeader& header = batch_.header;
    const auto half = std::ranges::find_if(half_read_, [&header, &state](const HalfRead& h) {
        return h.partition == state.partition() && h.run_id == header.run_id &&
               h.step == header.step;
    });
    if (half != half_read_.end()) {
        if (header.chunk != half->next_chunk) {
            return fail(ExitCode::integrity,
                        fmt::format("chunk {} of a map step came where {} was due", header.chunk,
                                    half->next_chunk));
        }
        const bool duplicate = half->duplicate;
        if (++half->next_chunk == header.chunks) {
            half_read_.erase(half);
        }
        return duplicate;
    }
    if (header.chunk != 0) {
        return fail(
            ExitCode::integrity,
            fmt::format("chunk {} of a map step came without the ones before it", header.chunk));
    }
    const std::string where = fmt::format("repartition partition {} offset {}",
                                          record.partition.value, record.record_offset.value);
    const Result<TotalsState::Chain> chain = state.check_chain(header, where);
    if (!chain) {
        return std::unexpected(chain.error());
    }
    const bool duplicate = *chain == TotalsState::Chain::duplicate;
    if (duplicate) {
        ++counters_.duplicate_steps;
        log_.write(LogLevel::warn, "a map step came again and is dropped", {{"at", where}});
    } else {
        if (Result<void> whole = check_rest_is_there(state.partition(), header); !whole) {
            return std::unexpected(std::move(whole.error()));
        }
        state.apply_ranges(header);
    }
    if (header.chunks > 1) {
        HalfRead begun{.partition = state.partition(),
                       .first = record.record_offset,
                       .run_id = header.run_id,
                       .step = header.step,
                       .next_chunk = 1,
                       .chunks = header.chunks,
                       .sources = {},
                       .duplicate = duplicate};
        std::ranges::transform(header.ranges, std::back_inserter(begun.sources),
                               &SourceRange::partition);
        half_read_.push_back(std::move(begun));
    }
    return duplicate;
}

// `later` is next in the chain. A run writes one map step after the other, and another run goes on
// after a step only when that is committed: all chunks of such a step lie before this batch. What
// does not exist was cut off between the step's last write and its marker, and would be awaited
// forever.
Result<void> TotalsFold::check_rest_is_there(PartitionId partition, const BatchHeader& later) {
    const auto is_over = [partition, &later](const HalfRead& half) {
        const auto shared =
            std::ranges::find_first_of(half.sources, later.ranges, {}, {}, &SourceRange::partition);
        return half.partition == partition &&
               (half.run_id == later.run_id || shared != half.sources.end());
    };
    // Nothing is missed of one that came again.
    std::erase_if(half_read_,
                  [&](const HalfRead& half) { return half.duplicate && is_over(half); });
    const auto half = std::ranges::find_if(half_read_, is_over);
    if (half == half_read_.end()) {
        return {};
    }
    return fail(ExitCode::integrity,
                fmt::format("{} of {} chunks of the map step at offset {} are there, and a later "
                            "step comes: the log has lost the rest",
                            half->next_chunk, half->chunks, half->first.value),
                "do not restart blindly: keep the topics, look for an unclean leader election, "
                "then `kstream reset`");
}

void TotalsFold::note_oldest(std::int64_t timestamp_ms) {
    if (timestamp_ms >= 0 && (filling_oldest_ms_ < 0 || timestamp_ms < filling_oldest_ms_)) {
        filling_oldest_ms_ = timestamp_ms;
    }
}

bool TotalsFold::full() const {
    // Half a map step cannot be sealed, so its rest must still be read.
    if (!can_seal()) {
        return false;
    }
    std::size_t bytes = 0;
    for (const auto& entry : states_) {
        bytes += entry.second->filling_bytes();
    }
    return filling_keys() > config_.max_step_keys || bytes > config_.max_step_bytes;
}

std::uint64_t TotalsFold::filling_keys() const {
    std::uint64_t keys = 0;
    for (const auto& entry : states_) {
        keys += entry.second->filling_keys();
    }
    return keys;
}

// One partition after the other: each that takes part in a step writes a meta record.
std::vector<PartitionId> TotalsFold::more_to_write() const {
    const auto more = std::ranges::find_if(states_, [](const auto& entry) {
        return entry.second->has_again() || entry.second->has_to_close() ||
               entry.second->has_to_sweep();
    });
    return more == states_.end() ? std::vector<PartitionId>{} : std::vector{more->first};
}

Result<void> TotalsFold::seal(Step& step) {
    in_flight_.clear();
    const std::vector<PartitionId> more = more_to_write();
    std::uint64_t closed_keys = config_.max_closed_keys;
    std::size_t closed_bytes = config_.max_closed_bytes;
    for (const StepRange& range : step.ranges) {
        const Offset end = states_.at(range.partition)->changelog_end();
        step.log_ends.push_back({TopicRole::changelog, range.partition, end});
    }
    // To make the records of many keys takes as long as to hand them to the client.
    if (step.writer != nullptr) {
        step.outputs.hand_over(config_.part_bytes, [&step](OutputBatch part) {
            step.writer->write_ahead({std::move(part), step.log_ends});
        });
    }
    for (const StepRange& range : step.ranges) {
        TotalsState& state = *states_.at(range.partition);
        if (std::ranges::binary_search(more, range.partition)) {
            state.fill_again(config_.max_again_keys, config_.max_again_bytes);
        }
        state.close(closed_keys, closed_bytes);
        state.seal(range.to, step.outputs);
        in_flight_.push_back(range.partition);
    }
    step.outputs.keep_rest();
    flight_oldest_ms_ = filling_oldest_ms_;
    filling_oldest_ms_ = -1;
    return {};
}

std::int64_t TotalsFold::watermark(PartitionId partition) const {
    const auto state = states_.find(partition);
    return state == states_.end() ? kNoTime : state->second->clock();
}

void TotalsFold::describe_time(PartitionStatus& status) const {
    const auto state = states_.find(status.partition);
    if (state == states_.end() || !job_.has_windows()) {
        return;
    }
    const std::vector<SourceWatermark> sources = state->second->committed_watermarks();
    // None is less than any time.
    const auto [least, newest] =
        std::ranges::minmax_element(sources, {}, &SourceWatermark::watermark);
    if (least == sources.end()) {
        return;
    }
    status.held_back_by = least->partition.value;
    if (least->watermark != kNoTime) {
        status.watermark_lag_seconds =
            static_cast<double>(newest->watermark - least->watermark) / 1000.0;
    }
}

Result<void> TotalsFold::seal_open(Step&) {
    KSTREAM_CHECK(false, "totals partitions have no open step");
    return {};
}

void TotalsFold::committed(std::int64_t now_wall_ms) {
    for (const PartitionId partition : in_flight_) {
        TotalsState& state = *states_.at(partition);
        counters_.keys_closed += state.committed();
        note_went_over(state);
        if (config_.write_again && state.again_sealed() && !written_again_.contains(partition)) {
            note_written_again(state);
        }
    }
    in_flight_.clear();
    choose_shown_keys();
    if (flight_oldest_ms_ >= 0) {
        counters_.append_to_commit_seconds.record(
            static_cast<double>(std::max<std::int64_t>(0, now_wall_ms - flight_oldest_ms_)) /
            1000.0);
    }
}

// One line for all of a step: the first by its key.
void TotalsFold::note_went_over(TotalsState& state) {
    const std::vector<TotalsSets::WentOver> sets = state.take_went_over();
    if (sets.empty()) {
        return;
    }
    const TotalsSets::WentOver& first = sets.front();
    std::string expression;
    const auto& aggregates = job_.statement->statement.aggregates;
    for (std::size_t i = 0; i < aggregates.size() && expression.empty(); ++i) {
        if (job_.statement->plan.aggregates[i].value == first.accumulator) {
            expression = job_.statement->text_at(aggregates[i].place);
        }
    }
    log_.write(LogLevel::warn, "more different values than --max-distinct: NULL from now on",
               {{"expression", expression},
                {"key", result_key_of(first.state_key, job_.key_shape())},
                {"max_distinct", static_cast<std::int64_t>(job_.spec.max_distinct)},
                {"partition", std::int64_t{state.partition().value}},
                {"sets", static_cast<std::int64_t>(sets.size())}});
}

void TotalsFold::note_written_again(const TotalsState& state) {
    written_again_.insert(state.partition());
    counters_.written_again.push_back(state.partition());
    counters_.keys_written_again += state.again_keys();
    log_.write(LogLevel::info, "results are published again",
               {{"partition", std::int64_t{state.partition().value}},
                {"keys", std::int64_t{state.again_keys()}}});
}

void TotalsFold::undo_filling() {
    for (const auto& entry : states_) {
        entry.second->undo_filling();
    }
    half_read_.clear();
    filling_oldest_ms_ = -1;
}

void TotalsFold::undo_in_flight() {
    for (const PartitionId partition : in_flight_) {
        states_.at(partition)->undo_in_flight();
    }
    in_flight_.clear();
}

void TotalsFold::drop(std::span<const PartitionId> partitions) {
    for (const PartitionId partition : partitions) {
        states_.erase(partition);
        shown_.erase(partition);
    }
}

StateStatus TotalsFold::state() const {
    StateStatus state;
    for (const auto& entry : states_) {
        state.keys += entry.second->keys();
        state.bytes += entry.second->memory_bytes();
        state.sets_over += entry.second->sets_over();
    }
    if (job_.has_windows()) {
        state.open_windows = static_cast<std::int64_t>(state.keys);
    }
    state.aggregates = results_->graph_names();
    state.totals = shown_totals();
    return state;
}

StateAnswer TotalsFold::answer(const StateQuestion& question) const {
    StateAnswer answer;
    for (const auto& [partition, state] : states_) {
        StatePartition& one = answer.partitions.emplace_back();
        one.partition = partition;
        one.keys = state->committed_live_keys();
        if (job_.has_windows()) {
            one.clock = state->committed_clock();
            one.sources = state->committed_watermarks();
        }
    }
    if (question.kind == StateQuestion::Kind::find) {
        find_entry(question, answer);
    } else {
        list_entries(question, answer);
    }
    return answer;
}

StateEntry TotalsFold::entry(const TotalsState& state, std::uint32_t index,
                             std::span<const Slot> slots) const {
    GroupKey group;
    KSTREAM_CHECK(decode_state_key(state.state_key(index), job_.key_shape(), group),
                  "state keys were checked when they came in");
    return entry(state, index, group, slots, state.values_of(index));
}

StateEntry TotalsFold::entry(const TotalsState& state,
                             const TotalsState::CommittedWindow& window) const {
    return entry(state, window.index, window.group, window.slots, state.values_of(window));
}

StateEntry TotalsFold::entry(const TotalsState& state, std::uint32_t index, const GroupKey& group,
                             std::span<const Slot> slots, KeyValues values) const {
    StateEntry entry{.partition = state.partition(), .index = index, .key = {}, .value = {}};
    append_result_key(entry.key, group);
    if (!results_->append(entry.value, group, slots, state.all_texts(), values)) {
        entry.value = "null";
    }
    return entry;
}

std::vector<StateEntry> TotalsFold::entries(const TotalsState& state,
                                            std::span<const std::uint32_t> indexes) const {
    std::vector<StateEntry> entries;
    if (job_.hops()) {
        for (const TotalsState::CommittedWindow& one : state.newest_windows(indexes)) {
            entries.push_back(entry(state, one));
        }
        return entries;
    }
    const auto rows = state.committed_slots(indexes);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        entries.push_back(entry(state, indexes[i], rows[i]));
    }
    return entries;
}

void TotalsFold::find_entry(const StateQuestion& question, StateAnswer& answer) const {
    const auto state_key = state_key_of(question.key, job_.key_shape());
    if (!state_key) {
        return;
    }
    answer.key_partition =
        partition_for_key(partition_key_of(question.key, job_.key_shape()).value_or(""),
                          static_cast<int>(job_.identity.state_partitions));
    const auto found = states_.find(*answer.key_partition);
    if (found == states_.end()) {
        return;
    }
    const TotalsState& state = *found->second;
    if (job_.hops()) {
        if (const auto window = state.find_window(*state_key)) {
            answer.entries.push_back(entry(state, *window));
        }
        return;
    }
    const std::uint32_t index = state.find_committed(*state_key);
    if (index != KeyTable::kNone) {
        answer.entries.push_back(entry(state, index, state.committed_slots({&index, 1})[0]));
    }
}

void TotalsFold::list_entries(const StateQuestion& question, StateAnswer& answer) const {
    std::size_t bytes = 0;
    for (auto at = states_.lower_bound(question.from_partition); at != states_.end(); ++at) {
        const TotalsState& state = *at->second;
        const std::uint32_t first = at->first == question.from_partition ? question.from_index : 0;
        const std::uint32_t keys = state.committed_keys();
        if (first >= keys) {
            continue;
        }
        const std::size_t left = question.max_entries - answer.entries.size();
        std::vector<std::uint32_t> indexes;
        std::uint32_t next_index = first;
        for (; next_index < keys && indexes.size() < left; ++next_index) {
            if (state.is_listed(next_index)) {
                indexes.push_back(next_index);
            }
        }
        for (StateEntry& next : entries(state, indexes)) {
            bytes += next.key.size() + next.value.size();
            if (!answer.entries.empty() && bytes > question.max_bytes) {
                answer.more = true;
                return;
            }
            answer.entries.push_back(std::move(next));
        }
        if (next_index < keys) {
            answer.more = true;
            return;
        }
    }
}

// First come, first shown. Only committed keys, whose indexes do not change.
void TotalsFold::choose_shown_keys() {
    if (job_.has_windows()) {
        return;  // a series for each window would never end
    }
    std::size_t count = 0;
    for (const auto& entry : shown_) {
        count += entry.second.keys.size();
    }
    for (const auto& [partition, state] : states_) {
        Shown& shown = shown_[partition];
        while (count < config_.shown_keys && shown.looked_at < state->committed_keys()) {
            const std::uint32_t index = shown.looked_at++;
            if (can_be_shown(result_key_of(state->state_key(index), job_.key_shape()))) {
                shown.keys.push_back(index);
                ++count;
            }
        }
    }
}

std::vector<TotalStatus> TotalsFold::shown_totals() const {
    std::vector<TotalStatus> totals;
    for (const auto& [partition, shown] : shown_) {
        const TotalsState& state = *states_.at(partition);
        const auto rows = state.committed_slots(shown.keys);
        for (std::size_t row = 0; row < rows.size(); ++row) {
            TotalStatus total;
            GroupKey group;
            KSTREAM_CHECK(decode_state_key(state.state_key(shown.keys[row]),
                                           job_.spec.group_by.size(), group),
                          "state keys were checked when they came in");
            append_result_key(total.key, group);
            total.values = results_->graph_values(group, rows[row], state.all_texts(),
                                                  state.values_of(shown.keys[row]));
            totals.push_back(std::move(total));
        }
    }
    return totals;
}

}  // namespace kstream
