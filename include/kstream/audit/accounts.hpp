// One account per group key: what the audit has counted for it in the source, what the changelog
// says, what was published. Compared at a cut: the transactions of each state partition up to its
// last meta record.
//
// Where all keys do not fit the memory that may be used, an audit takes several passes over the
// same logs, each for one class of keys; a class that still is too large is halved on the way.
#pragma once

#include "kstream/audit/audited_job.hpp"
#include "kstream/audit/finding.hpp"
#include "kstream/audit/group_sessions.hpp"
#include "kstream/audit/origin.hpp"
#include "kstream/audit/stored_sets.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/model/group_key.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kstream::audit {

// Keys whose hash leaves `residue` modulo `modulus`, which is a power of two.
struct KeyClass {
    std::uint64_t residue = 0;
    std::uint64_t modulus = 1;
    [[nodiscard]] bool has(std::string_view state_key) const;
    // The two halves of it.
    [[nodiscard]] std::pair<KeyClass, KeyClass> halves() const {
        return {{residue, modulus * 2}, {residue + modulus, modulus * 2}};
    }
    friend bool operator==(const KeyClass&, const KeyClass&) = default;
};

struct Published {
    std::string value;
    std::uint64_t transaction = 0;
    std::uint64_t run_id = 0;
    int round = 0;          // of the look that saw it first
    bool there = false;     // false: nothing, or a tombstone
    bool is_final = false;  // of a job with windows: says so, a tombstone too
};

// Of a job with hopping windows one is of a pane, which has a total and no result, or of a window,
// which has a result and no total (audit/window_keys.hpp).
struct Account {
    std::uint32_t state_partition = 0;
    // Of a job with windows; of a pane the end of the last window over it, of a session see
    // Accounts::end_of.
    std::int64_t window_end = 0;
    Row source;  // counted by the audit; not there: no record of the key
    Row total;   // of the changelog at the cut
    std::uint64_t total_transaction = 0;
    Row newer_total;  // of a transaction whose meta has not been seen yet
    std::uint64_t newer_total_transaction = 0;
    int newer_total_round = 0;  // of the look that saw it
    // In the place of a newer total a tombstone, which says no transaction: the window was closed.
    bool newer_taken_out = false;
    // With HAVING: whether the results have the key, as the two totals say.
    bool total_published = false;
    bool newer_total_published = false;
    // With sets or multisets: the key's number, under which the changelog has its elements.
    std::uint64_t total_number = 0;
    std::uint64_t newer_total_number = 0;
    Published result;  // the last one at the cut
    // The last one of a transaction after the cut, a tombstone as well; of transaction 0: none.
    Published newer;
    bool was_published = false;  // the log holds a record of the key, if only a tombstone

    // How it was at the comparison that asked for another look.
    bool look_again = false;
    bool compared_before = false;
    std::uint64_t seen_total_transaction = 0;
    std::uint64_t seen_result_transaction = 0;

    [[nodiscard]] bool has_newer_total() const { return !newer_total.empty() || newer_taken_out; }
};

// What the totals of a state partition come to, as its meta record says it too.
struct StateSum {
    std::uint64_t keys = 0;
    UInt128 hash = 0;
    std::vector<Slot> slots;
    // Of a job with windows: of the keys that were closed, by what the source has of them; none
    // where it was not read.
    std::optional<std::vector<Slot>> retired{};
    std::uint64_t to_close = 0;  // keys that are still there, and whose windows are closed
    // Of a job with windows and sets, elements that are under the number of no total, or of a set
    // that is over. Of some of the keys it may be below 0: it is added modulo 2^64.
    std::uint64_t to_sweep = 0;
    // Of a job with hopping windows: the last one that is closed; as `retired`.
    std::optional<ClosingCursor> cursor{};

    // Whether that is what meta says. It may count more keys that are to be closed: those, too, of
    // steps that were taken back.
    [[nodiscard]] bool fits(const Meta& meta) const {
        return keys == meta.keys && hash == meta.state_hash && slots == meta.slots &&
               (!retired || *retired == meta.retired) && (!cursor || *cursor == meta.cursor) &&
               to_sweep == meta.to_sweep && to_close <= meta.to_close;
    }
};

struct Comparison {
    std::uint64_t keys = 0;   // compared
    std::uint64_t again = 0;  // to be compared once more at a later cut
    std::uint64_t newer = 0;  // results that are newer than the cut
    // Differences that prove nothing, and why the first of them does not.
    std::uint64_t excused = 0;
    std::string excuse;
    std::vector<StateSum> by_state;  // of all totals at the cut
};

class Accounts {
public:
    Accounts(const AuditedJob& job, std::uint64_t max_bytes, Findings& findings);

    // Forgets everything and takes this class up.
    void begin(KeyClass keys);
    [[nodiscard]] KeyClass keys() const { return keys_; }

    // More than the memory, and it can be halved: what is all of one class cannot.
    [[nodiscard]] bool over_memory() const;
    // Drops half of the keys; what it returns is the class that has to have its own pass.
    [[nodiscard]] KeyClass halve();

    // The account of a key of the job, made if need be; null when the key is of another class.
    // `partition_key` says which state partition it belongs to (append_partition_key).
    [[nodiscard]] Account* find_or_open(std::string_view state_key, std::string_view partition_key);
    // Of a key that has an account already, or of a state key alone; null also when it is none.
    [[nodiscard]] Account* find(std::string_view state_key);

    // A record of the changelog. Totals become the cut's with the meta record after them.
    void take_changelog(const RecordView& record);
    // A record of the results topic, with the headers that a foreign one lacks.
    void take_result(const RecordView& record, const ResultHeaders& headers);
    // What an earlier audit has counted for the key.
    [[nodiscard]] bool take_base(std::string_view state_key, const Row& row);
    // What a record of the source has for the key of this account.
    void count(Account& account, std::span<const Decimal> inputs);
    void count(Account& account, const Row& row);
    // The same of a record of a job with sessions, whose time `group` has as its window's start:
    // for the session that it is part of, whichever others have become part of that.
    void count_session(GroupKey group, std::string_view partition_key, const Row& row);

    // Where records were deleted from the front of a log, what is missing may have been there.
    void begin_changelog(const std::map<PartitionId, Offset>& starts) {
        changelog_starts_ = starts;
    }
    void begin_results(const std::map<PartitionId, Offset>& starts) { results_starts_ = starts; }

    // Where the source cannot be read: takes the changelog at its word, so that comparing shows
    // whether what is published is what it says.
    void believe_changelog();

    // Of each state partition, the last meta record.
    [[nodiscard]] const std::vector<std::optional<Meta>>& cut() const { return metas_; }
    // How the job that wrote the last meta record of each differs from this one; empty: it is it.
    [[nodiscard]] const std::vector<std::vector<std::string>>& strangers() const {
        return strangers_;
    }

    // Compares at the cut. In the first round nothing is final that a later record can explain (a
    // reader sees a compacted topic at several moments at once); from the second round on only
    // those are compared that were asked for again, and an account that has not changed since is
    // a finding.
    [[nodiscard]] Comparison compare(bool last_round);
    // What a state partition without keys comes to, and with the keys of another class as well.
    [[nodiscard]] StateSum empty_sum() const;
    void add_sum(StateSum& into, const StateSum& of_others) const;
    [[nodiscard]] int round() const { return round_; }

    // Every key with what was counted for it in the source.
    void each(const std::function<void(std::string_view state_key, const Account&)>& visit) const;
    [[nodiscard]] std::size_t size() const { return accounts_.size(); }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Map = std::unordered_map<std::string, Account, Hash, std::equal_to<>>;
    using Entry = Map::value_type;

    // All sessions of a group are of one class: they become one another.
    [[nodiscard]] std::string_view part_that_counts(std::string_view state_key) const;
    [[nodiscard]] bool has(std::string_view state_key) const {
        return keys_.has(part_that_counts(state_key));
    }
    [[nodiscard]] std::uint64_t bytes_of(const Entry& entry) const;
    [[nodiscard]] Account* open(std::string_view state_key);
    // The same of a key that the changelog has.
    [[nodiscard]] Account* open_stored(std::string_view state_key);
    // What finds the partition of a key, valid until the next call; null where it is none of the
    // job's.
    [[nodiscard]] const std::string* place_of(std::string_view state_key);
    // Of a job with windows: when the last window of the key ends, none where it has none.
    [[nodiscard]] std::optional<std::int64_t> window_end(std::string_view key);
    // Of a job with windows: where the key's ends, of a session one millisecond after its gap.
    [[nodiscard]] std::int64_t end_of(const Account& account) const;
    [[nodiscard]] bool is_window(std::string_view key) const;  // of panes
    [[nodiscard]] bool is_pane(std::string_view key) const;
    [[nodiscard]] bool is_closed(std::string_view state_key, const Account& account) const;
    void believe_panes();
    void take_total(const RecordView& record);
    void take_tombstone(const RecordView& record);
    void take_element(const RecordView& record);
    void take_meta(const RecordView& record);
    void add_elements(Comparison& comparison);
    void judge_sets(std::string_view state_key, const Account& account,
                    std::vector<Finding>& found) const;
    // Whether the job takes results back, apart from those that its last result takes back.
    [[nodiscard]] bool takes_back() const {
        return has_having() || (job_.has_sessions() && job_.publishes_open());
    }
    // Then a total says whether there is a result.
    [[nodiscard]] bool has_having() const {
        return job_.statement != nullptr && job_.statement->job().statement.having.has_value();
    }
    [[nodiscard]] std::uint64_t cut_transaction(const Account& account) const;
    void settle_newer(Account& account) const;
    // Findings about one account at the cut; none are added to `findings_` here.
    void judge(std::string_view state_key, const Account& account,
               std::vector<Finding>& found) const;
    void judge_total(std::string_view state_key, const Account& account,
                     std::vector<Finding>& found) const;
    void judge_result(std::string_view state_key, const Account& account,
                      const std::optional<std::string>& row, std::vector<Finding>& found) const;
    void judge_closed(std::string_view state_key, const Account& account,
                      std::vector<Finding>& found) const;
    void add_to_sums(std::string_view state_key, const Account& account, StateSum& sum) const;
    void add_slots(std::span<Slot> sum, std::span<const Slot> row) const;
    void judge_newer(std::string_view state_key, const Account& account,
                     std::vector<Finding>& found) const;
    // Of a key that has a total.
    [[nodiscard]] Row with_stored_sets(const Account& account) const;
    void settle_newer_total(Account& account);
    // Why a difference proves nothing; empty when it does.
    [[nodiscard]] std::string excuse(const Finding& finding, std::string_view state_key,
                                     const Account& account);
    void add_foreign(std::string_view state_key, Finding finding);

    const AuditedJob& job_;
    std::uint64_t max_bytes_;
    Findings& findings_;
    KeyClass keys_;
    Map accounts_;
    std::uint64_t bytes_ = 0;
    std::vector<std::optional<Meta>> metas_;
    std::vector<std::vector<std::string>> strangers_;
    std::vector<std::vector<Entry*>> newer_totals_;  // by state partition
    StoredSets stored_;
    bool believes_changelog_ = false;
    Origins origins_;
    // What is foreign among the records of a key, said when nothing else is wrong with it.
    std::map<std::string, Finding, std::less<>> foreign_;
    std::map<PartitionId, Offset> changelog_starts_;
    std::map<PartitionId, Offset> results_starts_;
    int round_ = 0;
    GroupKey group_;
    std::string place_;
    std::pair<std::int64_t, std::optional<std::int64_t>> last_window_;  // start and end
    std::string stored_key_;                 // of a window whose place is asked for
    std::optional<GroupSessions> sessions_;  // of a job with any
};

}  // namespace kstream::audit
