#include "kstream/audit/session.hpp"

#include "audit/session_pass.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/spec_hash.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

namespace kstream::audit {

namespace {

constexpr Duration kPollWait = std::chrono::milliseconds{100};
// Without progress: a transaction of a process that died holds readers back until the broker ends
// it, 10 s and its own interval of 10 s later.
constexpr Duration kPatience = std::chrono::seconds{60};
// A key that is different each time is a finding at the last one, whatever moves.
constexpr int kMaxRounds = 4;
// Where meta, the last record of each transaction, is looked for with --quick; then all of it.
constexpr std::int64_t kTailRecords = 2000;

constexpr TopicRole kRead[] = {TopicRole::source, TopicRole::repartition, TopicRole::changelog,
                               TopicRole::results};

}  // namespace

Session::Session(Options options, Surroundings& world)
    : options_(std::move(options)), world_(world) {
    report_.application_id = options_.application_id;
}

Result<Report> Session::run() {
    const Instant begin = world_.clock().now();
    if (Result<void> looked = look_at_topics(); !looked) {
        return std::unexpected(std::move(looked.error()));
    }
    Result<void> done = options_.quick ? quick() : whole();
    // Whatever was read of a topic that is another one by now says nothing, and may be why it
    // failed.
    if (Result<void> same = look_again();
        !same && (done || same.error().exit_code == ExitCode::cannot_tell)) {
        done = std::move(same);
    }
    if (done) {
        done = finish_base();
    }
    if (!done) {
        return std::unexpected(std::move(done.error()));
    }
    report_.seconds = seconds_since(begin);
    return std::move(report_);
}

// The topics are those that were there when it began. The source may have got partitions: those
// that the totals did not hold then are not asked for.
Result<void> Session::look_again() {
    for (const auto& [role, before] : topics_) {
        const auto now = world_.describe(role);
        if (!now) {
            return std::unexpected(now.error());
        }
        const bool is_other = *now && (*now)->id != before.id;
        const bool grew = *now && (*now)->partitions != before.partitions;
        if (!*now || is_other || (grew && role != TopicRole::source)) {
            return cannot_tell(
                fmt::format("topic {} was {} while it was audited", world_.name(role),
                            !*now      ? "deleted"
                            : is_other ? "deleted and re-created"
                                       : "given partitions"),
                "audit again when the topics no longer change, after a reset when the job has "
                "committed");
        }
    }
    return {};
}

double Session::seconds_since(Instant begin) const {
    return std::chrono::duration<double>(world_.clock().now() - begin).count();
}

Result<void> Session::look_at_topics() {
    for (const TopicRole role : kRead) {
        const auto found = world_.describe(role);
        if (!found) {
            return std::unexpected(found.error());
        }
        if (!*found) {
            return fail(ExitCode::unavailable,
                        fmt::format("topic {} does not exist{}", world_.name(role),
                                    world_.suggestion(role)),
                        "give the audit the --application-id and topics of the job, as kstream "
                        "aggregate has them");
        }
        topics_.emplace_back(role, **found);
    }
    const auto id = [this](TopicRole role) {
        return std::ranges::find(topics_, role, [](const auto& topic) { return topic.first; })
            ->second.id;
    };
    const auto count = [this](TopicRole role) {
        return static_cast<std::uint32_t>(partitions(role));
    };
    Identity identity;
    identity.spec_hash = spec_hash(options_.spec);
    identity.scale = static_cast<std::uint8_t>(options_.spec.scale);
    identity.state_partitions = count(TopicRole::repartition);
    identity.results_partitions = count(TopicRole::results);
    identity.initial_source_partitions = count(TopicRole::source);
    identity.source_id = id(TopicRole::source);
    identity.repartition_id = id(TopicRole::repartition);
    identity.changelog_id = id(TopicRole::changelog);
    if (count(TopicRole::changelog) != identity.state_partitions) {
        return fail(ExitCode::identity,
                    fmt::format("topic {} has {} partitions and {} has {}",
                                world_.name(TopicRole::changelog), count(TopicRole::changelog),
                                world_.name(TopicRole::repartition), identity.state_partitions),
                    "their counts are equal from the start on (P9): `kstream reset` begins again");
    }
    job_ = AuditedJob::of(options_.spec, identity, options_.statement);
    accounts_.emplace(job_, options_.memory, report_.findings);
    return {};
}

std::int32_t Session::partitions(TopicRole topic) const {
    return std::ranges::find(topics_, topic, [](const auto& known) { return known.first; })
        ->second.partitions;
}

Result<Positions> Session::starts_of(TopicRole topic) {
    return world_.starts(topic, partitions(topic));
}

Result<Positions> Session::ends_of(TopicRole topic, Isolation isolation) {
    return world_.ends(topic, partitions(topic), isolation);
}

Result<void> Session::open(LogReader& from, TopicRole topic, const Positions& starts) {
    for (const auto& [partition, start] : starts) {
        if (Result<void> opened = from.open(topic, partition, start); !opened) {
            return opened;
        }
    }
    return {};
}

// Until the position of each partition has reached its end: control records, aborted records and
// holes are passed without a record.
Result<void> Session::read_until(LogReader& from, TopicRole topic, Positions ends,
                                 const OnBatch& on_batch) {
    Instant last_progress = world_.clock().now();
    while (true) {
        if (std::erase_if(ends, [&](const auto& end) {
                return from.position(topic, end.first) >= end.second;
            }) > 0) {
            last_progress = world_.clock().now();
        }
        if (ends.empty()) {
            return {};
        }
        if (world_.stopped()) {
            return cannot_tell("stopped before all was read");
        }
        const Result<RecordBatch> batch = from.poll(topic, kPollWait);
        if (!batch) {
            Error error = batch.error();
            if (error.exit_code == ExitCode::integrity) {
                error.exit_code = ExitCode::cannot_tell;  // deleted, or lost, while it was read
            }
            return std::unexpected(std::move(error));
        }
        if (!batch->empty()) {
            last_progress = world_.clock().now();
            if (Result<void> taken = on_batch(*batch); !taken) {
                return taken;
            }
        } else if (world_.clock().now() - last_progress > kPatience) {
            return std::unexpected(unreadable(topic, ends));
        }
    }
}

// Asked only now: a leader that is new may not know the end of its log at once.
Error Session::unreadable(TopicRole topic, const Positions& wanted) {
    const Result<Positions> ends = ends_of(topic, Isolation::read_uncommitted);
    if (!ends) {
        return ends.error();
    }
    for (const auto& [partition, offset] : wanted) {
        const Offset end = ends->at(partition);
        if (end < offset) {
            return Error::stop(
                ExitCode::cannot_tell,
                fmt::format(
                    "topic {} partition {} ends at offset {}, and had reached {}: the cluster "
                    "has lost records",
                    world_.name(topic), partition.value, end.value, offset.value),
                "the log was truncated (an unclean leader election?): keep the topics; the totals "
                "can be begun again with `kstream reset`");
        }
    }
    const auto& [partition, offset] = *wanted.begin();
    return Error::stop(ExitCode::try_again,
                       fmt::format("topic {} partition {} cannot be read up to offset {}",
                                   world_.name(topic), partition.value, offset.value),
                       "an open transaction, or brokers that are away: try again");
}

// ---- --quick ------------------------------------------------------------------------------------

Result<void> Session::quick() {
    const Result<Positions> starts = starts_of(TopicRole::changelog);
    const Result<Positions> ends = ends_of(TopicRole::changelog, Isolation::read_committed);
    if (!starts || !ends) {
        return std::unexpected(starts ? ends.error() : starts.error());
    }
    for (const bool tail : {true, false}) {
        Positions from = *starts;
        Positions to = *ends;
        for (auto& [partition, offset] : from) {
            if (tail) {
                offset = std::max(offset, Offset{to.at(partition).value - kTailRecords});
            }
        }
        std::erase_if(from, [this, tail](const auto& one) {
            return !tail && accounts_->cut()[static_cast<std::size_t>(one.first.value)];
        });
        std::erase_if(to, [&from](const auto& one) { return !from.contains(one.first); });
        const std::unique_ptr<LogReader> changelog = world_.reader("changelog");
        if (Result<void> opened = open(*changelog, TopicRole::changelog, from); !opened) {
            return opened;
        }
        // Only meta is of interest: no key is of this class.
        if (from.empty()) {
            break;
        }
        if (Result<void> read = read_until(*changelog, TopicRole::changelog, to,
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

Result<void> Session::whole() {
    if (Result<void> opened = open_base(); !opened) {
        return opened;
    }
    report_.proof = options_.base.empty() ? Proof::full : Proof::since_base;
    states_.assign(job_.state_partitions, accounts_->empty_sum());
    todo_.push_back({});
    while (!todo_.empty()) {
        const KeyClass keys = todo_.back();
        todo_.pop_back();
        if (Result<void> done = run_pass(keys); !done) {
            return done;
        }
        ++report_.passes;
    }
    judge_added_states();
    return {};
}

Result<void> Session::run_pass(KeyClass keys) {
    accounts_->begin(keys);
    Pass pass{
        .first = !first_,
        .changelog = world_.reader("changelog"),
        .results = world_.reader("results"),
        .advances = {},
        .source = SourceFold{job_, *accounts_, job_.has_windows() ? &pass.advances : nullptr}};
    if (!options_.base.empty()) {
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

Result<void> Session::run_round(Pass& pass) {
    if (Result<void> read = read_changelog(pass); !read) {
        return read;
    }
    const Metas& cut = accounts_->cut();
    if (Result<void> known = check_cut(cut); !known) {
        return known;
    }
    if (Result<void> known = know_partitions(cut); !known) {
        return known;
    }
    const bool is_first = pass.first && pass.round == 1;
    if (is_first) {
        first_ = cut;
        if (Result<void> described = describe(cut); !described) {
            return described;
        }
    }
    if (job_.has_windows() && report_.proof != Proof::ledger_only) {
        if (Result<void> read = read_newer_advances(pass); !read) {
            return read;
        }
    }
    if (Result<void> read = read_results(pass); !read) {
        return read;
    }
    if (Result<void> counted = count_source(pass); !counted) {
        return counted;
    }
    if (pass.round == 1 && report_.proof != Proof::ledger_only) {
        if (Result<void> compared = compare_source(pass); !compared) {
            return compared;
        }
    }
    if (is_first) {
        if (Result<void> read = read_ledger(cut); !read) {
            return read;
        }
        if (job_.has_windows() && report_.proof == Proof::ledger_only) {
            check_retired(cut);
        }
    }
    const bool last = pass.round == kMaxRounds;
    const Comparison found = accounts_->compare(last);
    if (found.excused > 0) {
        report_.doubts.push_back(
            fmt::format("{} key(s) differ, cannot tell why: {}", found.excused, found.excuse));
    }
    if (pass.round == 1) {
        report_.keys += found.keys;
        report_.again += found.again;
        add_states(pass, found);
    }
    const bool states_fit = check_states(pass, found, last);
    pass.done = last || (found.again == 0 && states_fit);
    return {};
}

// The totals may hold records of partitions that were added after the first look.
Result<void> Session::know_partitions(const Metas& cut) {
    std::int32_t needed = 0;
    for (const auto& meta : cut) {
        for (const SourceProgress& source : meta->sources) {
            needed = std::max(needed, source.partition.value + 1);
        }
    }
    auto& known = *std::ranges::find(topics_, TopicRole::source,
                                     [](const auto& topic) { return topic.first; });
    if (needed <= known.second.partitions) {
        return {};
    }
    const auto now = world_.describe(TopicRole::source);
    if (!now) {
        return std::unexpected(now.error());
    }
    if (!*now || (*now)->id != known.second.id || (*now)->partitions < needed) {
        return cannot_tell(fmt::format("topic {} has no partition {}, and the totals hold its "
                                       "records",
                                       world_.name(TopicRole::source), needed - 1),
                           "try again: it was re-created, or a broker does not know it yet");
    }
    known.second.partitions = (*now)->partitions;
    return {};
}

void Session::halve_while_too_large(Pass& pass) {
    // Later rounds add little. A key that was saved and put off would be saved twice.
    while (pass.round == 1 && !pass.saved && accounts_->over_memory()) {
        todo_.push_back(accounts_->halve());
    }
}

Result<void> Session::read_changelog(Pass& pass) {
    // The end of all that was written, not of what is committed: whatever was visible before has
    // its meta record below it (P8).
    Result<Positions> ends = ends_of(TopicRole::changelog, Isolation::read_uncommitted);
    if (!ends) {
        return std::unexpected(std::move(ends.error()));
    }
    if (pass.round == 1) {
        const Result<Positions> starts = starts_of(TopicRole::changelog);
        if (!starts) {
            return std::unexpected(starts.error());
        }
        accounts_->begin_changelog(*starts);
        if (Result<void> opened = open(*pass.changelog, TopicRole::changelog, *starts); !opened) {
            return opened;
        }
    }
    return read_until(*pass.changelog, TopicRole::changelog, std::move(*ends),
                      [this, &pass](RecordBatch batch) -> Result<void> {
                          for (const RecordView& record : batch) {
                              if (changelog_key_kind(record.key()) == ChangelogKeyKind::advance) {
                                  take_advance(pass, record);
                              } else {
                                  accounts_->take_changelog(record);
                              }
                          }
                          halve_while_too_large(pass);
                          return {};
                      });
}

void Session::take_advance(Pass& pass, const RecordView& record) {
    if (const Result<void> taken = pass.advances.take(record); !taken) {
        report_.findings.add(FindingKind::damaged,
                             fmt::format("changelog partition {}, offset {}",
                                         record.partition.value, record.record_offset.value),
                             "an advance of event time", taken.error().message);
    }
}

// A state partition that keeps the advances of a source partition may be behind another one at the
// cut. What it has not applied yet stands in its repartition log: the same step wrote to all.
Result<void> Session::read_newer_advances(Pass& pass) {
    const Metas& cut = accounts_->cut();
    std::map<PartitionId, std::pair<Offset, std::int64_t>> furthest;
    for (const auto& meta : cut) {
        for (const SourceProgress& source : meta->sources) {
            auto& most = furthest.try_emplace(source.partition).first->second;
            most = std::max(most, std::pair{source.applied, source.watermark});
        }
    }
    Positions from;
    for (std::size_t q = 0; q < cut.size(); ++q) {
        const PartitionId keeper{static_cast<std::int32_t>(q)};
        const bool is_behind = std::ranges::any_of(furthest, [&](const auto& known) {
            const auto& [partition, most] = known;
            const auto source =
                std::ranges::find(cut[q]->sources, partition, &SourceProgress::partition);
            return keeper_of_advances(partition, job_.state_partitions) == keeper &&
                   (source == cut[q]->sources.end() ||
                    std::pair{source->applied, source->watermark} < most);
        });
        if (is_behind) {
            from[keeper] = cut[q]->repartition_position;
        }
    }
    if (from.empty()) {
        return {};
    }
    Result<Positions> ends = ends_of(TopicRole::repartition, Isolation::read_uncommitted);
    if (!ends) {
        return std::unexpected(std::move(ends.error()));
    }
    std::erase_if(*ends, [&from](const auto& end) { return !from.contains(end.first); });
    const std::unique_ptr<LogReader> reader = world_.reader("advances");
    if (Result<void> opened = open(*reader, TopicRole::repartition, from); !opened) {
        return opened;
    }
    DeltaBatch batch;
    return read_until(
        *reader, TopicRole::repartition, std::move(*ends),
        [&](RecordBatch records) -> Result<void> {
            for (const RecordView& record : records) {
                if (!decode_delta_batch(record.value(), job_.form(), batch)) {
                    continue;  // the ledger says it, once the totals are to have applied it
                }
                for (const SourceRange& range : batch.header.ranges) {
                    if (range.from == range.to && range.watermark > range.watermark_before) {
                        pass.advances.add({range.partition, range.from, range.watermark});
                    }
                }
            }
            return {};
        });
}

Result<void> Session::read_results(Pass& pass) {
    // Asked after the changelog was read: what its transactions have published lies below.
    Result<Positions> ends = ends_of(TopicRole::results, Isolation::read_uncommitted);
    if (!ends) {
        return std::unexpected(std::move(ends.error()));
    }
    if (pass.round == 1) {
        const Result<Positions> starts = starts_of(TopicRole::results);
        if (!starts) {
            return std::unexpected(starts.error());
        }
        accounts_->begin_results(*starts);
        if (Result<void> opened = open(*pass.results, TopicRole::results, *starts); !opened) {
            return opened;
        }
    }
    return read_until(
        *pass.results, TopicRole::results, std::move(*ends),
        [this, &pass](RecordBatch batch) -> Result<void> {
            for (const RecordView& record : batch) {
                const auto header = [&](std::string_view name) {
                    return pass.results->header(record, name.data());
                };
                accounts_->take_result(
                    record, {.transaction = header(kTransactionHeader),
                             .run_id = header(kRunIdHeader),
                             .is_final = job_.has_windows() ? header(kFinalHeader) : std::nullopt});
            }
            halve_while_too_large(pass);
            return {};
        });
}

Result<void> Session::count_source(Pass& pass) {
    // What is saved is of one cut, whichever pass a key falls into.
    const bool behind_first = !pass.first && pass.round == 1 && base_writer_.has_value();
    if (report_.proof != Proof::ledger_only && behind_first) {
        const std::vector<Piece> pieces = pass.source.aim(*first_);
        if (Result<void> checked = check_source(pass, pieces); !checked) {
            return checked;
        }
        if (Result<void> read = read_source(pass, pieces); !read) {
            return read;
        }
        if (Result<void> saved = save_accounts(pass); !saved) {
            return saved;
        }
    }
    const std::vector<Piece> pieces = pass.source.aim(accounts_->cut());
    if (report_.proof != Proof::ledger_only) {
        if (Result<void> checked = check_source(pass, pieces); !checked) {
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

Result<void> Session::read_source(Pass& pass, const std::vector<Piece>& pieces) {
    if (pieces.empty()) {
        pass.source.arrive();
        return {};
    }
    const Instant begin = world_.clock().now();
    Positions starts;
    Positions ends;
    for (const Piece& piece : pieces) {
        starts[piece.partition] = piece.from;
        ends[piece.partition] = piece.to;
    }
    const std::unique_ptr<LogReader> source = world_.reader("source");
    if (Result<void> opened = open(*source, TopicRole::source, starts); !opened) {
        return opened;
    }
    Result<void> read = read_until(*source, TopicRole::source, std::move(ends),
                                   [&](RecordBatch batch) -> Result<void> {
                                       pass.source.fold(batch, source.get());
                                       halve_while_too_large(pass);
                                       return {};
                                   });
    report_.source_seconds += seconds_since(begin);
    if (read) {
        pass.source.arrive();
    }
    return read;
}

}  // namespace kstream::audit
