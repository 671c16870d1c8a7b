#include "app/audit_session.hpp"

#include "app/ensure_topics.hpp"
#include "kafka/error_map.hpp"
#include "kstream/check.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/codec/wire.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace kstream::app {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kClusterWait{30000};
constexpr milliseconds kPollWait{100};
// Without progress: a transaction of a process that died holds readers back until the broker ends
// it, 10 s and its own interval of 10 s later.
constexpr seconds kPatience{60};
// A key that is different each time is a finding at the last one, whatever moves.
constexpr int kMostRounds = 4;
// Where meta, the last record of each transaction, is looked for with --quick; then all of it.
constexpr std::int64_t kTailRecords = 2000;
// A base file until all is proved.
constexpr const char* kUnfinished = ".new";
// A frame of one is a key with its total, or a meta record.
constexpr std::uint32_t kMostFrameBytes = 64U * 1024 * 1024;

double seconds_since(steady_clock::time_point begin) {
    return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

std::unexpected<Error> cannot_tell(std::string message, std::string hint = {}) {
    return fail(ExitCode::cannot_tell, std::move(message), std::move(hint));
}

constexpr TopicRole kRead[] = {TopicRole::source, TopicRole::repartition, TopicRole::changelog,
                               TopicRole::results};

}  // namespace

// One class of keys on its way: readers stay open, so that a later round reads only what is new.
struct AuditSession::Pass {
    bool first = false;
    int round = 0;
    kafka::TopicReader changelog;
    kafka::TopicReader results;
    audit::SourceFold source;
    bool done = false;
    bool saved = false;  // its accounts are in the base file
};

AuditSession::AuditSession(const cli::AuditConfig& config, AppContext& context, kafka::Admin admin)
    : config_(config), context_(context), admin_(std::move(admin)) {
    report_.application_id = config.application_id;
}

Result<AuditReport> AuditSession::run() {
    const auto begin = steady_clock::now();
    if (const auto reached = admin_.wait_for_cluster(1, kClusterWait); !reached) {
        return std::unexpected(reached.error());
    }
    if (Result<void> looked = look_at_topics(); !looked) {
        return std::unexpected(std::move(looked.error()));
    }
    if (Result<void> done = config_.quick ? quick() : whole(); !done) {
        drop_base();
        return std::unexpected(std::move(done.error()));
    }
    report_.seconds = seconds_since(begin);
    return std::move(report_);
}

Result<void> AuditSession::look_at_topics() {
    Result<Names> names =
        make_names(config_.application_id, config_.spec.source_topic, config_.results_topic);
    if (!names) {
        return std::unexpected(std::move(names.error()));
    }
    names_ = std::move(*names);
    std::vector<std::string> asked;
    for (const TopicRole role : kRead) {
        asked.push_back(names_.topic(role));
    }
    Result<std::vector<kafka::TopicInfo>> found = admin_.describe_topics(asked);
    if (!found) {
        return std::unexpected(std::move(found.error()));
    }
    for (std::size_t i = 0; i < found->size(); ++i) {
        kafka::TopicInfo& info = (*found)[i];
        if (info.error) {
            return std::unexpected(kafka::with_right(*info.error, "Read on topic " + info.name));
        }
        if (!info.exists) {
            return fail(ExitCode::unavailable, fmt::format("topic {} is not there", info.name),
                        "give the audit the --application-id and topics of the job, as kstream "
                        "aggregate has them");
        }
        topics_[kRead[i]] = std::move(info);
    }
    const auto partitions = [this](TopicRole role) {
        return static_cast<std::uint32_t>(topics_.at(role).partitions.size());
    };
    Identity identity;
    identity.spec_hash = spec_hash(config_.spec);
    identity.scale = static_cast<std::uint8_t>(config_.spec.scale);
    identity.state_partitions = partitions(TopicRole::repartition);
    identity.results_partitions = partitions(TopicRole::results);
    identity.initial_source_partitions = partitions(TopicRole::source);
    identity.source_id = topics_.at(TopicRole::source).id;
    identity.repartition_id = topics_.at(TopicRole::repartition).id;
    identity.changelog_id = topics_.at(TopicRole::changelog).id;
    if (partitions(TopicRole::changelog) != identity.state_partitions) {
        return fail(ExitCode::identity,
                    fmt::format("topic {} has {} partitions and {} has {}", names_.changelog,
                                partitions(TopicRole::changelog), names_.repartition,
                                identity.state_partitions),
                    "their counts are equal from the start on (P9): `kstream reset` begins again");
    }
    job_ = audit::AuditedJob::of(config_.spec, identity);
    accounts_.emplace(job_, config_.memory, report_.findings);
    return {};
}

Result<AuditSession::Targets> AuditSession::offsets(TopicRole topic, std::int64_t at,
                                                    Isolation isolation) {
    std::vector<kafka::OffsetQuery> queries;
    for (const kafka::PartitionInfo& partition : topics_.at(topic).partitions) {
        queries.push_back({{names_.topic(topic), partition.id}, at});
    }
    Result<std::vector<kafka::ListedOffset>> listed = admin_.list_offsets(queries, isolation);
    if (!listed) {
        return std::unexpected(std::move(listed.error()));
    }
    Targets found;
    for (const kafka::ListedOffset& one : *listed) {
        found[one.of.partition] = one.offset.value_or(Offset{0});
    }
    return found;
}

kafka::TopicReader AuditSession::reader(const char* name) const {
    kafka::TopicNames topics;
    for (const TopicRole role : kRead) {
        topics.set(role, names_.topic(role));
    }
    return kafka::TopicReader{{config_.common.brokers, config_.application_id,
                               config_.common.client_properties, &context_.log},
                              topics,
                              fmt::format("audit-{}", name)};
}

Result<void> AuditSession::open(kafka::TopicReader& from, TopicRole topic, const Targets& starts) {
    for (const auto& [partition, start] : starts) {
        if (Result<void> opened = from.open(topic, partition, start); !opened) {
            return opened;
        }
    }
    return {};
}

// Until the position of each partition has reached its end: control records, aborted records and
// holes are passed without a record.
Result<void> AuditSession::read_until(kafka::TopicReader& from, TopicRole topic, Targets ends,
                                      const OnBatch& on_batch) const {
    auto last_progress = steady_clock::now();
    while (true) {
        if (std::erase_if(ends, [&](const auto& end) {
                return from.position(topic, end.first) >= end.second;
            }) > 0) {
            last_progress = steady_clock::now();
        }
        if (ends.empty()) {
            return {};
        }
        if (context_.stop.requested()) {
            return cannot_tell("stopped before all was read");
        }
        const Result<RecordBatch> batch = from.poll(topic, kPollWait);
        if (!batch) {
            return std::unexpected(batch.error());
        }
        if (!batch->empty()) {
            last_progress = steady_clock::now();
            if (Result<void> taken = on_batch(*batch); !taken) {
                return taken;
            }
        } else if (steady_clock::now() - last_progress > kPatience) {
            return fail(ExitCode::try_again,
                        fmt::format("topic {} partition {} cannot be read up to offset {}",
                                    names_.topic(topic), ends.begin()->first.value,
                                    ends.begin()->second.value),
                        "an open transaction, or brokers that are away: try again");
        }
    }
}

// ---- --quick ------------------------------------------------------------------------------------

Result<void> AuditSession::quick() {
    const Result<Targets> starts =
        offsets(TopicRole::changelog, kafka::OffsetQuery::kEarliest, Isolation::read_committed);
    const Result<Targets> ends =
        offsets(TopicRole::changelog, kafka::OffsetQuery::kLatest, Isolation::read_committed);
    if (!starts || !ends) {
        return std::unexpected(starts ? ends.error() : starts.error());
    }
    for (const bool tail : {true, false}) {
        Targets from = *starts;
        Targets to = *ends;
        for (auto& [partition, offset] : from) {
            if (tail) {
                offset = std::max(offset, Offset{to.at(partition).value - kTailRecords});
            }
        }
        std::erase_if(from, [this, tail](const auto& one) {
            return !tail && accounts_->cut()[static_cast<std::size_t>(one.first.value)];
        });
        std::erase_if(to, [&from](const auto& one) { return !from.contains(one.first); });
        kafka::TopicReader changelog = reader("changelog");
        if (Result<void> opened = open(changelog, TopicRole::changelog, from); !opened) {
            return opened;
        }
        // Only meta is of interest: no key is of this class.
        if (from.empty()) {
            break;
        }
        if (Result<void> read = read_until(changelog, TopicRole::changelog, to,
                                           [this](RecordBatch batch) -> Result<void> {
                                               for (const RecordView& record : batch) {
                                                   if (record.key() == meta_key()) {
                                                       accounts_->take_changelog(record);
                                                   }
                                               }
                                               return {};
                                           });
            !read) {
            return read;
        }
    }
    if (Result<void> known = check_cut(accounts_->cut()); !known) {
        return known;
    }
    return describe(accounts_->cut());
}

// ---- the whole audit ----------------------------------------------------------------------------

Result<void> AuditSession::whole() {
    if (Result<void> opened = open_base(); !opened) {
        return opened;
    }
    report_.proof = config_.base.empty() ? Proof::full : Proof::since_base;
    states_.resize(job_.state_partitions);
    for (audit::StateSum& sum : states_) {
        sum.slots.resize(job_.kinds.size());
    }
    todo_.push_back({});
    while (!todo_.empty()) {
        const audit::KeyClass keys = todo_.back();
        todo_.pop_back();
        if (Result<void> done = run_pass(keys); !done) {
            return done;
        }
        ++report_.passes;
    }
    if (report_.passes > 1 && states_add_up_) {
        for (std::size_t q = 0; q < states_.size(); ++q) {
            const Meta& meta = *(*first_)[q];
            if (states_[q].keys != meta.keys || states_[q].hash != meta.state_hash) {
                report_.findings.add(audit::FindingKind::broken_state,
                                     fmt::format("state partition {}", q),
                                     fmt::format("{} keys, as meta says", meta.keys),
                                     fmt::format("{} keys{}", states_[q].keys,
                                                 states_[q].keys == meta.keys
                                                     ? ", not with the values that meta knows"
                                                     : ""));
            }
        }
    }
    return finish_base();
}

Result<void> AuditSession::run_pass(audit::KeyClass keys) {
    accounts_->begin(keys);
    Pass pass{.first = !first_,
              .changelog = reader("changelog"),
              .results = reader("results"),
              .source = audit::SourceFold{job_, *accounts_}};
    if (!config_.base.empty()) {
        pass.source.begin_at(base_);
        if (Result<void> loaded = load_base(); !loaded) {
            return loaded;
        }
    }
    while (!pass.done) {
        ++pass.round;
        if (Result<void> done = run_round(pass); !done) {
            return done;
        }
    }
    report_.source_records += pass.source.records();
    return {};
}

Result<void> AuditSession::run_round(Pass& pass) {
    if (Result<void> read = read_changelog(pass); !read) {
        return read;
    }
    const Metas& cut = accounts_->cut();
    if (Result<void> known = check_cut(cut); !known) {
        return known;
    }
    const bool is_first = pass.first && pass.round == 1;
    if (is_first) {
        first_ = cut;
        if (Result<void> described = describe(cut); !described) {
            return described;
        }
    }
    if (Result<void> read = read_results(pass); !read) {
        return read;
    }
    if (Result<void> counted = count_source(pass); !counted) {
        return counted;
    }
    if (is_first) {
        if (report_.proof != Proof::ledger_only) {
            pass.source.compare(cut, report_.findings);
        }
        if (Result<void> read = read_ledger(cut); !read) {
            return read;
        }
    }
    const bool last = pass.round == kMostRounds;
    const audit::Comparison found = accounts_->compare(last);
    if (pass.round == 1) {
        report_.keys += found.keys;
        report_.again += found.again;
        add_states(pass, found);
    }
    const bool states_fit = check_states(pass, found, last);
    pass.done = last || (found.again == 0 && states_fit);
    return {};
}

Result<void> AuditSession::check_cut(const Metas& cut) const {
    if (std::ranges::none_of(cut, [](const auto& meta) { return meta.has_value(); })) {
        return cannot_tell("the job has committed nothing yet",
                           "start kstream aggregate first, or name another --application-id");
    }
    for (std::size_t q = 0; q < cut.size(); ++q) {
        if (!cut[q]) {
            return cannot_tell(
                fmt::format("topic {} partition {} has no meta record", names_.changelog, q),
                "the job begins just now, or the changelog was cut: try again");
        }
        const auto differences = identity_differences(cut[q]->identity, job_.identity);
        if (!differences.empty()) {
            return fail(ExitCode::identity,
                        fmt::format("topic {} partition {} belongs to another job, or topics were "
                                    "replaced: {}",
                                    names_.changelog, q, fmt::join(differences, "; ")),
                        "give the audit the options of the job");
        }
    }
    return {};
}

void AuditSession::halve_while_too_large(Pass& pass) {
    // Later rounds add little. A key that was saved and put off would be saved twice.
    while (pass.round == 1 && !pass.saved && accounts_->over_memory()) {
        todo_.push_back(accounts_->halve());
    }
}

Result<void> AuditSession::read_changelog(Pass& pass) {
    // The end of all that was written, not of what is committed: whatever was visible before has
    // its meta record below it (P8).
    Result<Targets> ends =
        offsets(TopicRole::changelog, kafka::OffsetQuery::kLatest, Isolation::read_uncommitted);
    if (!ends) {
        return std::unexpected(std::move(ends.error()));
    }
    if (pass.round == 1) {
        const Result<Targets> starts =
            offsets(TopicRole::changelog, kafka::OffsetQuery::kEarliest, Isolation::read_committed);
        if (!starts) {
            return std::unexpected(starts.error());
        }
        if (Result<void> opened = open(pass.changelog, TopicRole::changelog, *starts); !opened) {
            return opened;
        }
    }
    return read_until(pass.changelog, TopicRole::changelog, std::move(*ends),
                      [this, &pass](RecordBatch batch) -> Result<void> {
                          for (const RecordView& record : batch) {
                              accounts_->take_changelog(record);
                          }
                          halve_while_too_large(pass);
                          return {};
                      });
}

Result<void> AuditSession::read_results(Pass& pass) {
    // Asked after the changelog was read: what its transactions have published lies below.
    Result<Targets> ends =
        offsets(TopicRole::results, kafka::OffsetQuery::kLatest, Isolation::read_uncommitted);
    if (!ends) {
        return std::unexpected(std::move(ends.error()));
    }
    if (pass.round == 1) {
        const Result<Targets> starts =
            offsets(TopicRole::results, kafka::OffsetQuery::kEarliest, Isolation::read_committed);
        if (!starts) {
            return std::unexpected(starts.error());
        }
        if (Result<void> opened = open(pass.results, TopicRole::results, *starts); !opened) {
            return opened;
        }
    }
    return read_until(pass.results, TopicRole::results, std::move(*ends),
                      [this, &pass](RecordBatch batch) -> Result<void> {
                          for (const RecordView& record : batch) {
                              accounts_->take_result(
                                  record, pass.results.header(record, kTransactionHeader.data()));
                          }
                          halve_while_too_large(pass);
                          return {};
                      });
}

Result<void> AuditSession::check_source_starts(const std::vector<audit::Piece>& pieces) {
    const Result<Targets> starts =
        offsets(TopicRole::source, kafka::OffsetQuery::kEarliest, Isolation::read_committed);
    if (!starts) {
        return std::unexpected(starts.error());
    }
    for (const audit::Piece& piece : pieces) {
        const auto start = starts->find(piece.partition);
        if (start == starts->end()) {
            return fail(ExitCode::integrity, fmt::format("topic {} has no partition {} any more",
                                                         names_.source, piece.partition.value));
        }
        if (start->second > piece.from) {
            report_.proof = Proof::ledger_only;
            report_.why_not_full = fmt::format(
                "topic {} partition {} begins at offset {} now, and the totals hold its records "
                "from {}{} on",
                names_.source, piece.partition.value, start->second.value, piece.from.value,
                config_.base.empty() ? "" : ", where the base ends,");
            return {};
        }
    }
    return {};
}

Result<void> AuditSession::count_source(Pass& pass) {
    // What is saved is of one cut, whichever pass a key falls into.
    const bool behind_first = !pass.first && pass.round == 1 && base_writer_.has_value();
    if (report_.proof != Proof::ledger_only && behind_first) {
        if (Result<void> read = read_source(pass, pass.source.aim(*first_)); !read) {
            return read;
        }
        if (Result<void> saved = save_accounts(pass); !saved) {
            return saved;
        }
    }
    const std::vector<audit::Piece> pieces = pass.source.aim(accounts_->cut());
    if (pass.first && pass.round == 1) {
        if (Result<void> checked = check_source_starts(pieces); !checked) {
            return checked;
        }
    }
    if (report_.proof == Proof::ledger_only) {
        accounts_->believe_changelog();
        return {};
    }
    if (Result<void> read = read_source(pass, pieces); !read) {
        return read;
    }
    return pass.first && pass.round == 1 ? save_accounts(pass) : Result<void>{};
}

Result<void> AuditSession::read_source(Pass& pass, const std::vector<audit::Piece>& pieces) {
    if (pieces.empty()) {
        pass.source.arrive();
        return {};
    }
    const auto begin = steady_clock::now();
    Targets starts;
    Targets ends;
    for (const audit::Piece& piece : pieces) {
        starts[piece.partition] = piece.from;
        ends[piece.partition] = piece.to;
    }
    kafka::TopicReader source = reader("source");
    if (Result<void> opened = open(source, TopicRole::source, starts); !opened) {
        return opened;
    }
    Result<void> read = read_until(source, TopicRole::source, std::move(ends),
                                   [this, &pass](RecordBatch batch) -> Result<void> {
                                       pass.source.fold(batch);
                                       halve_while_too_large(pass);
                                       return {};
                                   });
    report_.source_seconds += seconds_since(begin);
    if (!read) {
        // Retention was faster than the audit.
        if (read.error().exit_code == ExitCode::integrity) {
            read.error().exit_code = ExitCode::cannot_tell;
        }
        return read;
    }
    pass.source.arrive();
    return {};
}

// ---- what totals, meta and ledger say of each other ---------------------------------------------

bool AuditSession::check_states(const Pass& pass, const audit::Comparison& found, bool is_final) {
    if (accounts_->keys().modulus > 1) {
        return true;  // add_states() and whole() see to it
    }
    bool all_fit = true;
    for (std::size_t q = 0; q < found.by_state.size(); ++q) {
        const audit::StateSum& sum = found.by_state[q];
        const Meta& meta = *accounts_->cut()[q];
        const bool fits =
            sum.keys == meta.keys && sum.hash == meta.state_hash && sum.slots == meta.slots;
        if (fits || broken_states_.contains(q)) {
            continue;
        }
        // Compaction may have taken totals of this moment away while they were read. Nothing has
        // been written since: then there is nothing that could explain it.
        const bool moved = pass.round == 1 || states_[q].hash != sum.hash;
        states_[q] = sum;
        if (moved && !is_final) {
            all_fit = false;
            continue;
        }
        broken_states_.insert(q);
        report_.findings.add(
            audit::FindingKind::broken_state, fmt::format("state partition {}", q),
            fmt::format("{} keys with {}, as meta says", meta.keys, row_text(job_, meta.slots)),
            fmt::format(
                "{} keys with {}{}", sum.keys, row_text(job_, sum.slots),
                sum.keys == meta.keys && sum.slots == meta.slots ? ", another state hash" : ""));
    }
    return all_fit;
}

void AuditSession::add_states(const Pass& pass, const audit::Comparison& found) {
    if (accounts_->keys().modulus == 1) {
        return;
    }
    for (std::size_t q = 0; q < states_.size(); ++q) {
        if (!pass.first && accounts_->cut()[q]->transaction != (*first_)[q]->transaction) {
            states_add_up_ = false;
        }
        states_[q].keys += found.by_state[q].keys;
        states_[q].hash += found.by_state[q].hash;
    }
}

Result<void> AuditSession::read_ledger(const Metas& cut) {
    const Result<Targets> starts =
        offsets(TopicRole::repartition, kafka::OffsetQuery::kEarliest, Isolation::read_committed);
    if (!starts) {
        return std::unexpected(starts.error());
    }
    std::vector<audit::Ledger> ledgers;
    Targets from;
    Targets ends;
    for (std::size_t q = 0; q < cut.size(); ++q) {
        const PartitionId partition{static_cast<std::int32_t>(q)};
        const Offset start = starts->at(partition);
        ledgers.emplace_back(job_, q, start, report_.findings);
        if (start < cut[q]->repartition_position) {
            from[partition] = start;
            ends[partition] = cut[q]->repartition_position;
        }
    }
    if (!from.empty()) {
        kafka::TopicReader repartition = reader("repartition");
        if (Result<void> opened = open(repartition, TopicRole::repartition, from); !opened) {
            return opened;
        }
        const auto take = [&](RecordBatch batch) -> Result<void> {
            for (const RecordView& record : batch) {
                const auto q = static_cast<std::size_t>(record.partition.value);
                if (record.record_offset < cut[q]->repartition_position) {
                    ledgers[q].take(record);
                }
            }
            return {};
        };
        if (Result<void> read = read_until(repartition, TopicRole::repartition, ends, take);
            !read) {
            return read;
        }
    }
    for (std::size_t q = 0; q < cut.size(); ++q) {
        ledgers[q].close(*cut[q], report_.ledger);
    }
    return {};
}

Result<void> AuditSession::describe(const Metas& cut) {
    const Result<Targets> ends =
        offsets(TopicRole::source, kafka::OffsetQuery::kLatest, Isolation::read_committed);
    if (!ends) {
        return std::unexpected(ends.error());
    }
    report_.cut = cut;
    for (const auto& [partition, end] : *ends) {
        AuditedPartition audited;
        audited.partition = partition;
        audited.end = end;
        const SourceProgress* least = nullptr;
        bool everywhere = true;
        for (const auto& meta : cut) {
            const auto source =
                std::ranges::find(meta->sources, partition, &SourceProgress::partition);
            if (source == meta->sources.end()) {
                everywhere = false;
            } else if (least == nullptr || source->applied < least->applied) {
                least = &*source;
            }
        }
        if (least != nullptr) {
            audited.base = least->base;
            audited.applied = everywhere ? least->applied : least->base;
            if (everywhere) {
                report_.counts += least->counts;
            }
        }
        audited.lag = audited.applied < end
                          ? static_cast<std::uint64_t>(end.value - audited.applied.value)
                          : 0;
        report_.partitions.push_back(audited);
    }
    return {};
}

// ---- --base, --save-base ------------------------------------------------------------------------

Result<void> AuditSession::each_base_frame(
    const std::function<Result<void>(audit::BaseReader&, audit::BaseReader::Frame)>& visit) {
    std::ifstream in(config_.base, std::ios::binary);
    std::string bytes(audit::kBaseMagic.size(), '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!in) {
        return cannot_tell(fmt::format("--base {}: cannot be read", config_.base),
                           "name a file that --save-base has written");
    }
    if (bytes != audit::kBaseMagic) {
        return cannot_tell(
            fmt::format("--base {}: no base file, or of a newer version", config_.base),
            "name a file that --save-base has written");
    }
    audit::BaseReader frames{job_};
    while (true) {
        std::array<char, 4> head{};
        in.read(head.data(), head.size());
        ByteReader reader{{head.data(), head.size()}};
        const std::uint32_t size = reader.u32();
        if (!in || size > kMostFrameBytes) {
            return cannot_tell(fmt::format("--base {}: cut off", config_.base),
                               "name a file that --save-base has written");
        }
        bytes.resize(size);
        in.read(bytes.data(), static_cast<std::streamsize>(size));
        if (!in) {
            return cannot_tell(fmt::format("--base {}: cut off", config_.base),
                               "name a file that --save-base has written");
        }
        const Result<audit::BaseReader::Frame> frame = frames.take(bytes);
        if (!frame) {
            return std::unexpected(frame.error());
        }
        if (Result<void> visited = visit(frames, *frame); !visited) {
            return visited;
        }
        if (*frame == audit::BaseReader::Frame::end) {
            return {};
        }
    }
}

Result<void> AuditSession::open_base() {
    if (!config_.base.empty()) {
        // All of it once, so that a damaged file is refused before anything rests on it.
        Result<void> read = each_base_frame([this](audit::BaseReader& frames, auto) {
            base_ = frames.metas();
            return Result<void>{};
        });
        if (!read) {
            return read;
        }
        for (const auto& meta : base_) {
            const auto differences = meta ? identity_differences(meta->identity, job_.identity)
                                          : std::vector<std::string>{};
            if (!differences.empty()) {
                return fail(ExitCode::identity,
                            fmt::format("--base {} is of another job or of topics that were "
                                        "replaced: {}",
                                        config_.base, fmt::join(differences, "; ")),
                            "audit without --base");
            }
        }
    }
    if (!config_.save_base.empty()) {
        base_writer_.emplace(job_);
        base_out_.open(config_.save_base + kUnfinished, std::ios::binary | std::ios::trunc);
        if (!base_out_) {
            return fail(ExitCode::usage, fmt::format("--save-base {}: cannot be written: {}",
                                                     config_.save_base, std::strerror(errno)));
        }
    }
    return {};
}

Result<void> AuditSession::load_base() {
    return each_base_frame(
        [this](audit::BaseReader& frames, audit::BaseReader::Frame frame) -> Result<void> {
            if (frame == audit::BaseReader::Frame::total &&
                !accounts_->take_base(frames.total().state_key, frames.total().row)) {
                return cannot_tell(
                    fmt::format("--base {}: a key that is none of the job's", config_.base));
            }
            // Round 1: what is too large is halved here already.
            while (accounts_->over_memory()) {
                todo_.push_back(accounts_->halve());
            }
            return {};
        });
}

Result<void> AuditSession::save_accounts(Pass& pass) {
    if (!base_writer_) {
        return {};
    }
    pass.saved = true;
    base_bytes_.clear();
    if (pass.first) {
        audit::BaseWriter::begin(base_bytes_);
        for (std::size_t q = 0; q < first_->size(); ++q) {
            Meta meta = *(*first_)[q];
            meta.sources = pass.source.progress(q);  // as counted, not as it says
            base_writer_->meta(base_bytes_, static_cast<std::uint32_t>(q), meta);
        }
    }
    accounts_->each([this](std::string_view state_key, const audit::Account& account) {
        if (std::ranges::any_of(account.source, &Slot::present)) {
            base_writer_->total(base_bytes_, state_key, account.total_transaction, account.source);
        }
        if (base_bytes_.size() > (1U << 20)) {
            base_out_.write(base_bytes_.data(), static_cast<std::streamsize>(base_bytes_.size()));
            base_bytes_.clear();
        }
    });
    base_out_.write(base_bytes_.data(), static_cast<std::streamsize>(base_bytes_.size()));
    return {};
}

void AuditSession::drop_base() {
    if (base_out_.is_open()) {
        base_out_.close();
        std::remove((config_.save_base + kUnfinished).c_str());
    }
}

Result<void> AuditSession::finish_base() {
    if (!base_writer_) {
        return {};
    }
    if (report_.exit_code() != ExitCode::ok) {
        drop_base();
        return {};
    }
    const std::string unfinished = config_.save_base + kUnfinished;
    base_bytes_.clear();
    base_writer_->end(base_bytes_);
    base_out_.write(base_bytes_.data(), static_cast<std::streamsize>(base_bytes_.size()));
    base_out_.close();
    if (!base_out_ || std::rename(unfinished.c_str(), config_.save_base.c_str()) != 0) {
        return fail(ExitCode::usage, fmt::format("--save-base {}: cannot be written: {}",
                                                 config_.save_base, std::strerror(errno)));
    }
    report_.saved_base = config_.save_base;
    return {};
}

}  // namespace kstream::app
