#include "kstream/pipeline/recovery.hpp"

#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace kstream {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// P6: a loop that cannot keep a producer alive must not spin; its supervisor restarts it.
constexpr std::size_t kMaxRebuildsAMinute = 5;
constexpr Duration kFirstBackOff = milliseconds{20};
constexpr Duration kMaxBackOff = seconds{2};
constexpr std::uint32_t kMaxDoublings = 7;

// Whose committed offsets decide.
Query question(const StepInFlight& step, const Positions& positions) {
    Query query;
    query.kind = Query::Kind::committed;
    if (step.phase() == StepPhase::suspected) {
        query.partitions = positions.in(PartitionPhase::active);
        const std::vector<PartitionId> opening = positions.in(PartitionPhase::opening);
        query.partitions.insert(query.partitions.end(), opening.begin(), opening.end());
    } else {
        for (const StepRange& range : step.ranges()) {
            query.partitions.push_back(range.partition);
        }
    }
    return query;
}

}  // namespace

void Recovery::aborted(Instant now) {
    const auto doublings = std::min(aborts_in_a_row_++, kMaxDoublings);
    not_before_ = now + std::min(kMaxBackOff, kFirstBackOff * (1 << doublings));
}

Result<void> Recovery::producer_lost(Instant now, const Error& cause) {
    lost_.push_back(now);
    while (now - lost_.front() > seconds{60}) {
        lost_.pop_front();
    }
    if (lost_.size() > kMaxRebuildsAMinute) {
        return fail(ExitCode::kafka_fatal,
                    fmt::format("the producer had to be rebuilt {} times within a minute: {}",
                                lost_.size(), cause.message),
                    "look at the brokers' logs and at the network between here and them");
    }
    return {};
}

Result<Recovery::Finding> Recovery::advance(StepInFlight& step, const Positions& positions,
                                            TransactionSink::State producer,
                                            ClusterQueries& queries) {
    std::optional<Result<QueryAnswer>> answer = queries.take();
    switch (step.phase()) {
        case StepPhase::settled:
        case StepPhase::in_flight:
        case StepPhase::given_up:
            // The answer to a recovery that a revocation ended: nobody waits for it any more.
            return Finding::none;
        case StepPhase::uncertain:
        case StepPhase::suspected: {
            // The new producer's epoch must stand before the offsets are read: only then can
            // nothing of the old one be committed behind our back (P6).
            const bool stands = producer == TransactionSink::State::ready ||
                                planted(PlantedBug::recovery_too_early);
            if (stands && !queries.busy()) {
                queries.ask(question(step, positions));
                step.on(StepEvent::asked);
            }
            return Finding::none;
        }
        case StepPhase::judging:
        case StepPhase::comparing:
            break;
    }
    if (!answer) {
        return Finding::none;
    }
    if (!*answer) {
        if (answer->error().disposition == Disposition::stop) {
            return std::unexpected(std::move(answer->error()));
        }
        step.on(StepEvent::not_answered);
        return Finding::none;
    }
    if (step.phase() == StepPhase::judging) {
        return judge(step.ranges(), step.opens(), **answer);
    }
    return positions.agree_with(**answer) ? Finding::as_believed : Finding::superseded;
}

Recovery::Finding Recovery::judge(std::span<const StepRange> ranges, bool opens,
                                  const QueryAnswer& answer) {
    bool all_before = true;
    bool all_behind = true;
    bool reported = false;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const StepRange& range = ranges[i];
        if (!opens && range.from == range.to && range.step == 0) {
            continue;  // written without a record: the offset is the same before and after
        }
        reported = true;
        const OffsetAnswer& committed = answer.offsets[i];
        const bool first = opens || range.step == 1;
        all_before = all_before && (first ? !committed.offset
                                          : Positions::is_at(committed, range.from,
                                                             range.step == 0 ? 0 : range.step - 1));
        all_behind = all_behind && Positions::is_at(committed, range.to, range.step);
    }
    if (!reported) {
        return Finding::unknown;
    }
    return all_behind   ? Finding::committed
           : all_before ? Finding::not_committed
                        : Finding::superseded;
}

}  // namespace kstream
