// ClusterQueries over the Admin client. Each question is asked on a thread of its own and picked up
// by its loop when it is answered: a coordinator or a leader that does not answer holds up whoever
// needs it, and nobody else.
#pragma once

#include "kafka/admin.hpp"
#include "kafka/topic_names.hpp"
#include "kafka/unknown_topics.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace kstream::kafka {

class QueryService {
public:
    // Makes the admin client. `client.log` must outlive this.
    [[nodiscard]] static Result<std::unique_ptr<QueryService>> make(const ClientConfig& client,
                                                                    TopicNames topics);
    ~QueryService();
    QueryService(const QueryService&) = delete;
    QueryService& operator=(const QueryService&) = delete;

    // The questions of one user: `group` on the topic of `input` is what Query::Kind::committed is
    // about. The service must outlive it.
    [[nodiscard]] std::unique_ptr<ClusterQueries> client(std::string group, TopicRole input);

private:
    class Client;
    struct Ticket;

    // A question and the thread that asks it.
    struct Asking {
        std::shared_ptr<Ticket> ticket;
        std::thread thread;
    };

    QueryService(Admin admin, TopicNames topics, Log& log,
                 std::shared_ptr<std::atomic<bool>> closing);
    void start(const std::shared_ptr<Ticket>& ticket);
    void run(Ticket& ticket);
    [[nodiscard]] Result<QueryAnswer> answer(const Query& query, const std::string& group);
    [[nodiscard]] Result<QueryAnswer> committed(const Query& query, const std::string& group);
    [[nodiscard]] Result<QueryAnswer> list(const Query& query);
    [[nodiscard]] Result<QueryAnswer> describe(const Query& query);
    [[nodiscard]] Result<QueryAnswer> purge(const Query& query);
    [[nodiscard]] Result<QueryAnswer> topics(const Query& query);
    [[nodiscard]] std::vector<TopicPartition> targets(const Query& query) const;
    void note_known(TopicRole topic);
    [[nodiscard]] Error unknown(TopicRole topic, Error error);

    Admin admin_;
    TopicNames topics_;
    Log& log_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Asking> asking_;                  // at most one for each client, and what has ended
    std::shared_ptr<std::atomic<bool>> closing_;  // also ends the calls that are under way
    UnknownTopics unknown_;
};

}  // namespace kstream::kafka
