// What a consumer has handed out at one poll: librdkafka's messages, and a view of each record in
// them.
//
// A message is a whole batch of the log whose records are read here: one object for some hundred
// records instead of one for each (ADR 0025). It is one record in message formats 0 and 1, and for
// a consumer without add_whole_batches().
#pragma once

#include "kafka/client_config.hpp"
#include "kafka/handles.hpp"
#include "kstream/model/record.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace kstream::kafka {

// Adds what makes a consumer hand out whole batches: for a Fetched only.
void add_whole_batches(Properties& properties);

class Fetched {
public:
    // At a poll: enough to spread its cost over, little enough to stay in the processor's cache. A
    // poll has more when batches grow from one to the next, never more than was prefetched.
    static constexpr std::size_t kEnoughRecords = 4096;

    // `with_headers`: header() will be asked.
    explicit Fetched(bool with_headers = false) : with_headers_(with_headers) {}
    ~Fetched() { clear(); }
    Fetched(const Fetched&) = delete;
    Fetched& operator=(const Fetched&) = delete;

    // Lets go of all messages; views of them end.
    void clear();

    // Messages that are there, about as many as make a batch of some thousand records with those
    // that are held: empty when none is there, or when that is reached. librdkafka's callbacks run
    // inside. Then the same, waiting for the first.
    [[nodiscard]] std::span<rd_kafka_message_t* const> take(rd_kafka_queue_t& queue);
    [[nodiscard]] std::span<rd_kafka_message_t* const> wait(rd_kafka_t& client,
                                                            std::chrono::milliseconds time);

    // Adds views of the records of a message without error, from offset `first` on.
    [[nodiscard]] Result<void> view(const rd_kafka_message_t& message, Offset first);

    [[nodiscard]] RecordBatch records() const { return views_; }
    [[nodiscard]] bool empty() const { return views_.empty(); }

    // The last header of that name of one of records().
    [[nodiscard]] std::optional<std::string_view> header(const RecordView& record,
                                                         const char* name) const;

    // All headers of one of records() that is no tombstone, found now: nothing is kept for it.
    [[nodiscard]] Result<std::vector<HeaderView>> headers(const RecordView& record) const;

private:
    bool with_headers_;
    std::vector<rd_kafka_message_t*> messages_;
    std::vector<RecordView> views_;
    // Each message that has views, and the index of its first.
    struct Viewed {
        std::size_t first = 0;
        const rd_kafka_message_t* message = nullptr;
    };
    std::vector<Viewed> sources_;
    // With headers, for each view: its message, and its headers' bytes if that is a batch.
    std::vector<const rd_kafka_message_t*> viewed_;
    std::vector<std::string_view> headers_;
    std::size_t records_per_message_ = kEnoughRecords;  // of late; a batch can have so many
};

}  // namespace kstream::kafka
