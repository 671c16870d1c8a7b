// Whether the job's topics are still the ones that it began with (protocol P4): asked for every two
// seconds, whatever the loops do. A topic that was deleted, re-created, or given other partitions
// where their number is part of the state, ends the process with a reason that names it.
//
// So is where changelog and results begin, every ten seconds: whoever deletes records of these two
// is not noticed by a loop, which only writes to them. The totals in memory are still whole, so
// that does not end the process; it is said, and the job is not ready any more when what is lost is
// state.
//
// This is how soon it is noticed. That nothing of another topic is counted in the meantime is the
// affair of each step (TransactionSink::submit).
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/pipeline/question.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream {

struct WatchedTopic {
    std::string name;
    TopicId id;
    std::int32_t partitions = 0;
};

class TopicWatch {
public:
    using Topics = std::array<WatchedTopic, kTopicRoleCount>;  // by TopicRole

    static constexpr Duration kInterval = std::chrono::seconds{2};
    // For so long a topic that does not exist may still turn out to be: brokers learn late, and all
    // of them are asked.
    static constexpr Duration kGone = std::chrono::seconds{10};
    static constexpr Duration kStartsInterval = std::chrono::seconds{10};

    TopicWatch(Topics topics, ClusterQueries& queries, const Clock& clock, Log& log);

    // Never waits. An error ends the process.
    [[nodiscard]] Result<void> advance();

    // The next advance() asks, whenever it was that it asked last; has_looked() once it was
    // answered.
    void look_now();
    [[nodiscard]] bool has_looked() const {
        return stage_ != Stage::topics && clock_.now() < next_;
    }

    // Whether it was asked once where the logs begin, be it in vain: what is deleted from then on
    // is noticed.
    [[nodiscard]] bool has_asked_for_starts() const { return has_asked_for_starts_; }

    // As last seen.
    [[nodiscard]] std::int32_t source_partitions() const {
        return topics_[static_cast<std::size_t>(TopicRole::source)].topic.partitions;
    }

    // Why the job cannot do its work now; empty when it can.
    [[nodiscard]] const std::string& trouble() const {
        return missing_.empty() ? emptied_ : missing_;
    }

private:
    struct Watched {
        WatchedTopic topic;
        std::optional<Instant> missing_since;
        std::uint32_t missed = 0;    // answers in a row
        std::vector<Offset> starts;  // of its logs, by partition, as they were first seen
        bool said_emptied = false;
    };
    enum class Stage : std::uint8_t { idle, topics, changelog_starts, results_starts };

    [[nodiscard]] Result<void> take_topics();
    void take_starts(TopicRole role, Stage next);

    [[nodiscard]] Result<void> judge(const QueryAnswer& answer);
    void judge_start(TopicRole role, const OffsetAnswer& answer);
    [[nodiscard]] Result<void> judge_missing(Watched& watched, TopicRole role);
    [[nodiscard]] Result<void> judge_partitions(Watched& watched, TopicRole role,
                                                std::int32_t partitions);

    std::array<Watched, kTopicRoleCount> topics_;
    Question question_;
    const Clock& clock_;
    Log& log_;
    Stage stage_ = Stage::idle;
    Instant next_;
    Instant next_starts_;
    Instant starts_since_;  // since when they are asked for
    bool has_asked_for_starts_ = false;
    bool said_unanswered_ = false;
    std::string missing_;
    std::string emptied_;
};

}  // namespace kstream
