#include "sim/sim_queries.hpp"

#include "kstream/check.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace kstream::sim {

namespace {

// Between an answer that says "ask again" and the next question, as the adapter has it.
constexpr Duration kRetryPause = std::chrono::milliseconds{20};

Error ask_again(Code code) {
    return {Disposition::retry, ExitCode::unavailable, code_name(code), "", 0};
}

}  // namespace

void SimQueries::ask(Query query) {
    KSTREAM_CHECK(!open_, "one question at a time");
    open_ = true;
    const std::uint64_t number = ++number_;
    if (query.kind == Query::Kind::committed) {
        query.topic = input_;
    }
    cluster_.schedule().after(swarm_.request_timeout * 2, owner_, [this, number] {
        settle(number, std::unexpected(ask_again(Code::unavailable)));
    });
    const Link link{owner_, asked_of(query)};
    cluster_.network().send(link, [this, cluster = &cluster_, link, input = input_, number,
                                   query = std::make_unique<Query>(std::move(query))] {
        auto answer = std::make_unique<QueryAnswer>();
        const Code code = cluster->answer(*query, input, *answer);
        cluster->network().answer(link, [this, number, code, answer = std::move(answer)] {
            if (code == Code::none) {
                settle(number, std::move(*answer));
            } else {
                settle(number, std::unexpected(ask_again(code)));
            }
        });
    });
}

// All of them have to answer; of topics any broker knows.
Brokers SimQueries::asked_of(const Query& query) {
    switch (query.kind) {
        case Query::Kind::committed:
            return cluster_.group(input_).coordinator();
        case Query::Kind::describe:
        case Query::Kind::topics:
            return 1U << (number_ % kBrokers);
        case Query::Kind::log_start:
        case Query::Kind::log_end:
        case Query::Kind::for_time:
        case Query::Kind::purge:
            break;
    }
    Brokers leaders = 0;
    for (const PartitionId partition : query.partitions) {
        leaders |= Cluster::leader_of(query.topic, partition);
    }
    return leaders;
}

void SimQueries::settle(std::uint64_t number, Result<QueryAnswer> answer) {
    if (number != number_ || answer_) {
        return;
    }
    if (!answer) {
        // Not before the pause; what comes after it is of a question that is over.
        const std::uint64_t pause = ++number_;
        cluster_.schedule().after(kRetryPause, owner_,
                                  [this, pause, error = std::make_unique<Error>(answer.error())] {
                                      if (pause == number_) {
                                          answer_ = std::unexpected(*error);
                                          waker_.wake();
                                      }
                                  });
        return;
    }
    ++number_;
    answer_ = std::move(answer);
    waker_.wake();
}

std::optional<Result<QueryAnswer>> SimQueries::take() {
    std::optional<Result<QueryAnswer>> answer;
    answer.swap(answer_);
    if (answer) {
        open_ = false;
    }
    return answer;
}

}  // namespace kstream::sim
