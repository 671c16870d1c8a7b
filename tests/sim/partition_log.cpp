#include "sim/partition_log.hpp"

#include <algorithm>
#include <unordered_set>

namespace kstream::sim {

namespace {

// Batches of a producer that a broker knows again (ProducerStateEntry.NUM_BATCHES_TO_RETAIN).
constexpr std::int64_t kRemembered = 5;

}  // namespace

void PartitionLog::append(std::optional<std::string_view> key,
                          std::optional<std::string_view> value, std::int64_t timestamp_ms,
                          OutputBatch::Headers headers) {
    Entry entry;
    entry.timestamp_ms = timestamp_ms;
    entry.has_key = key.has_value();
    entry.has_value = value.has_value();
    entry.key = key.value_or("");
    entry.value = value.value_or("");
    entry.headers = std::move(headers);
    entries_.push_back(std::move(entry));
}

bool PartitionLog::begins(const ProducerId& producer, std::int64_t sequence) {
    if (open_.contains(producer.id)) {
        return false;
    }
    const auto [found, fresh] = asked_.try_emplace(producer.id, Asked{producer.epoch, sequence});
    Asked& asked = found->second;
    if (producer.epoch > asked.epoch) {
        asked = {producer.epoch, sequence};
    } else if (producer.epoch == asked.epoch) {
        asked.lowest = std::min(asked.lowest, sequence);
    }
    return true;
}

Code PartitionLog::append(const Batch& batch) {
    Producer& known = producers_[batch.producer.id];
    if (batch.producer.epoch < known.epoch) {
        return Code::invalid_producer_epoch;
    }
    Producer next = known;
    if (batch.producer.epoch > known.epoch) {
        // Where nothing is known of a producer any sequence number may be the first one: what came
        // before may have been deleted.
        const std::int64_t first = known.epoch < 0 ? batch.sequence : 0;
        next = {batch.producer.epoch, first, first};
    }
    if (batch.sequence < next.next_sequence &&
        batch.sequence >= std::max(next.first_sequence, next.next_sequence - kRemembered)) {
        return Code::none;
    }
    const auto asked = asked_.find(batch.producer.id);
    if (batch.sequence != next.next_sequence ||
        (asked != asked_.end() && batch.sequence > asked->second.lowest)) {
        return Code::out_of_order_sequence;
    }
    ++next.next_sequence;
    known = next;
    asked_.erase(batch.producer.id);
    open_.emplace(batch.producer.id, end());
    for (const std::uint32_t index : *batch.records) {
        const OutputBatch::Record& record = batch.outputs->records()[index];
        Entry entry;
        entry.producer = batch.producer.id;
        entry.epoch = batch.producer.epoch;
        entry.sequence = batch.sequence;
        entry.timestamp_ms = batch.timestamp_ms;
        entry.aborted = true;
        entry.has_key = record.has_key;
        entry.has_value = record.has_value;
        entry.key = batch.outputs->key(record).value_or("");
        entry.value = batch.outputs->value(record).value_or("");
        if (record.headers != OutputBatch::kNoHeaders) {
            entry.headers = batch.outputs->header_sets()[record.headers];
        }
        entries_.push_back(std::move(entry));
    }
    return Code::none;
}

void PartitionLog::marker(const ProducerId& producer, bool commit, std::int64_t timestamp_ms) {
    Producer& known = producers_[producer.id];
    if (producer.epoch < known.epoch) {
        return;
    }
    if (producer.epoch > known.epoch) {
        known = {producer.epoch, 0, 0};
    }
    asked_.erase(producer.id);
    if (const auto open = open_.find(producer.id); open != open_.end()) {
        if (commit) {
            for (auto at = static_cast<std::size_t>(open->second.value); at < entries_.size();
                 ++at) {
                if (entries_[at].producer == producer.id) {
                    entries_[at].aborted = false;
                }
            }
        }
        open_.erase(open);
    }
    Entry control;
    control.producer = producer.id;
    control.epoch = producer.epoch;
    control.kind = Kind::control;
    control.timestamp_ms = timestamp_ms;
    entries_.push_back(std::move(control));
}

Offset PartitionLog::last_stable() const {
    Offset stable = end();
    for (const auto& [producer, first] : open_) {
        stable = std::min(stable, first);
    }
    return std::max(stable, start_);  // also of what DeleteRecords has taken a transaction's start
}

Offset PartitionLog::first_at(std::int64_t timestamp_ms) const {
    Offset at = start_;
    while (at < end() && entries_[static_cast<std::size_t>(at.value)].timestamp_ms < timestamp_ms) {
        at = at.next();
    }
    return at;
}

Offset PartitionLog::read(PartitionId partition, Offset from, std::size_t most,
                          std::vector<RecordView>& out, Isolation isolation) const {
    const bool all = isolation == Isolation::read_uncommitted;
    const Offset limit = end(isolation);
    Offset at = from;
    for (; at < limit && most > 0; at = at.next()) {
        const Entry& entry = entries_[static_cast<std::size_t>(at.value)];
        if (entry.kind != Kind::data || (entry.aborted && !all) || entry.compacted) {
            continue;
        }
        RecordView view;
        view.partition = partition;
        view.record_offset = at;
        view.timestamp_ms = entry.timestamp_ms;
        view.key_data = entry.has_key ? entry.key.data() : nullptr;
        view.key_size = static_cast<std::uint32_t>(entry.key.size());
        view.value_data = entry.has_value ? entry.value.data() : nullptr;
        view.value_size = static_cast<std::uint32_t>(entry.value.size());
        out.push_back(view);
        --most;
    }
    return at;
}

void PartitionLog::delete_below(Offset before) {
    start_ = std::max(start_, std::min(before, end()));
}

void PartitionLog::compact(std::size_t tail) {
    const auto stable = static_cast<std::size_t>(last_stable().value);
    const std::size_t newest = entries_.size() > tail ? entries_.size() - tail : 0;
    std::unordered_set<std::string_view> seen;
    for (std::size_t at = std::min(stable, newest);
         at-- > static_cast<std::size_t>(start_.value);) {
        Entry& entry = entries_[at];
        if (entry.kind == Kind::data && !entry.aborted && entry.has_key &&
            !seen.insert(entry.key).second) {
            entry.compacted = true;
        }
    }
}

bool PartitionLog::cut(Offset at) {
    std::map<std::uint64_t, Offset> begun;
    std::vector<std::pair<Offset, Offset>> ended;  // first record and end of each transaction
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Offset here{static_cast<std::int64_t>(i)};
        if (entries_[i].kind == Kind::data && entries_[i].producer != 0) {
            begun.emplace(entries_[i].producer, here);
        } else if (const auto first = begun.find(entries_[i].producer);
                   entries_[i].kind == Kind::control && first != begun.end()) {
            ended.emplace_back(first->second, here);
            begun.erase(first);
        }
    }
    // By their ends, so that what one of them moves is seen by all that ended before it.
    for (auto transaction = ended.rbegin(); transaction != ended.rend(); ++transaction) {
        if (at <= transaction->second) {
            at = std::min(at, transaction->first);
        }
    }
    if (at < start_ || at >= end()) {
        return false;
    }
    entries_.resize(static_cast<std::size_t>(at.value));
    producers_.clear();
    asked_.clear();
    open_.clear();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Entry& entry = entries_[i];
        if (entry.producer == 0) {
            continue;
        }
        Producer& known = producers_[entry.producer];
        if (entry.kind == Kind::control) {
            open_.erase(entry.producer);
            known = entry.epoch > known.epoch ? Producer{entry.epoch, 0, 0} : known;
            continue;
        }
        open_.emplace(entry.producer, Offset{static_cast<std::int64_t>(i)});
        known.first_sequence = entry.epoch > known.epoch ? entry.sequence : known.first_sequence;
        known.epoch = entry.epoch;
        known.next_sequence = entry.sequence + 1;
    }
    return true;
}

}  // namespace kstream::sim
