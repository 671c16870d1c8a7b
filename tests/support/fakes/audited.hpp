// A job as an audit meets it: source records, changelog and results made by hand.
#pragma once

#include "kstream/audit/accounts.hpp"
#include "kstream/audit/audited_job.hpp"
#include "kstream/audit/source_fold.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"
#include "support/fakes/test_job.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::testing {

inline std::string state_key(std::string_view seller) {
    std::string key;
    encode_state_key({{{GroupValueType::string, seller}}}, key);
    return key;
}

// Amounts in whole units: 1 -> 10^9 units at the scale of 9.
inline std::vector<Slot> row(Int128 sum, Int128 count) {
    return {Slot{sum * 1'000'000'000, true}, Slot{count, true}};
}

// Owns the bytes of the records that it hands out.
class Bytes {
public:
    RecordView record(PartitionId partition, std::int64_t offset, std::optional<std::string> key,
                      std::optional<std::string> value) {
        RecordView view;
        view.partition = partition;
        view.record_offset = Offset{offset};
        if (key) {
            const std::string& kept = kept_.emplace_back(std::move(*key));
            view.key_data = kept.data();
            view.key_size = static_cast<std::uint32_t>(kept.size());
        }
        if (value) {
            const std::string& kept = kept_.emplace_back(std::move(*value));
            view.value_data = kept.data();
            view.value_size = static_cast<std::uint32_t>(kept.size());
        }
        return view;
    }

private:
    std::deque<std::string> kept_;
};

// Two state partitions, one source partition, written as a job without bugs would.
struct AuditedWorld {
    audit::AuditedJob job = audit::AuditedJob::of(seed_spec(), make_job(2, 1).identity);
    audit::Findings findings;
    audit::Accounts accounts{job, std::uint64_t{1} << 30, findings};
    audit::SourceFold source{job, accounts};
    Bytes bytes;
    std::vector<RecordView> log;  // of the source
    std::map<std::string, std::vector<Slot>> totals;
    std::int64_t changelog_offset = 0;
    std::int64_t results_offset = 0;
    std::uint64_t transaction = 0;

    [[nodiscard]] PartitionId state_of(std::string_view seller) const {
        return partition_for_key(seller, static_cast<int>(job.state_partitions));
    }

    // A record in the source, and in the totals to come.
    void sell(const std::string& seller, int amount) {
        const std::string value =
            "{\"id_vendedor\":\"" + seller + "\",\"valor\":" + std::to_string(amount) + "}";
        log.push_back(bytes.record(PartitionId{0}, static_cast<std::int64_t>(log.size()),
                                   std::nullopt, value));
        std::vector<Slot>& total = totals.try_emplace(seller, row(0, 0)).first->second;
        audit::add_row(job.kinds, total, row(amount, 1));
    }

    [[nodiscard]] Meta meta(std::uint32_t q) const {
        Meta made;
        made.identity = job.identity;
        made.transaction = transaction;
        made.repartition_position = Offset{static_cast<std::int64_t>(transaction)};
        made.slots.resize(2);
        SourceProgress progress;
        progress.partition = PartitionId{0};
        progress.base = Offset{0};
        progress.applied = Offset{static_cast<std::int64_t>(log.size())};
        progress.slots.resize(2);
        progress.counts.read = progress.counts.aggregated = log.size();
        for (const auto& [seller, total] : totals) {
            audit::add_row(job.kinds, progress.slots, total);
            if (state_of(seller).value == static_cast<std::int32_t>(q)) {
                ++made.keys;
            }
        }
        made.sources.push_back(progress);
        return made;
    }

    void write_total(const std::string& seller, const std::vector<Slot>& total) {
        std::string key;
        append_total_key(key, state_key(seller));
        std::string value;
        append_total_value(value, transaction, job.kinds, total);
        accounts.take_changelog(bytes.record(state_of(seller), changelog_offset++, key, value));
    }
    void write_meta(std::uint32_t q, const Meta& made) {
        std::string value;
        append_meta_value(value, job.kinds, made);
        accounts.take_changelog(bytes.record(PartitionId{static_cast<std::int32_t>(q)},
                                             changelog_offset++, std::string{meta_key()}, value));
    }
    void publish(const std::string& seller, const std::vector<Slot>& total,
                 std::uint64_t of_transaction) {
        std::string value;
        append_result_value(value, job.spec, {{{GroupValueType::string, seller}}}, total);
        publish_record(results_of(seller), seller, value, of_transaction);
    }

    [[nodiscard]] PartitionId results_of(std::string_view key) const {
        return partition_for_key(key, static_cast<int>(job.identity.results_partitions));
    }
    // Anything, anywhere: with the job's run id unless told otherwise.
    void publish_record(PartitionId partition, std::string key, std::optional<std::string> value,
                        std::uint64_t of_transaction,
                        std::optional<std::string> run_id = "0000000000000000") {
        const std::string number = std::to_string(of_transaction);
        accounts.take_result(
            bytes.record(partition, results_offset++, std::move(key), std::move(value)),
            {.transaction = run_id ? std::optional<std::string_view>{number} : std::nullopt,
             .run_id = run_id});
    }

    // A step in which both state partitions write all of their totals.
    void commit() {
        ++transaction;
        for (const auto& [seller, total] : totals) {
            write_total(seller, total);
        }
        for (std::uint32_t q = 0; q < job.state_partitions; ++q) {
            write_meta(q, meta(q));
        }
    }
    void publish_all() {
        for (const auto& [seller, total] : totals) {
            publish(seller, total, transaction);
        }
    }
    // Reads all that the cut asks for.
    void count() {
        (void)source.aim(accounts.cut());
        source.fold(log);
        source.arrive();
    }
    // Rounds without anything new in between, as on a cluster at rest.
    void compare() {
        source.compare(accounts.cut(), findings);
        while (accounts.compare(accounts.round() == 3).again > 0) {
        }
    }
    [[nodiscard]] std::vector<audit::FindingKind> kinds() const {
        std::vector<audit::FindingKind> found;
        for (const audit::Finding& finding : findings.kept()) {
            found.push_back(finding.kind);
        }
        return found;
    }
};

}  // namespace kstream::testing
