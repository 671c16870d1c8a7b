// LogReader over a librdkafka consumer that is assigned by hand and belongs to no group. The client
// is made with the first open(): most loops need one only at a takeover.
//
// One thread: the loop's.
#pragma once

#include "kafka/client_config.hpp"
#include "kafka/fetched.hpp"
#include "kafka/handles.hpp"
#include "kafka/topic_names.hpp"
#include "kstream/ports/header_reader.hpp"
#include "kstream/ports/log_reader.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::kafka {

class TopicReader final : public LogReader, public HeaderReader {
public:
    // `name`: "totals-0-reader", for client.id. `client.log` must outlive this.
    TopicReader(ClientConfig client, TopicNames topics, std::string name);
    ~TopicReader() override;
    TopicReader(const TopicReader&) = delete;
    TopicReader& operator=(const TopicReader&) = delete;

    Result<void> open(TopicRole topic, PartitionId partition, Offset from) override;
    void close(TopicRole topic, PartitionId partition) override;
    Result<RecordBatch> poll(TopicRole topic, Duration wait) override;
    [[nodiscard]] Offset position(TopicRole topic, PartitionId partition) const override;
    [[nodiscard]] std::optional<std::string_view> header(const RecordView& record,
                                                         const char* name) const override {
        return fetched_.header(record, name);
    }
    [[nodiscard]] Result<std::vector<HeaderView>> headers(const RecordView& record) const override {
        return fetched_.headers(record);
    }

private:
    using Key = std::pair<TopicRole, PartitionId>;

    [[nodiscard]] std::string group() const;
    Result<void> make_client();
    Result<void> take(const rd_kafka_message_t& message);
    [[nodiscard]] PartitionListPtr one(TopicRole topic, PartitionId partition, Offset at) const;

    ClientConfig client_config_;
    TopicNames topics_;
    std::string name_;
    HandlePtr client_;
    QueuePtr queue_;
    std::map<Key, Offset> open_;  // position after what was handed out or passed
    TopicRole asked_ = TopicRole::changelog;
    Fetched fetched_{true};  // at the last poll
};

}  // namespace kstream::kafka
