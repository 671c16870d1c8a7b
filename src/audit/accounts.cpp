#include "kstream/audit/accounts.hpp"

#include "audit/window_keys.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/core/stable_hash.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kstream::audit {

namespace {

// A node of the map, its place in the buckets, and what the allocator adds.
constexpr std::uint64_t kEntryBytes = 64;

std::string at(std::string_view topic, const RecordView& record) {
    return fmt::format("{} partition {}, offset {}", topic, record.partition.value,
                       record.record_offset.value);
}

}  // namespace

bool KeyClass::has(std::string_view state_key) const {
    return modulus == 1 || static_cast<std::uint64_t>(stable_hash(state_key)) % modulus == residue;
}

Accounts::Accounts(const AuditedJob& job, std::uint64_t max_bytes, Findings& findings)
    : job_(job), max_bytes_(max_bytes), findings_(findings), stored_(job) {
    if (job.has_sessions()) {
        sessions_.emplace(job.event_time()->window.size);
    }
    begin({});
}

void Accounts::begin(KeyClass keys) {
    keys_ = keys;
    accounts_.clear();
    if (sessions_) {
        sessions_->clear();
    }
    bytes_ = 0;
    metas_.assign(job_.state_partitions, std::nullopt);
    strangers_.assign(job_.state_partitions, {});
    newer_totals_.assign(job_.state_partitions, {});
    stored_.begin();
    believes_changelog_ = false;
    origins_.begin(job_.state_partitions);
    foreign_.clear();
    round_ = 0;
}

// Of what a log says may be a key, and may be none.
std::string_view Accounts::part_that_counts(std::string_view state_key) const {
    constexpr std::size_t kFirstTime = sizeof(std::int64_t);
    return sessions_ && state_key.size() > kFirstTime ? group_part_of(state_key) : state_key;
}

std::uint64_t Accounts::bytes_of(const Entry& entry) const {
    const Account& account = entry.second;
    return kEntryBytes + sizeof(Entry) + entry.first.capacity() + account.source.bytes() +
           account.total.bytes() + account.newer_total.bytes() + account.result.value.capacity() +
           account.newer.value.capacity();
}

// Sessions of one group are of one class, however many they are: halved for ever, the classes would
// come to none.
bool Accounts::over_memory() const {
    return bytes_ > max_bytes_ && !accounts_.empty() &&
           std::ranges::any_of(accounts_, [first = part_that_counts(accounts_.begin()->first),
                                           this](const Entry& entry) {
               return part_that_counts(entry.first) != first;
           });
}

KeyClass Accounts::halve() {
    const auto [kept, other] = keys_.halves();
    keys_ = kept;
    for (std::vector<Entry*>& waiting : newer_totals_) {
        std::erase_if(waiting, [&](const Entry* entry) { return !has(entry->first); });
    }
    std::erase_if(accounts_, [&](const Entry& entry) { return !has(entry.first); });
    std::erase_if(foreign_, [&](const auto& entry) { return !has(entry.first); });
    if (sessions_) {
        sessions_->keep([&](std::string_view group) { return keys_.has(group); });
    }
    bytes_ = 0;
    for (const Entry& entry : accounts_) {
        bytes_ += bytes_of(entry);
    }
    return other;
}

// ---- keys --------------------------------------------------------------------------------------

Account* Accounts::find_or_open(std::string_view state_key, std::string_view partition_key) {
    if (const auto known = accounts_.find(state_key); known != accounts_.end()) {
        return &known->second;
    }
    if (!has(state_key)) {
        return nullptr;
    }
    Account account;
    account.state_partition = static_cast<std::uint32_t>(
        partition_for_key(partition_key, static_cast<int>(job_.state_partitions)).value);
    if (job_.has_windows()) {
        account.window_end = window_end(state_key).value_or(0);
    }
    account.source = Row{job_.kinds};
    const auto [made, inserted] = accounts_.emplace(std::string{state_key}, std::move(account));
    bytes_ += bytes_of(*made);
    return &made->second;
}

Account* Accounts::find(std::string_view state_key) {
    const auto known = accounts_.find(state_key);
    return known == accounts_.end() ? nullptr : &known->second;
}

Account* Accounts::open(std::string_view state_key) {
    const std::string* const place = place_of(state_key);
    return place == nullptr ? nullptr : find_or_open(state_key, *place);
}

Account* Accounts::open_stored(std::string_view state_key) {
    return is_window(state_key) ? nullptr : open(state_key);
}

const std::string* Accounts::place_of(std::string_view state_key) {
    const bool of_panes = is_window(state_key);
    if (of_panes) {
        stored_key_ = state_key_of_window(state_key);
    }
    if (!decode_state_key(of_panes ? stored_key_ : state_key, job_.key_shape(), group_) ||
        (group_.window_start && !window_end(state_key))) {
        return nullptr;
    }
    place_.clear();
    append_partition_key(place_, group_);
    return &place_;
}

// ---- what the source has -----------------------------------------------------------------------

bool Accounts::take_base(std::string_view state_key, const Row& row) {
    if (!has(state_key)) {
        return true;
    }
    Account* const account = open(state_key);
    if (account == nullptr || row.slots.size() != job_.kinds.size()) {
        return false;
    }
    if (sessions_) {
        sessions_->add(group_part_of(state_key), window_start_of(state_key),
                       StatementAudit::last_time(row));
    }
    bytes_ -= account->source.bytes();
    account->source = row;
    bytes_ += account->source.bytes();
    return true;
}

void Accounts::count(Account& account, std::span<const Decimal> inputs) {
    account.source.there = true;
    count_in(job_.kinds, account.source.slots, inputs);
}

void Accounts::count(Account& account, const Row& row) {
    bytes_ -= account.source.bytes();
    add_row(job_.kinds, account.source, row, job_.spec.max_distinct);
    bytes_ += account.source.bytes();
}

// ---- what the changelog has --------------------------------------------------------------------

void Accounts::take_changelog(const RecordView& record) {
    const Result<ChangelogKeyKind> kind = changelog_key_kind(record.key());
    if (!kind) {
        findings_.add(FindingKind::damaged, at("changelog", record), "a total or meta",
                      kind.error().message);
    } else if (*kind == ChangelogKeyKind::meta) {
        take_meta(record);
    } else if (*kind == ChangelogKeyKind::element) {
        take_element(record);
    } else if (has(total_state_key(record.key()))) {
        if (job_.has_windows() && record.is_tombstone()) {
            take_tombstone(record);
        } else {
            take_total(record);
        }
    }
}

void Accounts::take_total(const RecordView& record) {
    std::vector<Slot> slots;
    TextStore texts;
    bool published = false;
    std::uint64_t number = 0;
    const Result<std::uint64_t> transaction =
        decode_total_value(record.value(), job_.kinds, slots, &texts,
                           has_having() ? &published : nullptr, stored_.any() ? &number : nullptr);
    const std::string_view state_key = total_state_key(record.key());
    Account* const account = open_stored(state_key);
    if (account == nullptr || !transaction) {
        findings_.add(
            FindingKind::damaged, at("changelog", record), "a total",
            transaction ? "a key that is none of the job's" : transaction.error().message);
        return;
    }
    Row row{job_.kinds, slots, texts};
    const auto q = static_cast<std::uint32_t>(record.partition.value);
    if (account->state_partition != q) {
        findings_.add(FindingKind::extra_total,
                      fmt::format("key {}, state partition {}", key_text(job_, state_key), q),
                      fmt::format("in state partition {} only", account->state_partition),
                      row_text(job_, row));
        return;
    }
    // Both are so in every log of the job: a total stands before the meta record of its own
    // transaction, and a transaction writes a key once.
    const bool twice =
        !account->newer_total.empty() && account->newer_total_transaction == *transaction;
    if (twice || !origins_.may_follow(q, *transaction)) {
        add_foreign(state_key,
                    {FindingKind::foreign, at("changelog", record),
                     fmt::format("key {} once in transaction {}, before its meta record",
                                 key_text(job_, state_key), *transaction),
                     fmt::format("{}: {}", twice ? "a second one" : "after its meta record",
                                 row_text(job_, row))});
    }
    if (!account->has_newer_total()) {
        newer_totals_[q].push_back(std::to_address(accounts_.find(state_key)));
    }
    bytes_ += row.bytes() - account->newer_total.bytes();
    account->newer_taken_out = false;
    account->newer_total = std::move(row);
    account->newer_total_published = published;
    account->newer_total_number = number;
    account->newer_total_transaction = *transaction;
    account->newer_total_round = round_;
}

// Of the total of a key whose window was closed.
void Accounts::take_tombstone(const RecordView& record) {
    const std::string_view state_key = total_state_key(record.key());
    Account* const account = open_stored(state_key);
    const auto q = static_cast<std::uint32_t>(record.partition.value);
    if (account == nullptr) {
        findings_.add(FindingKind::damaged, at("changelog", record), "a total",
                      "a tombstone of a key that is none of the job's");
        return;
    }
    if (account->state_partition != q) {
        findings_.add(FindingKind::extra_total,
                      fmt::format("key {}, state partition {}", key_text(job_, state_key), q),
                      fmt::format("in state partition {} only", account->state_partition),
                      "a tombstone");
        return;
    }
    if (!account->has_newer_total()) {
        newer_totals_[q].push_back(std::to_address(accounts_.find(state_key)));
    }
    bytes_ -= account->newer_total.bytes();
    account->newer_total = {};
    account->newer_total_published = false;
    account->newer_total_transaction = 0;
    account->newer_total_round = round_;
    account->newer_taken_out = true;
}

void Accounts::take_element(const RecordView& record) {
    const Result<std::uint64_t> transaction = stored_.take(record);
    if (!transaction) {
        findings_.add(FindingKind::damaged, at("changelog", record), "an element of a set",
                      transaction.error().message);
        return;
    }
    const auto q = static_cast<std::size_t>(record.partition.value);
    if (q < metas_.size() && !record.is_tombstone() && !origins_.may_follow(q, *transaction)) {
        findings_.add(FindingKind::foreign, at("changelog", record),
                      fmt::format("an element of a set before the meta record of transaction {}",
                                  *transaction),
                      "after it");
    }
}

void Accounts::take_meta(const RecordView& record) {
    Result<Meta> meta = decode_meta_value(record.value(), job_.form());
    const auto q = static_cast<std::size_t>(record.partition.value);
    if (q >= metas_.size()) {
        return;  // counts are compared with the identity, which says so
    }
    if (const Result<MetaHead> owner = decode_meta_head(record.value()); owner) {
        strangers_[q] = job_differences(job_, owner->identity, owner->spec_text);
        if (!strangers_[q].empty()) {
            return;
        }
    }
    if (!meta) {
        findings_.add(FindingKind::damaged, at("changelog", record), "meta", meta.error().message);
        return;
    }
    if (!origins_.take_meta(q, meta->transaction, meta->run_id)) {
        findings_.add(
            FindingKind::foreign, at("changelog", record),
            "meta of the transaction that follows the last one",
            fmt::format("meta of transaction {}, run {:016x}", meta->transaction, meta->run_id));
    }
    for (Entry* const entry : newer_totals_[q]) {
        settle_newer_total(entry->second);
    }
    newer_totals_[q].clear();
    metas_[q] = std::move(*meta);
    stored_.settle_all(q);
}

void Accounts::believe_changelog() {
    believes_changelog_ = true;
    for (auto& [state_key, account] : accounts_) {
        bytes_ -= account.source.bytes();
        account.source = account.total.empty() ? Row{job_.kinds} : account.total;
        bytes_ += account.source.bytes();
    }
    if (job_.hops() && keys_.modulus == 1) {
        believe_panes();
    }
}

// What the changelog says of a key it says of its sets and multisets in records of their own.
Row Accounts::with_stored_sets(const Account& account) const {
    const std::size_t q = account.state_partition;
    Row row = account.total;
    for (const std::uint8_t set : stored_.sets()) {
        row.sets[set] =
            is_over(row[set]) ? std::set<Element>{} : stored_.set_of(q, account.total_number, set);
    }
    for (const std::uint8_t set : stored_.multisets()) {
        row.multisets[set] = is_over(row[set]) ? StoredSets::Multiset{}
                                               : stored_.multiset_of(q, account.total_number, set);
    }
    return row;
}

void Accounts::settle_newer_total(Account& account) {
    if (account.has_newer_total()) {
        account.newer_taken_out = false;
        bytes_ -= account.total.bytes();
        account.total = std::exchange(account.newer_total, {});
        account.total_published = account.newer_total_published;
        account.total_number = account.newer_total_number;
        account.total_transaction = account.newer_total_transaction;
    }
}

std::uint64_t Accounts::cut_transaction(const Account& account) const {
    const std::optional<Meta>& meta = metas_[account.state_partition];
    return meta ? meta->transaction : 0;
}

// ---- what was published ------------------------------------------------------------------------

// A cut that has moved on may have come past what was newer. (A tombstone was forgotten here once,
// and the audit of a running job named the result before it.)
void Accounts::settle_newer(Account& account) const {
    if (account.newer.transaction != 0 && account.newer.transaction <= cut_transaction(account)) {
        account.result = std::exchange(account.newer, {});
    }
}

void Accounts::take_result(const RecordView& record, const ResultHeaders& headers) {
    const std::optional<Origin> origin = Origin::of(headers);
    std::optional<std::string> state_key = state_key_of(record.key(), job_.key_shape());
    if (state_key && job_.hops()) {
        make_window_key(*state_key);
    }
    const std::string* const place = state_key ? place_of(*state_key) : nullptr;
    if (!record.has_key() || place == nullptr) {
        findings_.add(FindingKind::extra_result, at("results", record), "a key of the job",
                      shown(record.key()));
        return;
    }
    // Each reader takes the last value of a key that it meets: with a second place for one key that
    // depends on which partition it reads later.
    const PartitionId home =
        partition_for_key(*place, static_cast<int>(job_.identity.results_partitions));
    const bool by_reset = record.is_tombstone() && !origins_.has_begun(record.partition);
    if (record.partition != home) {
        if (!by_reset) {
            findings_.add(FindingKind::extra_result,
                          fmt::format("key {}", key_text(job_, *state_key)),
                          fmt::format("in results partition {} only", home.value),
                          fmt::format("{}: {}", at("results", record), shown(record.value())));
        }
        return;
    }
    const auto q = static_cast<std::size_t>(
        partition_for_key(*place, static_cast<int>(job_.state_partitions)).value);
    const std::uint64_t cut = metas_[q] ? metas_[q]->transaction : 0;
    // For every key, whatever pass it belongs to: the order is that of all of them.
    std::string foreign;
    if (record.is_tombstone() && !(takes_back() && origin)) {
        foreign = by_reset ? "" : "a tombstone, which the job does not write";
    } else if (!origin || headers.is_final.value_or("true") != "true") {
        foreign = "without the headers of a result";
    } else if (origin->transaction <= cut) {
        foreign = origins_.take_result(record.partition, q, *origin);
    }
    Account* const account = find_or_open(*state_key, *place);
    if (account == nullptr) {
        return;
    }
    settle_newer(*account);
    if (foreign.empty() && account->result.there && origin &&
        account->result.transaction == origin->transaction &&
        account->result.run_id == origin->run_id) {
        foreign = fmt::format("a second one of transaction {}", origin->transaction);
    }
    // But for what a reset has left, which begins anew.
    if (foreign.empty() && account->result.is_final && origins_.knows(account->result.run_id)) {
        foreign = "after the last one of its window";
    }
    if (!foreign.empty()) {
        add_foreign(*state_key,
                    {FindingKind::foreign, at("results", record),
                     fmt::format("a result of the job for key {}", key_text(job_, *state_key)),
                     fmt::format("{}: {}", foreign, shown(record.value()))});
    }
    Published published;
    published.there = !record.is_tombstone();
    published.is_final = headers.is_final.has_value();
    published.value = std::string{record.value()};
    published.round = round_;
    // Without the headers it is none of ours: number 0, which belongs to no total.
    if (origin) {
        published.transaction = origin->transaction;
        published.run_id = origin->run_id;
    }
    account->was_published = true;
    const std::uint64_t before = account->result.value.capacity() + account->newer.value.capacity();
    if (published.transaction > cut_transaction(*account)) {
        account->newer = std::move(published);
    } else {
        // Whatever stood before it in the log is not what a reader has.
        account->newer = {};
        account->result = std::move(published);
    }
    bytes_ += account->result.value.capacity() + account->newer.value.capacity() - before;
}

// Said when the key is compared, and only where nothing else is wrong with it: what a reader sees
// last comes first.
// NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved from
void Accounts::add_foreign(std::string_view state_key, Finding finding) {
    if (foreign_.size() < Findings::kMaxKept) {
        foreign_.try_emplace(std::string{state_key}, std::move(finding));
    }
}

// ---- comparing ---------------------------------------------------------------------------------

// Of all keys: they belong to one pass. Those of a number that no total has make the state another
// one than meta's, too.
void Accounts::add_elements(Comparison& comparison) {
    for (std::size_t q = 0; q < metas_.size(); ++q) {
        stored_.settle_up_to(q, metas_[q] ? metas_[q]->transaction : 0);
        if (keys_.residue != 0) {
            continue;
        }
        const StoredSets::Sum stored = stored_.sum(q);
        comparison.by_state[q].hash += stored.hash;
        // add_to_sums() takes those away that a total has.
        comparison.by_state[q].to_sweep = job_.has_windows() ? stored.elements : 0;
    }
}

StateSum Accounts::empty_sum() const {
    StateSum sum;
    sum.slots.resize(job_.kinds.size());
    if (job_.has_windows()) {
        sum.slots = no_sums(job_.kinds);
        for (const auto all : {stored_.sets(), stored_.multisets()}) {
            for (const std::uint8_t set : all) {
                sum.slots[set] = Slot{Int192{}, true};
            }
        }
        sum.retired = believes_changelog_ ? std::nullopt : std::optional{sum.slots};
    }
    if (job_.hops() && !believes_changelog_) {
        sum.cursor = ClosingCursor{};
    }
    return sum;
}

void Accounts::add_to_sums(std::string_view state_key, const Account& account,
                           StateSum& sum) const {
    const bool closed = is_closed(state_key, account);
    if (is_window(state_key)) {
        const UInt128 hash = stable_hash(group_part_of(state_key));
        if (closed && account.source.there && sum.cursor &&
            !sum.cursor->has_passed(account.window_end, hash)) {
            sum.cursor = {account.window_end, hash};
        }
        return;
    }
    if (account.total.empty()) {
        if (closed && account.source.there && sum.retired) {
            add_slots(*sum.retired, account.source.slots);
        }
        return;
    }
    ++sum.keys;
    sum.to_close += closed ? 1 : 0;
    sum.to_sweep -=
        job_.has_windows() && stored_.any()
            ? stored_.needed_by(account.total.slots, account.state_partition, account.total_number)
            : 0;
    const StoredRow stored{job_.kinds, account.total};
    sum.hash +=
        state_entry_hash(state_key, job_.kinds, stored.slots, &stored.texts,
                         has_having() ? std::optional{account.total_published} : std::nullopt,
                         stored_.any() ? std::optional{account.total_number} : std::nullopt);
    add_slots(sum.slots, account.total.slots);
}

// Into the slots of a sum.
void Accounts::add_slots(std::span<Slot> sum, std::span<const Slot> row) const {
    if (job_.has_windows()) {
        add_sums(job_.kinds, sum, row);
    } else {
        add_row(job_.kinds, sum, row);
    }
    for (std::size_t i = 0; stored_.any() && i < job_.kinds.size(); ++i) {
        if (keeps_elements(job_.kinds[i]) && !is_over(row[i])) {
            sum[i].add(row[i]);
        }
    }
}

void Accounts::add_sum(StateSum& into, const StateSum& of_others) const {
    into.keys += of_others.keys;
    into.hash += of_others.hash;
    into.to_close += of_others.to_close;
    into.to_sweep += of_others.to_sweep;
    add_slots(into.slots, of_others.slots);
    if (into.retired && of_others.retired) {
        add_slots(*into.retired, *of_others.retired);
    } else {
        into.retired.reset();
    }
    if (!of_others.cursor) {
        into.cursor.reset();
    } else if (into.cursor &&
               !into.cursor->has_passed(of_others.cursor->end, of_others.cursor->hash)) {
        into.cursor = of_others.cursor;
    }
}

Comparison Accounts::compare(bool last_round) {
    Comparison comparison;
    comparison.by_state.assign(job_.state_partitions, empty_sum());
    add_elements(comparison);
    std::vector<Finding> found;
    for (auto& [state_key, account] : accounts_) {
        settle_newer(account);
        // Behind the meta record of its own transaction: what a new owner would restore all the
        // same.
        if (!account.newer_taken_out &&
            account.newer_total_transaction <= cut_transaction(account)) {
            settle_newer_total(account);
        }
        add_to_sums(state_key, account, comparison.by_state[account.state_partition]);
        comparison.newer += account.newer.transaction != 0 ? 1 : 0;
        if (account.compared_before && !account.look_again) {
            continue;
        }
        ++comparison.keys;
        found.clear();
        judge(state_key, account, found);
        const std::size_t at_cut = found.size();
        judge_newer(state_key, account, found);
        const bool unfounded = found.size() > at_cut;
        const bool unchanged = account.compared_before &&
                               account.seen_total_transaction == account.total_transaction &&
                               account.seen_result_transaction == account.result.transaction;
        const bool is_final = last_round || unfounded || unchanged;
        account.look_again = (!found.empty() && !is_final) ||
                             (!account.compared_before &&
                              (account.newer.transaction != 0 || account.has_newer_total()));
        account.compared_before = true;
        account.seen_total_transaction = account.total_transaction;
        account.seen_result_transaction = account.result.transaction;
        if (account.look_again) {
            ++comparison.again;
            continue;
        }
        if (const auto foreign = foreign_.find(state_key);
            found.empty() && foreign != foreign_.end()) {
            found.push_back(foreign->second);
        }
        for (Finding& finding : found) {
            std::string excused = excuse(finding, state_key, account);
            if (!excused.empty()) {
                comparison.excuse = ++comparison.excused == 1 ? excused : comparison.excuse;
                continue;
            }
            findings_.add(finding.kind, std::move(finding.what), std::move(finding.expected),
                          std::move(finding.found));
        }
    }
    ++round_;
    return comparison;
}

void Accounts::each(
    const std::function<void(std::string_view state_key, const Account&)>& visit) const {
    for (const auto& [state_key, account] : accounts_) {
        visit(state_key, account);
    }
}

}  // namespace kstream::audit
