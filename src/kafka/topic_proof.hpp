// Which topic a step's records are of (protocol P4, docs/adr/0035).
//
// librdkafka fetches by topic id, but a name that stands for another id from one metadata answer to
// the next is followed without a word, at the old position (rdkafka_topic.c,
// rd_kafka_topic_metadata_update). A broker that has served records of a topic knows it by then,
// and an id never comes back: so the brokers that a step was read from are asked, after its last
// record, and none may name another id. The questions are on their way while the transaction is
// written.
#pragma once

#include "kafka/handles.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace kstream::kafka {

// Of one step. The client must outlive it.
class TopicProof {
public:
    // Asks. A broker of -1: whichever librdkafka chooses.
    TopicProof(rd_kafka_t& client, std::string topic, std::span<const std::int32_t> brokers,
               std::chrono::milliseconds patience);

    // Whether all of them have answered that the topic has this id. Waits; an error says why the
    // step must not be committed, with disposition abort_and_rewind: whether the topic is gone for
    // good is not decided here.
    [[nodiscard]] Result<void> wait(const TopicId& expected, const std::function<bool()>& canceled);

private:
    [[nodiscard]] Result<void> judge(rd_kafka_event_t& event, const TopicId& expected);

    std::string topic_;
    QueuePtr queue_;
    std::size_t open_ = 0;  // questions without an answer
    std::chrono::steady_clock::time_point deadline_;
};

}  // namespace kstream::kafka
