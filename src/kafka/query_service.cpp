#include "kafka/query_service.hpp"

#include "kstream/check.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

namespace kstream::kafka {

namespace {

constexpr std::chrono::milliseconds kCallTimeout{5000};
// Of each broker, when all are asked.
constexpr std::chrono::milliseconds kBrokerTimeout{1000};
// Between an answer that says "ask again" and the next question: pending transactional offsets, a
// coordinator that moves, a broker that is away.
constexpr std::chrono::milliseconds kRetryPause{20};
// The same for a topic that a broker does not know: each learns it in its own time, and one that
// has just come back knows nothing for a while (kafka/unknown_topics.hpp).
constexpr std::chrono::milliseconds kUnknownPause{200};

}  // namespace

struct QueryService::Ticket {
    Query query;
    std::string group;
    std::mutex mutex;
    std::optional<Result<QueryAnswer>> answer;
    std::atomic<bool> ended = false;  // the last thing that its thread does
};

class QueryService::Client final : public ClusterQueries {
public:
    Client(QueryService& service, std::string group, TopicRole input)
        : service_(service), group_(std::move(group)), input_(input) {}

    void ask(Query query) override {
        KSTREAM_CHECK(ticket_ == nullptr, "one question at a time");
        ticket_ = std::make_shared<Ticket>();
        ticket_->query = std::move(query);
        if (ticket_->query.kind == Query::Kind::committed) {
            ticket_->query.topic = input_;
        }
        ticket_->group = group_;
        service_.start(ticket_);
    }
    std::optional<Result<QueryAnswer>> take() override {
        if (ticket_ == nullptr) {
            return std::nullopt;
        }
        std::optional<Result<QueryAnswer>> answer;
        {
            const std::lock_guard lock{ticket_->mutex};
            answer.swap(ticket_->answer);
        }
        if (answer) {
            ticket_.reset();
        }
        return answer;
    }
    [[nodiscard]] bool busy() const override { return ticket_ != nullptr; }

private:
    QueryService& service_;
    std::string group_;
    TopicRole input_;
    std::shared_ptr<Ticket> ticket_;
};

Result<std::unique_ptr<QueryService>> QueryService::make(const ClientConfig& client,
                                                         TopicNames topics) {
    auto closing = std::make_shared<std::atomic<bool>>(false);
    AdminSettings settings;
    settings.timeout = kCallTimeout;
    settings.canceled = [closing] { return closing->load(); };
    Result<Admin> admin = Admin::make(client, settings);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    return std::unique_ptr<QueryService>{
        new QueryService(std::move(*admin), std::move(topics), *client.log, std::move(closing))};
}

QueryService::QueryService(Admin admin, TopicNames topics, Log& log,
                           std::shared_ptr<std::atomic<bool>> closing)
    : admin_(std::move(admin)),
      topics_(std::move(topics)),
      log_(log),
      closing_(std::move(closing)) {}

QueryService::~QueryService() {
    {
        const std::lock_guard lock{mutex_};
        closing_->store(true);
        wake_.notify_all();
    }
    for (Asking& asking : asking_) {
        asking.thread.join();
    }
}

std::unique_ptr<ClusterQueries> QueryService::client(std::string group, TopicRole input) {
    return std::make_unique<Client>(*this, std::move(group), input);
}

void QueryService::start(const std::shared_ptr<Ticket>& ticket) {
    const std::lock_guard lock{mutex_};
    std::erase_if(asking_, [](Asking& asking) {
        const bool ended = asking.ticket->ended;
        if (ended) {
            asking.thread.join();
        }
        return ended;
    });
    asking_.push_back({ticket, std::thread{[this, ticket] { run(*ticket); }}});
}

void QueryService::run(Ticket& ticket) {
    Result<QueryAnswer> result = answer(ticket.query, ticket.group);
    if (result) {
        note_known(ticket.query.topic);
    } else if (is_unknown_topic(result.error())) {
        result = std::unexpected(unknown(ticket.query.topic, std::move(result.error())));
    }
    if (!result && result.error().disposition != Disposition::stop) {
        std::unique_lock lock{mutex_};
        wake_.wait_for(lock, is_unknown_topic(result.error()) ? kUnknownPause : kRetryPause,
                       [this] { return closing_->load(); });
    }
    {
        const std::lock_guard lock{ticket.mutex};
        ticket.answer = std::move(result);
    }
    ticket.ended = true;
}

void QueryService::note_known(TopicRole topic) {
    const std::lock_guard lock{mutex_};
    if (unknown_.known(topic)) {
        log_.write(LogLevel::info, "the topic is known again", {{"topic", topics_.of(topic)}});
    }
}

// Says one broker; the next question may meet another.
Error QueryService::unknown(TopicRole topic, Error error) {
    const std::lock_guard lock{mutex_};
    if (!unknown_.waits_for(topic)) {
        log_.write(LogLevel::warn, "a broker does not know the topic: asking again",
                   {{"topic", topics_.of(topic)}});
    }
    return unknown_.unknown(topic, topics_.of(topic), std::move(error));
}

Result<QueryAnswer> QueryService::answer(const Query& query, const std::string& group) {
    switch (query.kind) {
        case Query::Kind::committed:
            return committed(query, group);
        case Query::Kind::log_start:
        case Query::Kind::log_end:
        case Query::Kind::for_time:
            return list(query);
        case Query::Kind::describe:
            return describe(query);
        case Query::Kind::purge:
            return purge(query);
        case Query::Kind::topics:
            return topics(query);
    }
    return fail(ExitCode::internal, "a question of no known kind");
}

std::vector<TopicPartition> QueryService::targets(const Query& query) const {
    std::vector<TopicPartition> targets;
    for (const PartitionId partition : query.partitions) {
        targets.push_back({topics_.of(query.topic), partition});
    }
    return targets;
}

// P3, P8: the stable answer, which waits for pending transactional offsets (KIP-447). An unstable
// one comes back as `retry` and is never taken for "nothing committed".
Result<QueryAnswer> QueryService::committed(const Query& query, const std::string& group) {
    Result<std::vector<CommittedOffset>> offsets = admin_.group_offsets(
        group, targets(query),
        planted(PlantedBug::unstable_offsets) ? Admin::Stability::any
                                              : Admin::Stability::require_stable);
    if (!offsets) {
        return std::unexpected(std::move(offsets.error()));
    }
    QueryAnswer answer;
    for (const PartitionId partition : query.partitions) {
        OffsetAnswer entry;
        entry.partition = partition;
        for (CommittedOffset& offset : *offsets) {
            if (offset.of.partition == partition) {
                entry.offset = offset.offset;
                entry.metadata = std::move(offset.metadata);
            }
        }
        answer.offsets.push_back(std::move(entry));
    }
    return answer;
}

Result<QueryAnswer> QueryService::list(const Query& query) {
    std::vector<OffsetQuery> questions;
    for (TopicPartition& target : targets(query)) {
        const std::int64_t at = query.kind == Query::Kind::log_start ? OffsetQuery::kEarliest
                                : query.kind == Query::Kind::log_end ? OffsetQuery::kLatest
                                                                     : query.timestamp_ms;
        questions.push_back({std::move(target), at});
    }
    Result<std::vector<ListedOffset>> listed = admin_.list_offsets(questions, query.isolation);
    if (!listed) {
        return std::unexpected(std::move(listed.error()));
    }
    QueryAnswer answer;
    for (std::size_t i = 0; i < listed->size(); ++i) {
        answer.offsets.push_back({query.partitions[i], (*listed)[i].offset, {}});
    }
    return answer;
}

Result<QueryAnswer> QueryService::describe(const Query& query) {
    Result<std::vector<TopicInfo>> topics = admin_.describe_topics({topics_.of(query.topic)});
    if (!topics) {
        return std::unexpected(std::move(topics.error()));
    }
    const TopicInfo& topic = topics->front();
    if (topic.error) {
        return std::unexpected(*topic.error);
    }
    if (!topic.exists) {
        return std::unexpected(unknown_topic(topic.name));
    }
    QueryAnswer answer;
    answer.topic_id = topic.id;
    answer.partition_count = static_cast<std::int32_t>(topic.partitions.size());
    return answer;
}

// A topic is gone, or another one, when no broker knows the expected one any more, of those that
// answer, and these are most of them. A single one may not have heard of a topic yet that was just
// made, or may be cut off from the controllers: what it says is old then, and says nothing.
Result<QueryAnswer> QueryService::topics(const Query& query) {
    std::vector<std::size_t> roles;  // that the job has
    std::vector<std::string> names;
    for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
        if (const std::string& name = topics_.of(static_cast<TopicRole>(role)); !name.empty()) {
            roles.push_back(role);
            names.push_back(name);
        }
    }
    QueryAnswer answer;
    answer.topics.resize(kTopicRoleCount);
    const auto as_expected = [&](std::size_t role) {
        return answer.topics[role].exists && answer.topics[role].id == query.expected[role];
    };
    const auto take = [&](const std::vector<TopicInfo>& topics) -> Result<void> {
        for (std::size_t i = 0; i < roles.size(); ++i) {
            const std::size_t role = roles[i];
            const TopicInfo& topic = topics[i];
            if (topic.error) {
                return std::unexpected(*topic.error);
            }
            if (topic.exists && !as_expected(role)) {
                answer.topics[role] = {true, topic.id,
                                       static_cast<std::int32_t>(topic.partitions.size())};
            }
        }
        return {};
    };
    const Result<std::vector<TopicInfo>> first = admin_.describe_topics(names);
    if (!first) {
        return std::unexpected(first.error());
    }
    if (Result<void> taken = take(*first); !taken) {
        return std::unexpected(std::move(taken.error()));
    }
    const auto all_as_expected = [&] { return std::ranges::all_of(roles, as_expected); };
    if (all_as_expected()) {
        return answer;
    }
    const Result<ClusterInfo> cluster = admin_.describe_cluster();
    if (!cluster) {
        return std::unexpected(cluster.error());
    }
    std::size_t answered = 0;
    for (const BrokerInfo& broker : cluster->brokers) {
        const auto topics = admin_.topics_at(broker.id, names, kBrokerTimeout);
        if (!topics) {
            continue;
        }
        ++answered;
        if (Result<void> taken = take(*topics); !taken) {
            return std::unexpected(std::move(taken.error()));
        }
    }
    if (answered * 2 <= cluster->brokers.size() && !all_as_expected()) {
        Error error;
        error.disposition = Disposition::retry;
        error.exit_code = ExitCode::unavailable;
        error.message = fmt::format("{} of {} brokers say which topics there are", answered,
                                    cluster->brokers.size());
        return std::unexpected(std::move(error));
    }
    return answer;
}

Result<QueryAnswer> QueryService::purge(const Query& query) {
    std::vector<std::pair<TopicPartition, Offset>> before;
    for (std::size_t i = 0; i < query.partitions.size(); ++i) {
        before.push_back({{topics_.of(query.topic), query.partitions[i]}, query.before[i]});
    }
    Result<std::vector<PurgeOutcome>> purged = admin_.delete_records(before);
    if (!purged) {
        return std::unexpected(std::move(purged.error()));
    }
    QueryAnswer answer;
    for (const PurgeOutcome& outcome : *purged) {
        if (outcome.error) {
            return std::unexpected(*outcome.error);
        }
        answer.offsets.push_back({outcome.of.partition, outcome.log_start, {}});
    }
    return answer;
}

}  // namespace kstream::kafka
