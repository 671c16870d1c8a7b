// ClusterQueries over the Admin client: questions are asked on one thread of the process, one after
// the other, and picked up by the loops when they are answered.
#pragma once

#include "kafka/admin.hpp"
#include "kafka/topic_names.hpp"
#include "kstream/ports/cluster_queries.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace kstream::kafka {

class QueryService {
public:
    // Makes the admin client; the thread runs until destroyed.
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

    QueryService(Admin admin, TopicNames topics, std::shared_ptr<std::atomic<bool>> closing);
    void run();
    [[nodiscard]] Result<QueryAnswer> answer(const Query& query, const std::string& group);
    [[nodiscard]] Result<QueryAnswer> committed(const Query& query, const std::string& group);
    [[nodiscard]] Result<QueryAnswer> list(const Query& query);
    [[nodiscard]] Result<QueryAnswer> describe(const Query& query);
    [[nodiscard]] Result<QueryAnswer> purge(const Query& query);
    [[nodiscard]] Result<QueryAnswer> topics(const Query& query);
    [[nodiscard]] std::vector<TopicPartition> targets(const Query& query) const;

    Admin admin_;  // used by the thread only
    TopicNames topics_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Ticket>> open_;
    std::shared_ptr<std::atomic<bool>> closing_;  // also ends the call that is under way
    std::thread thread_;
};

}  // namespace kstream::kafka
