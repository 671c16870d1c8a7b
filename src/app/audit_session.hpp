// The way of an audit through the logs: changelog, results, source, and once more where something
// moved on meanwhile. It reads and hands on; what is right is decided in src/audit.
#pragma once

#include "app/audit_report.hpp"
#include "app/commands.hpp"
#include "app/topic_plan.hpp"
#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kafka/topic_reader.hpp"
#include "kstream/audit/accounts.hpp"
#include "kstream/audit/audited_job.hpp"
#include "kstream/audit/base_file.hpp"
#include "kstream/audit/source_fold.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/cluster_queries.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kstream::app {

class AuditSession {
public:
    AuditSession(const cli::AuditConfig& config, AppContext& context, kafka::Admin admin);

    [[nodiscard]] Result<AuditReport> run();

private:
    using Metas = std::vector<std::optional<Meta>>;
    using Targets = std::map<PartitionId, Offset>;
    using OnBatch = std::function<Result<void>(RecordBatch)>;
    struct Pass;

    [[nodiscard]] Result<void> look_at_topics();
    [[nodiscard]] Result<Targets> offsets(TopicRole topic, std::int64_t at, Isolation isolation);
    [[nodiscard]] kafka::TopicReader reader(const char* name) const;
    [[nodiscard]] static Result<void> open(kafka::TopicReader& from, TopicRole topic,
                                           const Targets& starts);
    [[nodiscard]] Result<void> read_until(kafka::TopicReader& from, TopicRole topic, Targets ends,
                                          const OnBatch& on_batch) const;

    [[nodiscard]] Result<void> quick();
    [[nodiscard]] Result<void> whole();
    [[nodiscard]] Result<void> run_pass(audit::KeyClass keys);
    [[nodiscard]] Result<void> run_round(Pass& pass);
    [[nodiscard]] Result<void> read_changelog(Pass& pass);
    [[nodiscard]] Result<void> read_results(Pass& pass);
    [[nodiscard]] Result<void> read_source(Pass& pass, const std::vector<audit::Piece>& pieces);
    [[nodiscard]] Result<void> count_source(Pass& pass);
    [[nodiscard]] Result<void> check_cut(const Metas& cut) const;
    [[nodiscard]] Result<void> check_source_starts(const std::vector<audit::Piece>& pieces);
    void halve_while_too_large(Pass& pass);
    // Whether every state is what its meta says; a difference is a finding when `is_final`.
    bool check_states(const Pass& pass, const audit::Comparison& found, bool is_final);
    void add_states(const Pass& pass, const audit::Comparison& found);
    [[nodiscard]] Result<void> read_ledger(const Metas& cut);
    [[nodiscard]] Result<void> describe(const Metas& cut);

    [[nodiscard]] Result<void> open_base();
    [[nodiscard]] Result<void> load_base();
    [[nodiscard]] Result<void> each_base_frame(
        const std::function<Result<void>(audit::BaseReader&, audit::BaseReader::Frame)>& visit);
    [[nodiscard]] Result<void> save_accounts(Pass& pass);
    void drop_base();
    [[nodiscard]] Result<void> finish_base();

    const cli::AuditConfig& config_;
    AppContext& context_;
    kafka::Admin admin_;
    Names names_;
    std::map<TopicRole, kafka::TopicInfo> topics_;
    audit::AuditedJob job_;
    AuditReport report_;
    std::optional<audit::Accounts> accounts_;
    std::vector<audit::KeyClass> todo_;

    Metas base_;                  // of --base
    std::optional<Metas> first_;  // the cut of the first pass
    // Over all passes, where those had the same cut.
    std::vector<audit::StateSum> states_;
    bool states_add_up_ = true;
    std::set<std::size_t> broken_states_;  // said once, whatever rounds follow

    std::optional<audit::BaseWriter> base_writer_;
    std::ofstream base_out_;
    std::string base_bytes_;
};

}  // namespace kstream::app
