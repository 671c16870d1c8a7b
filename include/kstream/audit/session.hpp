// The way of an audit through the logs: changelog, results, source, and once more where something
// moved on meanwhile. It reads and hands on; what is right is decided by the other parts.
#pragma once

#include "kstream/audit/accounts.hpp"
#include "kstream/audit/audited_job.hpp"
#include "kstream/audit/base_file.hpp"
#include "kstream/audit/report.hpp"
#include "kstream/audit/source_fold.hpp"
#include "kstream/audit/surroundings.hpp"
#include "kstream/error.hpp"
#include "kstream/model/aggregation_spec.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kstream::audit {

struct Options {
    std::string application_id;
    AggregationSpec spec;
    std::shared_ptr<const StatementAudit> statement = nullptr;  // of a job that only a SELECT says
    std::uint64_t memory = 0;                                   // for accounts
    bool quick = false;
    std::string base;       // name of --base, empty without one
    std::string save_base;  // of --save-base
};

class Session {
public:
    Session(Options options, Surroundings& world);

    [[nodiscard]] Result<Report> run();

private:
    using Metas = std::vector<std::optional<Meta>>;
    using OnBatch = std::function<Result<void>(RecordBatch)>;
    struct Pass;

    [[nodiscard]] Result<void> look_at_topics();
    [[nodiscard]] Result<void> look_again();
    [[nodiscard]] std::int32_t partitions(TopicRole topic) const;
    [[nodiscard]] Result<Positions> starts_of(TopicRole topic);
    [[nodiscard]] Result<Positions> ends_of(TopicRole topic, Isolation isolation);
    [[nodiscard]] static Result<void> open(LogReader& from, TopicRole topic,
                                           const Positions& starts);
    [[nodiscard]] Result<void> read_until(LogReader& from, TopicRole topic, Positions ends,
                                          const OnBatch& on_batch);
    [[nodiscard]] Error unreadable(TopicRole topic, const Positions& wanted);
    [[nodiscard]] double seconds_since(Instant begin) const;

    [[nodiscard]] Result<void> quick();
    [[nodiscard]] Result<void> whole();
    [[nodiscard]] Result<void> run_pass(KeyClass keys);
    [[nodiscard]] Result<void> run_round(Pass& pass);
    [[nodiscard]] Result<void> read_changelog(Pass& pass);
    void take_advance(Pass& pass, const RecordView& record);
    [[nodiscard]] Result<void> read_newer_advances(Pass& pass);
    [[nodiscard]] Result<void> read_results(Pass& pass);
    [[nodiscard]] Result<void> read_source(Pass& pass, const std::vector<Piece>& pieces);
    [[nodiscard]] Result<void> count_source(Pass& pass);
    [[nodiscard]] Result<void> check_cut(const Metas& cut) const;
    [[nodiscard]] Result<void> know_partitions(const Metas& cut);
    [[nodiscard]] Result<void> check_source(const Pass& pass, const std::vector<Piece>& pieces);
    [[nodiscard]] Result<void> compare_source(Pass& pass);
    void halve_while_too_large(Pass& pass);
    // Whether every state is what its meta says; a difference is a finding when `is_final`.
    bool check_states(const Pass& pass, const Comparison& found, bool is_final);
    void add_states(const Pass& pass, const Comparison& found);
    void judge_added_states();
    void check_retired(const Metas& cut);
    [[nodiscard]] Result<void> read_ledger(const Metas& cut);
    [[nodiscard]] Result<void> describe(const Metas& cut);

    [[nodiscard]] Result<void> open_base();
    [[nodiscard]] Result<void> load_base();
    [[nodiscard]] Result<void> each_base_frame(
        const std::function<Result<void>(BaseReader&, BaseReader::Frame)>& visit);
    [[nodiscard]] Result<void> save_accounts(Pass& pass);
    [[nodiscard]] Result<void> write_base();
    [[nodiscard]] Result<void> finish_base();

    Options options_;
    Surroundings& world_;
    std::vector<std::pair<TopicRole, Surroundings::Topic>> topics_;
    AuditedJob job_;
    Report report_;
    std::optional<Accounts> accounts_;
    std::vector<KeyClass> todo_;

    Metas base_;                  // of --base
    std::optional<Metas> first_;  // the cut of the first pass
    // Over all passes, where those had the same cut.
    std::vector<StateSum> states_;
    bool states_add_up_ = true;
    std::set<std::size_t> broken_states_;  // said once, whatever rounds follow

    std::optional<BaseWriter> base_writer_;
    std::unique_ptr<ByteSink> base_out_;
    std::string base_bytes_;
};

}  // namespace kstream::audit
