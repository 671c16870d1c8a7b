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
      merged_(job.kinds.size()) {
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
            __builtin_prefetch(&touched_[index]);
        }
    }
}

// Of a key that was just put in.
inline void TotalsState::add_marks() {
    make_room(touched_, 1);
    touched_.push_back(0);
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
        Result<Meta> meta = decode_meta_value(value, job_.kinds);
        if (!meta) {
            return std::unexpected(std::move(meta.error()));
        }
        restored_meta_ = std::move(*meta);
        return {};
    }
    if (*kind == ChangelogKeyKind::element) {
        return sets_.restore(key, value);
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

Result<void> TotalsState::finish_restore() {
    if (!restored_meta_) {
        if (keys_.size() != 0) {
            return broken("the changelog has totals but no meta record");
        }
        return {};
    }
    const Meta& meta = *restored_meta_;
    leave_garbage();
    for (std::uint32_t key = 0; key < keys_.size(); ++key) {
        hash_ += state_entry_hash(keys_.key(key), job_.kinds, slots_of(key), texts(),
                                  published(key), sets_.number(key));
        for (std::size_t i = 0; i < width(); ++i) {
            merge_total(job_.kinds[i], merged_[i], slots_of(key)[i]);
        }
    }
    if (sets_.any()) {
        const Result<UInt128> elements = sets_.finish_restore(meta.last_number, slots_);
        if (!elements) {
            return std::unexpected(elements.error());
        }
        hash_ += *elements;
    }
    if (keys_.size() != meta.keys) {
        return broken(
            fmt::format("meta counts {} keys, the changelog has {}", meta.keys, keys_.size()));
    }
    if (merged_ != meta.slots || hash_ != meta.state_hash) {
        return broken("the restored totals do not have the sum or the hash that meta states");
    }
    sources_ = meta.sources;
    transaction_ = meta.transaction;
    begin_layer(filling_);
    return {};
}

// ---- changing ----------------------------------------------------------------------------------

const SourceProgress* TotalsState::find_source(PartitionId partition) const {
    const auto at = std::ranges::lower_bound(sources_, partition, {}, &SourceProgress::partition);
    return at != sources_.end() && at->partition == partition ? &*at : nullptr;
}

Result<TotalsState::Chain> TotalsState::check_chain(const BatchHeader& header,
                                                    std::string_view where) const {
    bool all_next = true;
    bool all_seen = true;
    std::string problem;
    for (const SourceRange& range : header.ranges) {
        const SourceProgress* source = find_source(range.partition);
        bool next = false;
        bool seen = false;
        if (header.kind == BatchKind::open) {
            next = source == nullptr;
            if (!next) {
                problem += fmt::format(
                    " source partition {} is opened at {} again, it is applied "
                    "up to {};",
                    range.partition.value, range.from.value, source->applied.value);
            }
        } else if (source == nullptr) {
            problem += fmt::format(" source partition {} was never opened, the batch has [{}, {});",
                                   range.partition.value, range.from.value, range.to.value);
        } else {
            next = range.from == source->applied || planted(PlantedBug::from_not_checked);
            seen = range.to <= source->applied;
            if (!next && !seen) {
                problem += fmt::format(
                    " source partition {} is applied up to {}, the batch has "
                    "[{}, {});",
                    range.partition.value, source->applied.value, range.from.value, range.to.value);
            }
        }
        all_next = all_next && next;
        all_seen = all_seen && seen;
    }
    if (all_next) {
        return Chain::next;
    }
    if (all_seen) {
        return Chain::duplicate;
    }
    return broken(fmt::format("the chain of source ranges is broken at {}:{}", where,
                              problem.empty() ? " some ranges are new, others are not" : problem));
}

void TotalsState::apply_ranges(const BatchHeader& header) {
    for (const SourceRange& range : header.ranges) {
        auto at =
            std::ranges::lower_bound(sources_, range.partition, {}, &SourceProgress::partition);
        if (header.kind == BatchKind::open) {
            SourceProgress opened;
            opened.partition = range.partition;
            opened.base = opened.applied = range.from;
            opened.slots.resize(width());
            sources_.insert(at, std::move(opened));
            continue;
        }
        at->applied = range.to;
        at->counts += range.counts;
        at->max_event_time_ms = std::max(at->max_event_time_ms, range.max_event_time_ms);
        for (std::size_t i = 0; i < width(); ++i) {
            merge_slot(job_.kinds[i], at->slots[i], range.slots[i]);
        }
    }
}

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
    if (!decode_state_key(state_key, job_.spec.group_by.size(), group_)) {
        return broken("a state key that this job cannot have made");
    }
    return {};
}

// The key's place, after its slots were saved for the case that the layer is taken back.
KeyTable::Found TotalsState::touch(std::string_view state_key) {
    const KeyTable::Found found = keys_.find_or_insert(state_key);
    if (found.inserted) {
        make_room(slots_, width());
        slots_.resize(slots_.size() + width());
        add_marks();
    }
    if (touched_[found.index] == 0) {
        remember(found.index);
    }
    return found;
}

// Saves what a key has before the filling step's first change of it.
void TotalsState::remember(std::uint32_t key) {
    touched_[key] = 1;
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
        if (touched_[again_next_] == 0) {
            remember(again_next_);
        }
        ++again_next_;
    }
}

Result<void> TotalsState::apply_delta(std::string_view state_key, std::span<const Slot> delta,
                                      const TextStore* of_delta,
                                      std::span<const std::span<const Element>> sets,
                                      std::span<const std::span<const CountedValue>> multisets) {
    const auto [key, inserted] = touch(state_key);
    if (inserted) {
        if (Result<void> known = check_new(state_key); !known) {
            return known;
        }
    }
    for (std::size_t i = 0; i < width(); ++i) {
        merge_slot(job_.kinds[i], slots_of(key)[i], delta[i]);
        merge_slot(job_.kinds[i], merged_[i], delta[i]);
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
        filling_.bytes += sets_.add({.key = key, .slots = slots_of(key), .merged = merged_}, delta,
                                    sets, multisets, filling_.sets);
    }
    return {};
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
    layer.sources_before = sources_;
    layer.merged_before = merged_;
    layer.hash_before = hash_;
    layer.transaction_before = transaction_;
}

Meta TotalsState::meta(Offset position) const {
    Meta meta;
    meta.identity = job_.identity;
    meta.spec_text = job_.spec_text;
    meta.run_id = job_.run_id;
    meta.transaction = transaction_;
    meta.repartition_position = position;
    meta.sources = sources_;
    meta.keys = keys_.size();
    meta.slots = merged_;
    meta.state_hash = hash_;
    meta.last_number = sets_.last_number();
    return meta;
}

// One of the keys that the filling step has touched: its total, and what the results are to say.
void TotalsState::seal_key(std::size_t touched, std::uint32_t headers, OutputBatch& out) {
    const std::uint32_t index = filling_.touched[touched];
    touched_[index] = 0;
    const std::string_view state_key = keys_.key(index);
    const std::span<const Slot> slots = slots_of(index);
    const bool is_old = index < filling_.keys_before;
    if (is_old) {
        const auto before = std::span{filling_.before}.subspan(touched * width(), width());
        hash_ -= state_entry_hash(state_key, job_.kinds, before, texts(), published(index),
                                  sets_.number_before(filling_.sets, touched));
    }
    KSTREAM_CHECK(decode_state_key(state_key, job_.spec.group_by.size(), group_),
                  "state keys were checked when they came in");
    result_.clear();
    const bool passes = results_->append(result_, group_, slots, texts_, values_of(index));
    // Whoever reads results never sees a tombstone of a key that they did not have.
    bool takes_back = false;
    if (has_having_) {
        takes_back = !passes && published_[index] != 0;
        published_[index] = passes ? 1 : 0;
    }
    hash_ += state_entry_hash(state_key, job_.kinds, slots, texts(), published(index),
                              sets_.number(index));

    key_.clear();
    value_.clear();
    append_total_key(key_, state_key);
    append_total_value(value_, transaction_, job_.kinds, slots, texts(), published(index),
                       sets_.number(index));
    if (!is_old || !planted(PlantedBug::old_keys_not_in_changelog)) {
        out.append(TopicRole::changelog, partition_, key_, value_);
    }
    if (!passes && (!takes_back || planted(PlantedBug::stopped_group_stays))) {
        return;
    }
    key_.clear();
    append_result_key(key_, group_);
    out.append(TopicRole::results,
               partition_for_key(key_, static_cast<int>(job_.identity.results_partitions)), key_,
               passes ? std::optional<std::string_view>{result_} : std::nullopt, headers);
}

void TotalsState::seal(Offset position, OutputBatch& out) {
    ++transaction_;
    OutputBatch::Headers of_results{
        {std::string{kTransactionHeader}, fmt::format("{}", transaction_)},
        {std::string{kRunIdHeader}, fmt::format("{:016x}", job_.run_id)}};
    if (!job_.application_id.empty()) {
        of_results.emplace_back(kApplicationHeader, job_.application_id);
    }
    const std::uint32_t headers = out.add_headers(std::move(of_results));
    for (std::size_t i = 0; i < filling_.touched.size(); ++i) {
        seal_key(i, headers, out);
    }
    hash_ += sets_.seal(transaction_, filling_.sets, out);
    // P9: meta comes last, so that whoever sees it has seen all of its transaction.
    value_.clear();
    append_meta_value(value_, job_.kinds, meta(position));
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
        if (!changed[key]) {
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

void TotalsState::committed() {
    sets_.committed(in_flight_.sets);
    in_flight_ = Layer{};
}

void TotalsState::undo(Layer& layer) {
    for (std::size_t i = layer.touched.size(); i-- > 0;) {
        const std::uint32_t key = layer.touched[i];
        std::ranges::copy(std::span{layer.before}.subspan(i * width(), width()),
                          slots_of(key).begin());
        touched_[key] = 0;
        if (has_having_ && !planted(PlantedBug::having_flag_not_undone)) {
            published_[key] = layer.published_before[i];
        }
    }
    keys_.truncate(layer.keys_before);
    slots_.resize(layer.keys_before * width());
    touched_.resize(layer.keys_before);
    if (has_having_) {
        published_.resize(layer.keys_before);
    }
    sets_.undo(layer.sets, layer.touched, layer.keys_before);
    again_next_ = layer.again_before;
    texts_.truncate(layer.texts_before);
    sources_ = layer.sources_before;
    merged_ = layer.merged_before;
    hash_ = layer.hash_before;
    transaction_ = layer.transaction_before;
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

// ---- looking -----------------------------------------------------------------------------------

std::uint32_t TotalsState::committed_keys() const {
    return in_flight_.open ? in_flight_.keys_before : filling_.keys_before;
}

std::uint32_t TotalsState::find_committed(std::string_view state_key) const {
    const std::uint32_t index = keys_.find(state_key);
    return index < committed_keys() ? index : KeyTable::kNone;
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
    return keys_.memory_bytes() + slots_.capacity() * sizeof(Slot) + touched_.capacity() +
           published_.capacity() + texts_.memory_bytes() + sets_.memory_bytes() +
           filling_.sets.memory_bytes() + in_flight_.sets.memory_bytes() +
           filling_.published_before.capacity() + in_flight_.published_before.capacity() +
           (filling_.before.capacity() + in_flight_.before.capacity()) * sizeof(Slot) +
           (filling_.touched.capacity() + in_flight_.touched.capacity()) * sizeof(std::uint32_t);
}

}  // namespace kstream
