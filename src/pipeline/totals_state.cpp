#include "kstream/pipeline/totals_state.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/make_room.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/planted_bug.hpp"
#include "pipeline/broken_totals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kstream {

namespace {

// Into a sum over keys. The slot of a set or multiset has how many elements there are, and no row
// of the registry.
void merge_total(AggregateKind kind, Slot& into, const Slot& slot) {
    if (keeps_elements(kind)) {
        if (slot.present() && !is_over(slot)) {
            into = Slot{into.value() + slot.value(), true};
        }
        return;
    }
    merge_slot(kind, into, slot);
}

// Out of such a sum again.
void take_total_out(AggregateKind kind, Slot& from, const Slot& slot) {
    if (!keeps_elements(kind)) {
        retract_slot(kind, from, slot);
    } else if (!is_over(slot)) {
        from = Slot{from.value() + -slot.value(), true};
    }
}

}  // namespace

TotalsState::TotalsState(const Job& job, PartitionId partition, std::uint32_t max_keys)
    : job_(job),
      partition_(partition),
      max_keys_(max_keys),
      charge_(job.spec),
      results_(std::make_shared<ResultValues>(job)),
      keys_(job.hash_seed, job.cells_in_cache),
      has_having_(job.has_having()),
      has_texts_(std::ranges::any_of(job.kinds, keeps_text)),
      sets_(job, partition),
      sources_(job, partition),
      windows_(job.windows()),
      merged_(job.kinds.size()) {
    if (windows_) {
        grace_ = job.event_time()->grace;
        first_start_ = windows_->pane(0).start;
        final_only_ = job.event_time()->emit == job::Emit::final_only;
        for (std::size_t i = 0; i < width(); ++i) {
            const bool summed = retracts(job.kinds[i]) || keeps_elements(job.kinds[i]);
            retracted_.push_back(summed);
            merged_[i] = Slot{Int192{0}, summed};
        }
        retired_ = merged_;
    }
    if (job.hops()) {
        panes_.emplace(job.event_time()->window, *windows_, job.hash_seed);
        results_per_key_ = job.spec.statement->results_per_key;
    }
    if (job.has_sessions()) {
        const std::int64_t gap = job.event_time()->window.size;
        sessions_.emplace(job.hash_seed, planted(PlantedBug::gap_exclusive) ? gap - 1 : gap);
    }
    begin_layer(filling_);
}

std::span<Slot> TotalsState::slots_of(std::uint32_t key) {
    return std::span{slots_}.subspan(key * width(), width());
}

std::unexpected<Error> TotalsState::broken(std::string_view what) const {
    return broken_totals(partition_, what);
}

// ---- restoring ---------------------------------------------------------------------------------

void TotalsState::expect(std::span<const std::string_view> state_keys) const {
    std::array<std::uint32_t, KeyTable::kTogether> likely;
    const std::span<std::uint32_t> indexes = std::span{likely}.first(state_keys.size());
    keys_.prefetch(state_keys, indexes);
    for (const std::uint32_t index : indexes) {
        if (index < keys_.size()) {
            prefetch_row(slots_, width(), index);
            __builtin_prefetch(&marks_[index]);
        }
    }
}

// Of a key that was just put in.
inline void TotalsState::add_marks() {
    make_room(marks_, 1);
    marks_.push_back(0);
    if (has_having_) {
        make_room(published_, 1);
        published_.push_back(0);
    }
    sets_.add_key();
}

Result<void> TotalsState::restore(std::string_view key, std::string_view value) {
    const Result<ChangelogKeyKind> kind = changelog_key_kind(key);
    if (!kind) {
        return std::unexpected(kind.error());
    }
    if (*kind == ChangelogKeyKind::meta) {
        Result<Meta> meta = decode_meta_value(value, job_.form());
        if (!meta) {
            return std::unexpected(std::move(meta.error()));
        }
        restored_meta_ = std::move(*meta);
        return {};
    }
    if (*kind == ChangelogKeyKind::element) {
        return sets_.restore(key, value);
    }
    if (*kind == ChangelogKeyKind::advance) {
        return sources_.restore(key, value);
    }
    scratch_.clear();
    bool is_published = false;
    std::uint64_t key_number = 0;
    if (const auto transaction = decode_total_value(value, job_.kinds, scratch_, &texts_,
                                                    has_having_ ? &is_published : nullptr,
                                                    sets_.any() ? &key_number : nullptr);
        !transaction) {
        return std::unexpected(transaction.error());
    }
    if (sessions_ && !is_session(total_state_key(key), scratch_)) {
        return broken("a session that this job cannot have made");
    }
    const KeyTable::Found found = keys_.find_or_insert(total_state_key(key));
    if (found.inserted) {
        if (Result<void> known = check_new(total_state_key(key)); !known) {
            return known;
        }
        make_room(slots_, width());
        slots_.insert(slots_.end(), scratch_.begin(), scratch_.end());
        add_marks();
    } else {
        std::ranges::copy(scratch_, slots_of(found.index).begin());
        if (is_gone(found.index)) {
            marks_[found.index] = 0;
            --gone_;
        }
        if (has_texts_ && mostly_garbage()) {
            leave_garbage();
        }
    }
    if (has_having_) {
        published_[found.index] = is_published ? 1 : 0;
    }
    sets_.restore_number(found.index, key_number);
    return {};
}

void TotalsState::restore_tombstone(std::string_view key) {
    const Result<ChangelogKeyKind> kind = changelog_key_kind(key);
    if (!windows_ || (kind && *kind == ChangelogKeyKind::element)) {
        sets_.restore_tombstone(key);
        return;
    }
    if (kind && *kind == ChangelogKeyKind::advance) {
        sources_.restore_tombstone(key);
        return;
    }
    if (!kind || *kind != ChangelogKeyKind::total) {
        return;
    }
    // At once, so that a log of many closed windows takes no more memory than twice the open ones.
    const std::uint32_t index = keys_.find(total_state_key(key));
    if (index != KeyTable::kNone && !is_gone(index)) {
        marks_[index] = kGone;
        ++gone_;
        compact_if_worth_it();
    }
}

Result<void> TotalsState::finish_restore(const TotalsSources::LogStarts& source_starts) {
    if (!restored_meta_) {
        if (keys() != 0) {
            return broken("the changelog has totals but no meta record");
        }
        return {};
    }
    const Meta& meta = *restored_meta_;
    if (sets_.any() && gone_ > 0) {
        compact();  // no number of theirs is one of a key
    }
    leave_garbage();
    calendar_.clear();
    if (sessions_) {
        sessions_->clear();
    }
    for (std::uint32_t key = 0; key < keys_.size(); ++key) {
        if (is_gone(key)) {
            continue;
        }
        hash_ += state_entry_hash(keys_.key(key), job_.kinds, slots_of(key), texts(),
                                  published(key), sets_.number(key));
        if (!windows_) {
            for (std::size_t i = 0; i < width(); ++i) {
                merge_total(job_.kinds[i], merged_[i], slots_of(key)[i]);
            }
            continue;
        }
        for (std::size_t i = 0; i < width(); ++i) {
            if (retracted_[i] && slots_of(key)[i].present()) {
                merge_total(job_.kinds[i], merged_[i], slots_of(key)[i]);
            }
        }
        if (!panes_) {
            calendar_.file(closes_at(key), key);
        }
        if (sessions_) {
            index_session(key);
        }
    }
    if (sets_.any()) {
        const Result<UInt128> elements = sets_.finish_restore(
            meta.last_number, windows_ ? std::optional{meta.to_sweep} : std::nullopt, slots_);
        if (!elements) {
            return std::unexpected(elements.error());
        }
        hash_ += *elements;
    }
    if (sessions_ && sessions_->size() != keys()) {
        return broken("sessions that are closer to each other than their gap");
    }
    if (keys() != meta.keys) {
        return broken(fmt::format("meta counts {} keys, the changelog has {}", meta.keys, keys()));
    }
    if (merged_ != meta.slots || hash_ != meta.state_hash) {
        return broken("the restored totals do not have the sum or the hash that meta states");
    }
    if (Result<void> sources = sources_.finish_restore(meta, source_starts); !sources) {
        return sources;
    }
    transaction_ = meta.transaction;
    if (windows_) {
        clock_ = meta.clock;
        to_close_ = meta.to_close;
        retired_ = meta.retired;
    }
    if (panes_) {
        panes_->resume(planted(PlantedBug::cursor_forgotten) ? ClosingCursor{} : meta.cursor);
        index_panes();
        if (sets_.any()) {
            sets_.count_windows(*panes_, keys_);
        }
    }
    begin_layer(filling_);
    return {};
}

// ---- changing ----------------------------------------------------------------------------------

// A key that was just put in. Keys come out of a log, so a wrong one is not a bug of this process.
Result<void> TotalsState::check_new(std::string_view state_key) {
    if (keys_.size() > max_keys_) {
        return fail(ExitCode::internal,
                    fmt::format("totals partition {}: more than {} keys, which is all that one "
                                "state partition can hold",
                                partition_.value, max_keys_),
                    "what is committed stands; more partitions take more keys: 'kstream reset', "
                    "then 'kstream create-topics --partitions N' with a larger N");
    }
    if (!decode_state_key(state_key, job_.key_shape(), group_) ||
        (windows_ && !may_be_window(*group_.window_start))) {
        return broken("a state key that this job cannot have made");
    }
    return {};
}

// Whether a record can have a time in a window that begins there. Before any end is reckoned: of a
// start that somebody has made up it may be beyond all numbers.
bool TotalsState::may_be_window(std::int64_t start) {
    const bool asked_before = start == last_window_.start && last_window_.start != last_window_.end;
    if (!asked_before && (start < first_start_ || start > expr::kMaxTime)) {
        return false;
    }
    if (!asked_before) {
        last_window_ = windows_->pane(start);
    }
    return last_window_.start == start;
}

// The key's place, after its slots were saved for the case that the layer is taken back.
KeyTable::Found TotalsState::touch(std::string_view state_key) {
    const KeyTable::Found found = keys_.find_or_insert(state_key);
    if (found.inserted) {
        make_room(slots_, width());
        slots_.resize(slots_.size() + width());
        add_marks();
    }
    if ((marks_[found.index] & kTouched) == 0) {
        remember(found.index);
    }
    return found;
}

// Saves what a key has before the filling step's first change of it.
void TotalsState::remember(std::uint32_t key) {
    marks_[key] |= kTouched;
    filling_.touched.push_back(key);
    filling_.bytes += charge_.of(keys_.key(key));
    const std::span<const Slot> before = slots_of(key);
    filling_.before.insert(filling_.before.end(), before.begin(), before.end());
    if (has_having_) {
        filling_.published_before.push_back(published_[key]);
    }
    sets_.remember(key, filling_.sets);
}

void TotalsState::fill_again(std::uint64_t keys, std::size_t bytes) {
    const std::size_t max_bytes = filling_.bytes + bytes;
    for (; keys > 0 && has_again() && filling_.bytes < max_bytes; --keys) {
        if ((marks_[again_next_] & (kTouched | kGone)) == 0) {
            remember(again_next_);
        }
        ++again_next_;
    }
}

Result<void> TotalsState::apply_delta(std::string_view state_key, std::span<const Slot> delta,
                                      const TextStore* of_delta,
                                      std::span<const std::span<const Element>> sets,
                                      std::span<const std::span<const CountedValue>> multisets) {
    if (windows_) {
        if (Result<void> open = check_open(state_key, delta); !open) {
            return open;
        }
    }
    const auto [key, inserted] = sessions_ ? join_sessions(state_key, delta) : touch(state_key);
    if (inserted) {
        if (Result<void> known = check_new(state_key); !known) {
            return known;
        }
    }
    if (windows_) {
        if (inserted && panes_) {
            panes_->add(state_key);
        } else if (inserted && !sessions_) {
            calendar_.file(end_of(state_key), key);
        }
        for (std::size_t i = 0; i < width(); ++i) {
            merge_slot(job_.kinds[i], slots_of(key)[i], delta[i]);
        }
        add_to_merged(delta);
    } else {
        for (std::size_t i = 0; i < width(); ++i) {
            merge_slot(job_.kinds[i], slots_of(key)[i], delta[i]);
            merge_slot(job_.kinds[i], merged_[i], delta[i]);
        }
    }
    for (std::size_t i = 0; has_texts_ && i < width(); ++i) {
        if (keeps_text(job_.kinds[i]) && delta[i].present()) {
            const std::string_view text = of_delta->text(delta[i]);
            if (texts_.merge(job_.kinds[i], slots_of(key)[i], text)) {
                filling_.bytes += KeyCharge::of_text(text);
            }
        }
    }
    if (sets_.any()) {
        filling_.bytes += sets_.add({.key = key,
                                     .slots = slots_of(key),
                                     .merged = merged_,
                                     .panes = panes_ ? &*panes_ : nullptr,
                                     .state_key = state_key},
                                    delta, sets, multisets, filling_.sets);
    }
    return {};
}

// ---- windows that end --------------------------------------------------------------------------

// Of what the map loop has accepted none is of a closed window (docs/adr/0057 has the proof), so
// the log is not what it was, or there is a bug. Of sessions it is asked of the pane of the change:
// who remembers a session that is closed? A pane that still is open touches none.
Result<void> TotalsState::check_open(std::string_view state_key, std::span<const Slot> delta) {
    const bool is_ours = sessions_ ? is_session(state_key, delta)
                                   : decode_state_key(state_key, job_.key_shape(), group_) &&
                                         may_be_window(*group_.window_start);
    if (!is_ours) {
        return broken("a state key that this job cannot have made");
    }
    const std::int64_t end = panes_ ? panes_->first_end(*group_.window_start) : end_of(state_key);
    if (clock_ != kNoTime && end + grace_ <= clock_ &&
        !planted(PlantedBug::closed_window_reopened)) {
        std::string key;
        append_result_key(key, group_);
        return broken(fmt::format("a change of {}, whose window is closed", key));
    }
    return {};
}

std::int64_t TotalsState::end_of(std::string_view state_key) {
    const std::int64_t start = window_start_of(state_key);
    if (start != last_window_.start || last_window_.start == last_window_.end) {
        last_window_ = windows_->pane(start);
    }
    return last_window_.end;
}

// What can be taken out again.
void TotalsState::add_to_merged(std::span<const Slot> delta) {
    for (std::size_t i = 0; i < width(); ++i) {
        if (retracted_[i] && delta[i].present()) {
            merge_slot(job_.kinds[i], merged_[i], delta[i]);
        }
    }
}

void TotalsState::close(std::uint64_t& keys, std::size_t& bytes) {
    if (!windows_) {
        return;
    }
    clock_ = std::max(clock_, watermark());
    if (clock_ == kNoTime) {
        return;
    }
    const std::int64_t ended = planted(PlantedBug::close_too_early) ? clock_ : clock_ - grace_;
    if (panes_) {
        close_windows(ended, keys, bytes);
        return;
    }
    const std::size_t charged = filling_.bytes;
    while (keys > 0 && filling_.bytes - charged < bytes) {
        const std::optional<EndCalendar::Ended> next = calendar_.take(ended);
        if (!next) {
            break;
        }
        // What an aborted step has left behind: its key is another one by now, or none.
        if (next->key >= keys_.size() || (marks_[next->key] & (kClosing | kGone)) != 0 ||
            closes_at(next->key) < next->end) {
            continue;
        }
        // A session that has gone on since.
        if (const std::int64_t end = closes_at(next->key); end > next->end) {
            calendar_.file(end, next->key);
            continue;
        }
        if ((marks_[next->key] & kTouched) == 0) {
            remember(next->key);
        }
        marks_[next->key] |= kClosing;
        filling_.closing.push_back(next->key);
        if (sessions_) {
            const std::string_view state_key = keys_.key(next->key);
            sessions_->take(group_part_of(state_key), window_start_of(state_key));
        }
        --keys;
    }
    bytes -= std::min(bytes, filling_.bytes - charged);
    to_close_ = calendar_.count(clock_ - grace_);
}

// What the key's total adds to goes over to those that were closed.
void TotalsState::retire(std::uint32_t key) {
    for (std::size_t i = 0; i < width(); ++i) {
        const Slot& slot = slots_of(key)[i];
        if (retracted_[i] && slot.present()) {
            take_total_out(job_.kinds[i], merged_[i], slot);
            if (!planted(PlantedBug::retired_forgotten)) {
                merge_total(job_.kinds[i], retired_[i], slot);
            }
        }
    }
    if (sets_.any()) {
        sets_.close(key, slots_of(key), filling_.sets);
    }
}

// Keys that have gone keep their place until they are more than the others: then all that is by
// index is moved together, in its order. So new keys still have the highest indexes, and a layer
// can still be taken back by truncating.
void TotalsState::compact_if_worth_it() {
    if (gone_ >= job_.least_gone_keys && gone_ > keys_.size() / 2) {
        compact();
    }
}

// Precondition: no step is in flight.
void TotalsState::compact() {
    std::vector<bool> stays(keys_.size());
    std::vector<std::uint32_t> place(keys_.size() + 1);  // of each key; and how many stay
    std::uint32_t kept = 0;
    for (std::uint32_t key = 0; key < keys_.size(); ++key) {
        place[key] = kept;
        stays[key] = !is_gone(key);
        if (!stays[key]) {
            continue;
        }
        if (kept != key) {
            std::ranges::copy(slots_of(key), slots_of(kept).begin());
            marks_[kept] = marks_[key];
            if (has_having_) {
                published_[kept] = published_[key];
            }
        }
        ++kept;
    }
    place[keys_.size()] = kept;
    for (std::vector<std::uint32_t>* const keys : {&filling_.touched, &filling_.closing}) {
        for (std::uint32_t& key : *keys) {
            key = place[key];
        }
    }
    if (sessions_) {
        sessions_->renumber(place);
    }
    sets_.keep(stays, place, filling_.sets);
    filling_.keys_before = place[filling_.keys_before];
    filling_.again_before = place[filling_.again_before];
    again_next_ = place[again_next_];
    again_end_ = place[again_end_];
    keys_.keep(stays);
    slots_.resize(kept * width());
    slots_.shrink_to_fit();
    marks_.resize(kept);
    if (has_having_) {
        published_.resize(kept);
    }
    gone_ = 0;
    if (panes_) {
        index_panes();
        return;
    }
    calendar_.clear();
    for (std::uint32_t key = 0; key < kept; ++key) {
        calendar_.file(closes_at(key), key);
    }
}

// ---- steps -------------------------------------------------------------------------------------

void TotalsState::begin_layer(Layer& layer) const {
    layer.touched.clear();
    layer.before.clear();
    layer.published_before.clear();
    sets_.begin(layer.sets);
    layer.bytes = 0;
    layer.keys_before = keys_.size();
    layer.again_before = again_next_;
    layer.texts_before = texts_.size();
    layer.open = true;
    sources_.begin(layer.sources);
    layer.merged_before = merged_;
    layer.hash_before = hash_;
    layer.transaction_before = transaction_;
    layer.closing.clear();
    layer.clock_before = clock_;
    layer.to_close_before = to_close_;
    layer.retired_before = retired_;
    if (panes_) {
        panes_->begin(layer.panes);
    }
}

Meta TotalsState::meta(Offset position) const {
    Meta meta;
    meta.identity = job_.identity;
    meta.spec_text = job_.spec_text;
    meta.run_id = job_.run_id;
    meta.transaction = transaction_;
    meta.repartition_position = position;
    sources_.put_into(meta);
    meta.keys = keys();
    meta.slots = merged_;
    meta.state_hash = hash_;
    meta.last_number = sets_.last_number();
    if (windows_) {
        meta.clock = clock_;
        meta.to_close = to_close_;
        meta.retired = retired_;
        meta.to_sweep = planted(PlantedBug::to_sweep_forgotten) ? 0 : sets_.to_sweep();
    }
    if (panes_) {
        meta.cursor = panes_->cursor();
    }
    return meta;
}

// One of the keys that the filling step has touched: its total, and what the results are to say.
void TotalsState::seal_key(std::size_t touched, const Headers& headers, OutputBatch& out) {
    const std::uint32_t index = filling_.touched[touched];
    marks_[index] &= static_cast<std::uint8_t>(~kTouched);
    const bool closes = (marks_[index] & kClosing) != 0;
    const std::string_view state_key = keys_.key(index);
    const std::span<const Slot> slots = slots_of(index);
    const bool is_old = index < filling_.keys_before;
    if (is_old) {
        const auto before = std::span{filling_.before}.subspan(touched * width(), width());
        hash_ -= state_entry_hash(state_key, job_.kinds, before, texts(), published(index),
                                  sets_.number_before(filling_.sets, touched));
    }
    KSTREAM_CHECK(decode_state_key(state_key, job_.key_shape(), group_),
                  "state keys were checked when they came in");
    if ((marks_[index] & kAbsorbed) != 0) {
        seal_absorbed(index, is_old, headers, out);
        return;
    }
    const bool shows = !panes_ && (!final_only_ || closes);
    result_.clear();
    const bool passes = shows && results_->append(result_, group_, slots, texts_, values_of(index));
    // Whoever reads results never sees a tombstone of a key that they did not have.
    bool takes_back = false;
    if (has_having_ && shows) {
        takes_back = !passes && published_[index] != 0;
        published_[index] = passes ? 1 : 0;
    }
    if (closes) {
        retire(index);
    } else {
        hash_ += state_entry_hash(state_key, job_.kinds, slots, texts(), published(index),
                                  sets_.number(index));
    }
    seal_total(index, is_old, out);
    if (!passes && (!takes_back || planted(PlantedBug::stopped_group_stays))) {
        return;
    }
    publish(passes ? std::optional<std::string_view>{result_} : std::nullopt,
            closes ? headers.of_finals : headers.of_changes, out);
}

// What the results are to say of group_ from now on; none: a tombstone.
void TotalsState::publish(std::optional<std::string_view> value, std::uint32_t headers,
                          OutputBatch& out) {
    key_.clear();
    append_partition_key(key_, group_);
    const PartitionId to{
        partition_for_key(key_, static_cast<int>(job_.identity.results_partitions))};
    if (group_.window_start) {
        key_.clear();
        append_result_key(key_, group_);
    }
    out.append(TopicRole::results, to, key_, value, headers);
}

// In the changelog: a tombstone when its window closes, nothing at all where that is the step in
// which it came.
void TotalsState::seal_total(std::uint32_t key, bool is_old, OutputBatch& out) {
    const bool closes = (marks_[key] & kClosing) != 0;
    if (is_old && !closes && planted(PlantedBug::old_keys_not_in_changelog)) {
        return;
    }
    key_.clear();
    append_total_key(key_, keys_.key(key));
    if (closes) {
        if (is_old && !planted(PlantedBug::closed_total_stays)) {
            out.append(TopicRole::changelog, partition_, key_, std::nullopt);
        }
        return;
    }
    value_.clear();
    append_total_value(value_, transaction_, job_.kinds, slots_of(key), texts(), published(key),
                       sets_.number(key));
    out.append(TopicRole::changelog, partition_, key_, value_);
}

TotalsState::Headers TotalsState::add_headers(OutputBatch& out) const {
    OutputBatch::Headers of_results{
        {std::string{kTransactionHeader}, fmt::format("{}", transaction_)},
        {std::string{kRunIdHeader}, fmt::format("{:016x}", job_.run_id)}};
    if (!job_.application_id.empty()) {
        of_results.emplace_back(kApplicationHeader, job_.application_id);
    }
    Headers headers;
    if (!filling_.closing.empty() || !filling_.panes.closed.empty()) {
        OutputBatch::Headers of_finals = of_results;
        of_finals.emplace_back(kFinalHeader, "true");
        headers.of_finals = out.add_headers(std::move(of_finals));
    }
    headers.of_changes = out.add_headers(std::move(of_results));
    return headers;
}

void TotalsState::seal(Offset position, OutputBatch& out) {
    ++transaction_;
    const Headers headers = add_headers(out);
    for (std::size_t i = 0; i < filling_.touched.size(); ++i) {
        seal_key(i, headers, out);
    }
    if (panes_) {
        seal_windows(headers, out);
    }
    hash_ += sets_.seal(transaction_, filling_.sets, out);
    sources_.seal(transaction_, filling_.sources, out);
    // P9: meta comes last, so that whoever sees it has seen all of its transaction.
    value_.clear();
    append_meta_value(value_, job_.form(), meta(position));
    if (!planted(PlantedBug::meta_not_written)) {
        out.append(TopicRole::changelog, partition_, meta_key(), value_);
    }

    in_flight_ = std::move(filling_);
    filling_ = Layer{};
    if (mostly_garbage()) {
        leave_garbage();
    }
    begin_layer(filling_);
}

std::size_t TotalsState::committed() {
    for (TotalsSets::WentOver& set : in_flight_.sets.went_over) {
        set.state_key = keys_.key(set.key);
    }
    sets_.committed(in_flight_.sets);
    std::size_t closed = panes_ ? in_flight_.panes.closed.size() : 0;
    if (sets_.any()) {
        for (const TotalsPanes::Place& window : in_flight_.panes.closed) {
            sets_.forget_window(panes_->group_part(window), window.start);
        }
    }
    for (const std::uint32_t key : in_flight_.closing) {
        closed += !panes_ && (marks_[key] & kAbsorbed) == 0 ? 1U : 0U;
        marks_[key] = kGone;
        if (panes_) {
            panes_->remove(key);
        }
    }
    gone_ += static_cast<std::uint32_t>(in_flight_.closing.size());
    sources_.committed();
    in_flight_ = Layer{};
    compact_if_worth_it();
    return closed;
}

void TotalsState::undo(Layer& layer) {
    if (panes_) {
        panes_->undo(layer.panes, layer.keys_before);
    } else if (sessions_) {
        take_out_sessions(layer);
    } else if (!planted(PlantedBug::closing_not_undone)) {
        for (const std::uint32_t key : layer.closing) {
            calendar_.file(end_of(keys_.key(key)), key);
        }
    }
    for (std::size_t i = layer.touched.size(); i-- > 0;) {
        const std::uint32_t key = layer.touched[i];
        std::ranges::copy(std::span{layer.before}.subspan(i * width(), width()),
                          slots_of(key).begin());
        marks_[key] = 0;
        if (has_having_ && !planted(PlantedBug::having_flag_not_undone)) {
            published_[key] = layer.published_before[i];
        }
    }
    if (sessions_) {
        put_back_sessions(layer);
    }
    keys_.truncate(layer.keys_before);
    slots_.resize(layer.keys_before * width());
    marks_.resize(layer.keys_before);
    if (has_having_) {
        published_.resize(layer.keys_before);
    }
    sets_.undo(layer.sets, layer.touched, layer.keys_before);
    again_next_ = layer.again_before;
    texts_.truncate(layer.texts_before);
    sources_.undo(layer.sources);
    merged_ = layer.merged_before;
    hash_ = layer.hash_before;
    transaction_ = layer.transaction_before;
    clock_ = layer.clock_before;
    to_close_ = layer.to_close_before;
    retired_ = layer.retired_before;
}

void TotalsState::undo_filling() {
    undo(filling_);
    begin_layer(filling_);
}

void TotalsState::undo_in_flight() {
    KSTREAM_CHECK(filling_.touched.empty(), "the filling step is taken back first");
    undo(in_flight_);
    in_flight_ = Layer{};
    begin_layer(filling_);
}

// ---- texts -------------------------------------------------------------------------------------

// Half of the texts at least have come since there was no garbage. Those who replace a text again
// and again pay for the copy; it costs no more than their texts have.
bool TotalsState::mostly_garbage() const {
    constexpr std::size_t kWorthIt = std::size_t{1} << 20;
    return texts_.size() > 2 * texts_kept_ + kWorthIt;
}

// Copies the texts that slots have, and what the layer in flight would put back. Nothing is
// filling. What stood before that layer comes first: where it ends is what undoing the layer
// truncates to.
void TotalsState::leave_garbage() {
    if (!has_texts_) {
        return;
    }
    TextStore kept;
    const auto copy_row = [&](std::span<Slot> row) {
        for (std::size_t i = 0; i < width(); ++i) {
            if (keeps_text(job_.kinds[i])) {
                row[i] = kept.copy_of(texts_, row[i]);
            }
        }
    };
    std::vector<bool> changed(keys_.size());
    for (const std::uint32_t key : in_flight_.touched) {
        changed[key] = true;
    }
    for (std::uint32_t key = 0; key < keys_.size(); ++key) {
        if (!changed[key] && !is_gone(key)) {
            copy_row(slots_of(key));
        }
    }
    for (std::size_t i = 0; i < in_flight_.touched.size(); ++i) {
        copy_row(std::span{in_flight_.before}.subspan(i * width(), width()));
    }
    in_flight_.texts_before = kept.size();
    for (const std::uint32_t key : in_flight_.touched) {
        copy_row(slots_of(key));
    }
    texts_ = std::move(kept);
    texts_kept_ = texts_.size();
}

// ---- looking -----------------------------------------------------------------------------------

std::uint32_t TotalsState::committed_keys() const {
    return in_flight_.open ? in_flight_.keys_before : filling_.keys_before;
}

std::uint32_t TotalsState::find_committed(std::string_view state_key) const {
    const std::uint32_t index = keys_.find(state_key);
    return index < committed_keys() && !is_gone(index) ? index : KeyTable::kNone;
}

std::vector<std::span<const Slot>> TotalsState::committed_slots(
    std::span<const std::uint32_t> ascending) const {
    std::vector<std::span<const Slot>> slots;
    slots.reserve(ascending.size());
    for (const std::uint32_t index : ascending) {
        KSTREAM_CHECK(index < committed_keys(), "only what is committed is shown");
        slots.push_back(std::span{slots_}.subspan(index * width(), width()));
    }
    if (ascending.empty()) {
        return slots;
    }
    // What a layer found is what stood before it; the older layer comes last and wins.
    for (const Layer* layer : {&filling_, &in_flight_}) {
        for (std::size_t i = 0; i < layer->touched.size(); ++i) {
            const std::uint32_t key = layer->touched[i];
            if (key < ascending.front() || key > ascending.back()) {
                continue;
            }
            const auto at = std::ranges::lower_bound(ascending, key);
            if (*at == key) {
                slots[static_cast<std::size_t>(at - ascending.begin())] =
                    std::span{layer->before}.subspan(i * width(), width());
            }
        }
    }
    return slots;
}

std::size_t TotalsState::memory_bytes() const {
    return (panes_ ? panes_->memory_bytes() : 0) + (sessions_ ? sessions_->memory_bytes() : 0) +
           keys_.memory_bytes() + calendar_.memory_bytes() + slots_.capacity() * sizeof(Slot) +
           marks_.capacity() + published_.capacity() + texts_.memory_bytes() +
           sources_.memory_bytes() + sets_.memory_bytes() + filling_.sets.memory_bytes() +
           in_flight_.sets.memory_bytes() + filling_.published_before.capacity() +
           in_flight_.published_before.capacity() +
           (filling_.before.capacity() + in_flight_.before.capacity()) * sizeof(Slot) +
           (filling_.touched.capacity() + in_flight_.touched.capacity()) * sizeof(std::uint32_t);
}

}  // namespace kstream
