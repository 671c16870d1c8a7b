#include "kstream/pipeline/map_fold.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/element.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/pipeline/bad_record.hpp"
#include "kstream/pipeline/time_unit.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace kstream {

namespace {

// A time is the number of its milliseconds. `text` holds what of it the input does not.
GroupValue value_of(const StatementInput& input, int scale, std::string& text) {
    text.clear();
    switch (input.kind) {
        case StatementInput::Kind::number:
            append_decimal(text, Decimal{input.units}, scale, 0);
            return {GroupValueType::number, text};
        case StatementInput::Kind::timestamp:
            append_decimal(text, Decimal{input.units}, 0, 0);
            return {GroupValueType::number, text};
        case StatementInput::Kind::boolean:
            return {GroupValueType::boolean, input.units != 0 ? "true" : "false"};
        case StatementInput::Kind::text:
            return {GroupValueType::string, input.text};
        case StatementInput::Kind::skip:
        case StatementInput::Kind::present:
            break;
    }
    KSTREAM_CHECK(false, "what a set takes has a value");
    return {};
}

}  // namespace

MapFold::MapFold(const Job& job, MapFoldConfig config, Log& log, MapFoldPorts ports)
    : job_(job),
      config_(config),
      ports_(ports),
      reader_(reader_of(job)),
      writer_(job.form()),
      charge_(job.spec),
      shape_(job.key_shape()),
      keys_(job.hash_seed, job.cells_in_cache),
      windows_(job.windows()),
      has_texts_(std::ranges::any_of(job.kinds, keeps_text)),
      sets_(sets_of(job.kinds)),
      multisets_(multisets_of(job.kinds)),
      elements_(job.hash_seed),
      values_(job.hash_seed),
      lists_(sets_.size()),
      value_lists_(multisets_.size()),
      no_slots_(job.kinds.size()),
      clocks_(job),
      set_aside_(job, config, *reader_, log, ports) {
    if (windows_) {
        grace_ = job.event_time()->grace;
        counters_.late_by_seconds.emplace();
    }
    if (shape_.sessions) {
        step_sessions_.emplace(job.hash_seed, job.cells_in_cache, job.event_time()->window.size);
    }
    if (job.has_unique()) {
        unique_ids_.emplace(job);
    }
}

MapFold::Filling& MapFold::filling(PartitionId partition) {
    const auto index = static_cast<std::size_t>(partition.value);
    while (filling_.size() <= index) {
        filling_.push_back(Filling{{}, -1, std::vector<Slot>(job_.kinds.size())});
    }
    return filling_[index];
}

Result<void> MapFold::fold(RecordBatch records) {
    Result<void> done = job_.event_time() != nullptr ? fold_all<Kind::event_time>(records)
                        : job_.statement != nullptr  ? fold_all<Kind::statement>(records)
                                                     : fold_all<Kind::flags>(records);
    Result<void> reported = set_aside_.tell_tally(counters_, times_);
    return done ? reported : done;
}

template <MapFold::Kind kKind>
Result<void> MapFold::fold_all(RecordBatch records) {
    KSTREAM_CHECK(waiting_.empty(), "a record waits no longer than its batch is there");
    Filling* current = nullptr;
    PartitionId of;
    // One for all: with -ftrivial-auto-var-init each record would clear one of its own.
    Result<void> done;
    for (const RecordView& record : records) {
        if (current == nullptr || record.partition != of) {
            of = record.partition;
            current = &filling(of);
        }
        done = fold_one<kKind>(record, *current);
        if (!done) {
            return done;
        }
    }
    add_waiting();
    return {};
}

template <MapFold::Kind kKind>
Result<void> MapFold::fold_one(const RecordView& record, Filling& into) {
    ++into.counts.read;
    ++counters_.records_read;
    counters_.bytes_read += std::uint64_t{record.key_size} + record.value_size;
    if (record.timestamp_ms >= 0 && (into.oldest_ms < 0 || record.timestamp_ms < into.oldest_ms)) {
        into.oldest_ms = record.timestamp_ms;
    }
    if (record.is_tombstone()) {
        ++into.counts.tombstones;
        ++counters_.tombstones;
        return {};
    }
    if constexpr (kKind != Kind::flags) {
        if (reader_->wants_headers()) {
            if (Result<void> read = read_headers(record); !read) {
                return read;
            }
        }
    }
    const RecordVerdict verdict = reader_->read(record);
    [[maybe_unused]] std::int64_t watermark = kNoTime;
    if constexpr (kKind == Kind::event_time) {
        watermark = clocks_.move(record.partition, reader_->event_time());
        look_at_unit(record, verdict);
        if (unique_ids_ && is_duplicate(record, verdict, watermark)) {
            ++into.counts.duplicates;
            ++counters_.duplicates;
            return {};
        }
    }
    if (!verdict.ok) {
        if (kKind != Kind::flags && verdict.filtered) {
            ++into.counts.filtered;
            ++counters_.filtered;
            return {};
        }
        return set_aside_.bad_record(record, verdict, into.counts, counters_);
    }
    if constexpr (kKind == Kind::event_time) {
        if (windows_) {
            return fold_windowed(record, watermark, into);
        }
    }
    const GroupKey& group = reader_->group();
    if (group.values.size() == 1) {
        const GroupValue& only = group.values.front();
        const std::uint32_t key = recent_.find(static_cast<std::uint8_t>(only.type), only.text);
        if (key != KeyTable::kNone) [[likely]] {
            add_read<kKind>(key, into);
            return {};
        }
    }
    encode_state_key(group, key_buffer_);
    add_encoded<kKind>(record, into);
    return {};
}

// The decoded record, whose state key is in key_buffer_: with others of its kind, where the table
// is too large for the caches.
template <MapFold::Kind kKind>
void MapFold::add_encoded(const RecordView& record, Filling& into) {
    if (!looks_up_together()) {
        add_read<kKind>(row_of(key_buffer_, KeyTable::kNone), into);
        return;
    }
    let_wait<kKind>(record);
    if (waiting_.size() == KeyTable::kTogether) {
        add_waiting();
    }
}

// A good record of a job with windows. `watermark` is that of its partition before it: by its own
// time a record would never be in time.
Result<void> MapFold::fold_windowed(const RecordView& record, std::int64_t watermark,
                                    Filling& into) {
    const std::optional<std::int64_t> time = reader_->event_time();
    KSTREAM_CHECK(time.has_value(), "a good record has a time");
    if (*time < pane_.start || *time >= pane_.end) {
        pane_ = windows_->pane(*time);
    }
    const std::int64_t ends = planted(PlantedBug::pane_late_in_part) ? *time + 1 : pane_.end;
    std::int64_t until = ends + grace_;
    if (shape_.sessions && planted(PlantedBug::session_late_by_end)) {
        until += job_.event_time()->window.size;
    }
    if (planted(PlantedBug::late_at_less) ? until < watermark : until <= watermark) {
        return set_aside_.late_record(record, watermark, pane_, into.counts, counters_);
    }
    if (shape_.sessions) {
        return fold_session(record, *time, into);
    }
    const GroupKey& group = reader_->group();
    if (group.values.size() == 1) {
        const GroupValue& only = group.values.front();
        const std::uint32_t key =
            recent_windows_.find(static_cast<std::uint8_t>(only.type), only.text, pane_.start);
        if (key != KeyTable::kNone) [[likely]] {
            add_read<Kind::event_time>(key, into);
            return {};
        }
    }
    encode_state_key(group, pane_.start, key_buffer_);
    add_encoded<Kind::event_time>(record, into);
    return {};
}

Result<void> MapFold::fold_session(const RecordView& record, std::int64_t time, Filling& into) {
    const GroupKey& group = reader_->group();
    if (group.values.size() == 1) {
        const GroupValue& only = group.values.front();
        const std::uint32_t number = recent_.find(static_cast<std::uint8_t>(only.type), only.text);
        if (number != KeyTable::kNone) {
            const std::uint32_t row = step_sessions_->go_on(number, time);
            if (row != KeyTable::kNone) [[likely]] {
                add_read<Kind::event_time>(row, into);
                return {};
            }
        }
    }
    encode_session_key(group, time, key_buffer_);
    add_encoded<Kind::event_time>(record, into);
    return {};
}

// What the record that was read last says of the unit that its times are in.
void MapFold::look_at_unit(const RecordView& record, const RecordVerdict& verdict) {
    if (const std::optional<std::int64_t> time = reader_->event_time()) {
        ++times_.in_range;
        times_.like_seconds += looks_like_seconds(*time, record.timestamp_ms) ? 1U : 0U;
    } else if (verdict.reason == BadReason::time_range) {
        ++times_.out_of_range;
    }
}

// Also of a record that is bad or filtered, whose time counts. Late ones are duplicates as others
// are.
bool MapFold::is_duplicate(const RecordView& record, const RecordVerdict& verdict,
                           std::int64_t watermark) {
    if (planted(PlantedBug::duplicate_over_late) && verdict.ok && windows_ &&
        windows_->pane(*reader_->event_time()).end + grace_ <= watermark) {
        return false;
    }
    return unique_ids_->is_duplicate(record, *reader_, verdict);
}

Result<void> MapFold::read_headers(const RecordView& record) {
    Result<std::vector<HeaderView>> read = ports_.headers_of(record);
    if (!read) {
        return std::unexpected(std::move(read.error()));
    }
    header_views_ = std::move(*read);
    reader_->set_headers(header_views_);
    return {};
}

// The decoded record, whose state key is in key_buffer_.
template <MapFold::Kind kKind>
void MapFold::let_wait(const RecordView& record) {
    Waiting& waiting = waiting_.emplace_back();
    waiting.partition = record.partition;
    waiting.key_at = static_cast<std::uint32_t>(waiting_keys_.size());
    waiting.key_size = static_cast<std::uint32_t>(key_buffer_.size());
    waiting_keys_ += key_buffer_;
    if constexpr (kKind != Kind::flags) {
        const std::span<const StatementInput> inputs = reader_->statement_inputs();
        for (StatementInput input : inputs) {
            if (input.kind == StatementInput::Kind::text) {
                // The record, and what was made of it, are gone when it is added.
                char* const text = waiting_texts_.take(input.text.size());
                std::ranges::copy(input.text, text);
                input.text = {text, input.text.size()};
            }
            waiting_statement_inputs_.push_back(input);
        }
    } else {
        const std::span<const Decimal> inputs = reader_->inputs();
        waiting_inputs_.insert(waiting_inputs_.end(), inputs.begin(), inputs.end());
    }
}

void MapFold::add_waiting() {
    const std::size_t width = job_.kinds.size();
    std::array<std::string_view, KeyTable::kTogether> keys;
    const bool lost =
        planted(PlantedBug::waiting_records_lost) && waiting_.size() < KeyTable::kTogether;
    const std::size_t count = lost ? 0 : waiting_.size();
    for (std::size_t i = 0; i < count; ++i) {
        keys[i] = std::string_view{waiting_keys_}.substr(waiting_[i].key_at, waiting_[i].key_size);
    }
    std::array<std::uint32_t, KeyTable::kTogether> likely;
    prefetch_waiting(std::span{keys}.first(count), std::span{likely}.first(count));
    for (std::size_t i = 0; i < count; ++i) {
        Filling& into = filling(waiting_[i].partition);
        if (job_.statement != nullptr) {
            const std::size_t inputs = job_.statement->plan.inputs.size();
            add(row_of(keys[i], likely[i]),
                std::span{waiting_statement_inputs_}.subspan(i * inputs, inputs), into);
            continue;
        }
        add(row_of(keys[i], likely[i]),
            std::span<const Decimal>{waiting_inputs_}.subspan(i * width, width), into);
    }
    waiting_.clear();
    waiting_keys_.clear();
    waiting_inputs_.clear();
    waiting_statement_inputs_.clear();
    waiting_texts_.reset();
}

bool MapFold::looks_up_together() const {
    return step_sessions_ ? step_sessions_->outgrows_caches() : keys_.outgrows_caches();
}

// `likely` gets what is known of each key by its hash; of sessions, of its group.
void MapFold::prefetch_waiting(std::span<const std::string_view> keys,
                               std::span<std::uint32_t> likely) const {
    std::array<std::uint32_t, KeyTable::kTogether> of_groups;
    std::span<const std::uint32_t> rows = likely;
    if (step_sessions_) {
        std::array<std::string_view, KeyTable::kTogether> groups;
        std::ranges::transform(keys, groups.begin(), group_part_of);
        const std::span<std::uint32_t> found = std::span{of_groups}.first(keys.size());
        step_sessions_->prefetch(std::span{groups}.first(keys.size()), likely, found);
        rows = found;
    } else {
        keys_.prefetch(keys, likely);
    }
    for (const std::uint32_t row : rows) {
        if (row < keys_.size()) {
            prefetch_row(slots_, job_.kinds.size(), row);
        }
    }
}

// What the reader has just read.
template <MapFold::Kind kKind>
void MapFold::add_read(std::uint32_t key, Filling& into) {
    if constexpr (kKind != Kind::flags) {
        add(key, reader_->statement_inputs(), into);
    } else {
        add(key, reader_->inputs(), into);
    }
}

void MapFold::add(std::uint32_t key, std::span<const StatementInput> inputs, Filling& into) {
    const job::Plan& plan = job_.statement->plan;
    const std::size_t width = plan.accumulators.size();
    for (std::size_t i = 0; i < width; ++i) {
        const job::Accumulator& accumulator = plan.accumulators[i];
        const StatementInput& input = inputs[accumulator.input];
        if (input.kind == StatementInput::Kind::skip ||
            (accumulator.takes == job::Takes::when_true && input.units == 0)) {
            continue;
        }
        if (lies_beside(accumulator.kind)) {
            add_beside(key, i, input);
            continue;
        }
        add_input(accumulator.kind, slots_[key * width + i], Decimal{input.units});
        add_input(accumulator.kind, into.slots[i], Decimal{input.units});
    }
    insert_elements();
    ++into.counts.aggregated;
    ++counters_.records_aggregated;
}

// Ranges have neither: of all keys of a range nobody asks for the least text, or for a set.
void MapFold::add_beside(std::uint32_t key, std::size_t accumulator, const StatementInput& input) {
    const AggregateKind kind = job_.kinds[accumulator];
    if (keeps_text(kind)) {
        if (texts_.merge(kind, slots_[key * job_.kinds.size() + accumulator], input.text)) {
            step_bytes_ += KeyCharge::of_text(input.text);
        }
        return;
    }
    // How many different ones there are.
    Slot& slot = slots_[key * job_.kinds.size() + accumulator];
    if (is_over(slot)) {
        return;
    }
    const ElementOwner owner{key, static_cast<std::uint8_t>(accumulator)};
    if (kind == kMultiset) {
        if (values_.add(owner, input.units)) {
            step_bytes_ += KeyCharge::kElementBytes;
            slot = one_more(slot);
        }
        return;
    }
    record_elements_.push_back({owner, element_of_input(input)});
    elements_.prefetch(record_elements_.back());
}

// Aggregates with and without a FILTER take the same value, one after the other.
const Element& MapFold::element_of_input(const StatementInput& input) {
    const bool same = input.kind != StatementInput::Kind::text &&
                      input.kind == element_input_.kind && input.units == element_input_.units;
    if (!same) {
        element_ = element_of(value_of(input, job_.spec.scale, element_text_));
        element_input_.kind = input.kind;
        element_input_.units = input.units;
    }
    return element_;
}

// All of a record together: by then each has its place in the caches, or is on its way there.
void MapFold::insert_elements() {
    for (const OwnedElement& one : record_elements_) {
        if (elements_.insert(one)) {
            step_bytes_ += KeyCharge::kElementBytes;
            Slot& slot = slots_[one.owner.number() * job_.kinds.size() + one.owner.accumulator()];
            slot = one_more(slot);
        }
    }
    record_elements_.clear();
}

Slot MapFold::one_more(const Slot& slot) const {
    return slot.value().low == job_.spec.max_distinct ? kOverSlot
                                                      : Slot{slot.value() + Int192{1}, true};
}

// For each record: the aggregates are inlined, however many there are.
[[gnu::flatten]] void MapFold::add(std::uint32_t key, std::span<const Decimal> inputs,
                                   Filling& into) {
    const std::size_t width = job_.kinds.size();
    for (std::size_t i = 0; i < width; ++i) {
        Decimal input = inputs[i];
        if (planted(PlantedBug::sum_through_float)) {
            input.units = static_cast<Int128>(static_cast<float>(input.units));
        }
        add_input(job_.kinds[i], slots_[key * width + i], input);
        add_input(job_.kinds[i], into.slots[i], input);
    }
    ++into.counts.aggregated;
    ++counters_.records_aggregated;
}

// Where a record with this key is added. A step has one row for each key, and of sessions one for
// what they go on from.
// `likely` is what prefetch_waiting() said of it, or KeyTable::kNone.
std::uint32_t MapFold::row_of(std::string_view state_key, std::uint32_t likely) {
    return step_sessions_ ? session_row(state_key, likely) : key_of(state_key, likely);
}

std::uint32_t MapFold::session_row(std::string_view state_key, std::uint32_t likely_group) {
    const std::int64_t time = window_start_of(state_key);
    const std::string_view group_part = group_part_of(state_key);
    const KeyTable::Found group = step_sessions_->find_or_insert(group_part, likely_group);
    if (group.inserted) {
        step_bytes_ += StepSessions::charge_of(group_part);
    }
    std::uint32_t row = step_sessions_->go_on(group.index, time);
    if (row == KeyTable::kNone) {
        row = key_of(state_key, KeyTable::kNone);
        step_sessions_->begin(group.index, row, time);
    }
    if (job_.spec.group_by.size() == 1) {
        KSTREAM_CHECK(decode_state_key(state_key, shape_, group_), "it was encoded a moment ago");
        const GroupValue& only = group_.values.front();
        recent_.remember(static_cast<std::uint8_t>(only.type), only.text, group.index);
    }
    return row;
}

// The index of a key; a new one gets its slots.
std::uint32_t MapFold::key_of(std::string_view state_key, std::uint32_t likely) {
    const KeyTable::Found found = keys_.find_or_insert(state_key, likely);
    const std::size_t fields = job_.spec.group_by.size();
    if (found.inserted || (fields == 1 && !step_sessions_)) {  // who needs its values
        KSTREAM_CHECK(decode_state_key(state_key, shape_, group_), "it was encoded a moment ago");
    }
    if (found.inserted) {
        step_bytes_ += charge_.of(state_key);
        slots_.resize(slots_.size() + job_.kinds.size());
        // The key's partition is that of its result record, as Kafka's own clients hash it, so a
        // reader who looks for a key in the results finds all of it where it expects it.
        result_key_.clear();
        append_partition_key(result_key_, group_);
        if (planted(PlantedBug::partitioned_by_run)) {
            result_key_ += fmt::format("{}", job_.run_id);
        }
        key_to_.push_back(
            partition_for_key(result_key_, static_cast<int>(job_.identity.state_partitions)));
    }
    if (fields == 1 && !step_sessions_) {
        const GroupValue& only = group_.values.front();
        const auto type = static_cast<std::uint8_t>(only.type);
        if (group_.window_start) {
            recent_windows_.remember(type, only.text, found.index, *group_.window_start);
        } else {
            recent_.remember(type, only.text, found.index);
        }
    }
    return found.index;
}

bool MapFold::fills(std::size_t times) const {
    // By what is in use: capacity outlives a step.
    return step_bytes_ > times * config_.max_step_bytes || set_aside_.fills(times);
}

BatchHeader MapFold::header(BatchKind kind, const Step& step) const {
    BatchHeader header;
    header.kind = kind;
    header.run_id = job_.run_id;
    header.step = step_;
    header.identity = job_.identity;
    for (const StepRange& range : step.ranges) {
        SourceRange source;
        source.partition = range.partition;
        source.from = range.from;
        source.to = range.to;
        source.slots.resize(job_.kinds.size());
        const auto index = static_cast<std::size_t>(range.partition.value);
        if (kind == BatchKind::step && index < filling_.size()) {
            const Filling& filled = filling_[index];
            source.counts = filled.counts;
            source.slots = filled.slots;
            if (filled.oldest_ms >= 0 &&
                (header.oldest_timestamp_ms < 0 || filled.oldest_ms < header.oldest_timestamp_ms)) {
                header.oldest_timestamp_ms = filled.oldest_ms;
            }
        }
        clocks_.put_into(source, kind);
        KSTREAM_CHECK(source.counts.balanced(), "every record read is accounted for");
        header.ranges.push_back(std::move(source));
    }
    return header;
}

// P2: at least one batch record to every partition, so that each sees one unbroken chain of ranges.
Result<void> MapFold::seal(Step& step) {
    ++step_;
    counters_.idle_advances += clocks_.say_in(step.ranges);
    if (unique_ids_) {
        clocks_.mark_horizons(step.ranges, *unique_ids_);
    }
    const BatchHeader head = header(BatchKind::step, step);
    flight_oldest_ms_ = head.oldest_timestamp_ms;
    const auto over = [this](ElementOwner owner) {
        return is_over(slots_[owner.number() * job_.kinds.size() + owner.accumulator()]);
    };
    if (!sets_.empty()) {
        sorted_ = elements_.sorted();
        std::erase_if(sorted_, [&](const OwnedElement& one) { return over(one.owner); });
    }
    if (!multisets_.empty()) {
        sorted_values_ = values_.sort([&](ElementOwner owner) { return !over(owner); });
    }
    std::vector<std::vector<std::uint32_t>> by_partition(job_.identity.state_partitions);
    for (std::uint32_t key = 0; key < keys_.size(); ++key) {
        by_partition[static_cast<std::size_t>(key_to_[key].value)].push_back(key);
    }
    for (std::size_t q = 0; q < by_partition.size(); ++q) {
        if (by_partition[q].empty() && planted(PlantedBug::batch_only_where_deltas)) {
            continue;
        }
        write_batches(head, PartitionId{static_cast<std::int32_t>(q)}, by_partition[q],
                      step.outputs);
    }
    if (!planted(PlantedBug::dead_letters_lost)) {
        set_aside_.append_to(step.outputs);
    }
    clocks_.seal();
    if (unique_ids_) {
        unique_ids_->seal();
    }
    clear_filling();
    return {};
}

Result<void> MapFold::seal_open(Step& step) {
    ++step_;
    if (unique_ids_) {
        clocks_.open_horizons(step.ranges);
    }
    const BatchHeader head = header(BatchKind::open, step);
    flight_oldest_ms_ = -1;
    for (std::uint32_t q = 0; q < job_.identity.state_partitions; ++q) {
        write_batches(head, PartitionId{static_cast<std::int32_t>(q)}, {}, step.outputs);
    }
    return {};
}

std::size_t MapFold::max_delta_bytes(std::uint32_t key) const {
    const std::size_t width = job_.kinds.size();
    std::size_t bytes = DeltaBatchWriter::max_delta_bytes(keys_.key(key), width);
    for (std::size_t i = 0; has_texts_ && i < width; ++i) {
        const Slot& slot = slots_[key * width + i];
        if (keeps_text(job_.kinds[i]) && slot.present()) {
            bytes += texts_.text(slot).size();
        }
    }
    return bytes;
}

template <typename Use>
void MapFold::each_entry(std::span<const std::uint32_t> keys, Use use) const {
    const std::size_t most = std::max<std::size_t>(1, config_.max_batch_bytes / kMaxListedBytes);
    for (const std::uint32_t key : keys) {
        if (sets_.empty() && multisets_.empty()) {
            use(Entry{key, {}, {}, true});
            continue;
        }
        const auto all = std::ranges::equal_range(
            sorted_, key, {}, [](const OwnedElement& one) { return one.owner.number(); });
        const auto all_values = std::ranges::equal_range(
            sorted_values_, key, {},
            [](const ValueCounts::Cell& one) { return one.owner().number(); });
        std::span<const OwnedElement> left{all.begin(), all.end()};
        std::span<const ValueCounts::Cell> values{all_values.begin(), all_values.end()};
        bool first = true;
        do {
            const std::size_t some = std::min(most, left.size());
            const std::size_t some_values = std::min(most - some, values.size());
            use(Entry{key, left.first(some), values.first(some_values), first});
            left = left.subspan(some);
            values = values.subspan(some_values);
            first = false;
        } while (!left.empty() || !values.empty());
    }
}

std::size_t MapFold::max_entry_bytes(const Entry& entry) const {
    constexpr std::size_t kLength = 10;  // of a list
    return max_delta_bytes(entry.key) + (sets_.size() + multisets_.size()) * kLength +
           (entry.elements.size() + entry.values.size()) * kMaxListedBytes;
}

void MapFold::add_entry(const Entry& entry) {
    const std::size_t width = job_.kinds.size();
    // How many values a set has is said by its list; that there are too many, by its slot.
    const auto slots = entry.has_slots ? std::span{slots_}.subspan(entry.key * width, width)
                                       : std::span{no_slots_};
    if (sets_.empty() && multisets_.empty()) {
        writer_.add_delta(keys_.key(entry.key), slots, has_texts_ ? &texts_ : nullptr);
        return;
    }
    row_.assign(slots.begin(), slots.end());
    if (job_.has_sessions()) {
        row_.back() = slots_[(entry.key + 1) * width - 1];  // no session without its last time
    }
    for (std::size_t i = 0; i < width; ++i) {
        if (keeps_elements(job_.kinds[i]) && !is_over(row_[i])) {
            row_[i] = Slot{};
        }
    }
    for (std::size_t set = 0; set < sets_.size(); ++set) {
        lists_[set].clear();
        for (const OwnedElement& one : entry.elements) {
            if (one.owner.accumulator() == sets_[set]) {
                lists_[set].push_back(one.element);
            }
        }
    }
    for (std::size_t set = 0; set < multisets_.size(); ++set) {
        value_lists_[set].clear();
        for (const ValueCounts::Cell& one : entry.values) {
            if (one.owner().accumulator() == multisets_[set]) {
                value_lists_[set].push_back({one.value(), one.count()});
            }
        }
    }
    writer_.add_delta(keys_.key(entry.key), row_, has_texts_ ? &texts_ : nullptr, lists_,
                      value_lists_);
}

void MapFold::write_batches(BatchHeader head, PartitionId to, std::span<const std::uint32_t> keys,
                            OutputBatch& out) {
    // Where each chunk ends, by the same bound for all: the count of chunks stands in each header.
    std::vector<std::size_t> ends;
    std::size_t entries = 0;
    std::size_t bytes = 0;
    each_entry(keys, [&](const Entry& entry) {
        const std::size_t bound = max_entry_bytes(entry);
        if (bytes > 0 && bytes + bound > config_.max_batch_bytes) {
            ends.push_back(entries);
            bytes = 0;
        }
        bytes += bound;
        ++entries;
    });
    ends.push_back(entries);
    head.chunks = static_cast<std::uint32_t>(ends.size());
    std::size_t at = 0;
    each_entry(keys, [&](const Entry& entry) {
        add_entry(entry);
        if (++at == ends[head.chunk] && head.chunk + 1 < head.chunks) {
            out.append(TopicRole::repartition, to, std::nullopt, writer_.finish(head));
            ++head.chunk;
        }
    });
    out.append(TopicRole::repartition, to, std::nullopt, writer_.finish(head));
}

void MapFold::committed(std::int64_t now_wall_ms) {
    clocks_.committed();
    if (unique_ids_) {
        unique_ids_->committed();
    }
    if (flight_oldest_ms_ >= 0) {
        counters_.append_to_commit_seconds.record(
            static_cast<double>(std::max<std::int64_t>(0, now_wall_ms - flight_oldest_ms_)) /
            1000.0);
    }
}

void MapFold::clear_filling() {
    waiting_.clear();
    waiting_keys_.clear();
    waiting_inputs_.clear();
    waiting_statement_inputs_.clear();
    waiting_texts_.reset();
    step_bytes_ = 0;
    keys_.clear();
    recent_.clear();
    if (windows_) {
        recent_windows_.clear();
    }
    if (step_sessions_) {
        step_sessions_->clear();
    }
    slots_.clear();
    texts_.clear();
    if (elements_.size() > 0) {
        elements_.clear();
    }
    sorted_.clear();
    sorted_values_ = {};
    if (values_.size() > 0) {
        values_.clear();
    }
    key_to_.clear();
    set_aside_.clear();
    for (Filling& filled : filling_) {
        filled = Filling{{}, -1, std::vector<Slot>(job_.kinds.size())};
    }
}

void MapFold::undo_filling() {
    clear_filling();
    clocks_.undo_filling();
    if (unique_ids_) {
        unique_ids_->undo_filling();
    }
}

// But for its marks and ids a sealed step is nothing but its records.
void MapFold::undo_in_flight() {
    clocks_.undo_in_flight();
    if (unique_ids_) {
        unique_ids_->undo_in_flight();
    }
}

void MapFold::drop(std::span<const PartitionId> partitions) {
    for (const PartitionId partition : partitions) {
        KSTREAM_CHECK(filling(partition).counts.read == 0 || planted(PlantedBug::release_at_revoke),
                      "no step holds a dropped partition");
        clocks_.resume(partition, {});
        if (unique_ids_) {
            unique_ids_->drop(partition);
        }
    }
}

StateStatus MapFold::state() const {
    StateStatus state;
    state.keys = keys_.size();
    state.bytes = keys_.memory_bytes() + slots_.capacity() * sizeof(Slot) + texts_.memory_bytes() +
                  elements_.memory_bytes() + sorted_.capacity() * sizeof(OwnedElement) +
                  values_.memory_bytes() + key_to_.capacity() * sizeof(PartitionId) +
                  set_aside_.memory_bytes() +
                  (step_sessions_ ? step_sessions_->memory_bytes() : 0) +
                  (unique_ids_ ? unique_ids_->memory_bytes() : 0);
    return state;
}

}  // namespace kstream
