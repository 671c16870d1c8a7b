// The keys that a compacted topic holds a value for, and their deletion.

#include "kafka/tombstones.hpp"

#include "kafka/delivery.hpp"
#include "kafka/error_map.hpp"
#include "kstream/check.hpp"

#include <fmt/format.h>

#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

namespace kstream::kafka {
namespace {

constexpr int kPollMs = 100;
constexpr int kMetadataMs = 15000;

using Keys = std::unordered_set<std::string>;

struct Range {
    PartitionId partition;
    Offset begin;
    Offset end;  // of the log, also behind what is not committed yet
};

bool is_canceled(const TombstoneTask& task) {
    return task.canceled && task.canceled();
}

Result<std::vector<PartitionId>> partitions_of(rd_kafka_t& client, const std::string& topic) {
    const std::string what = fmt::format("partitions of topic {}", topic);
    const TopicPtr asked(rd_kafka_topic_new(&client, topic.c_str(), nullptr));
    const rd_kafka_metadata_t* answer = nullptr;
    rd_kafka_resp_err_t code = rd_kafka_metadata(&client, 0, asked.get(), &answer, kMetadataMs);
    const MetadataPtr metadata(answer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        KSTREAM_CHECK(metadata->topic_cnt == 1, "metadata of one topic was asked for");
        code = metadata->topics[0].err;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return std::unexpected(map_error(code, what));
    }
    std::vector<PartitionId> partitions;
    for (int i = 0; i < metadata->topics[0].partition_cnt; ++i) {
        partitions.push_back(PartitionId{metadata->topics[0].partitions[i].id});
    }
    return partitions;
}

Result<std::vector<Range>> ask_ranges(rd_kafka_t& client, Admin& admin, const std::string& topic) {
    const auto partitions = partitions_of(client, topic);
    if (!partitions) {
        return std::unexpected(partitions.error());
    }
    std::vector<OffsetQuery> first;
    std::vector<OffsetQuery> last;
    for (const PartitionId partition : *partitions) {
        first.push_back({{topic, partition}, OffsetQuery::kEarliest});
        last.push_back({{topic, partition}, OffsetQuery::kLatest});
    }
    const auto begins = admin.list_offsets(first, Isolation::read_uncommitted);
    if (!begins) {
        return std::unexpected(begins.error());
    }
    const auto ends = admin.list_offsets(last, Isolation::read_uncommitted);
    if (!ends) {
        return std::unexpected(ends.error());
    }
    std::vector<Range> ranges;
    ranges.reserve(begins->size());
    for (std::size_t i = 0; i < begins->size(); ++i) {
        ranges.push_back({(*begins)[i].of.partition, (*begins)[i].offset.value_or(Offset{}),
                          (*ends)[i].offset.value_or(Offset{})});
    }
    return ranges;
}

// A topic that does not exist has no keys, and one that a broker has not heard of yet may have
// many: the first is reported only when it stays so.
Result<std::vector<Range>> ranges_of(rd_kafka_t& client, Admin& admin, const TombstoneTask& task) {
    const auto deadline = std::chrono::steady_clock::now() + task.unknown;
    auto ranges = ask_ranges(client, admin, task.topic);
    while (!ranges && is_unknown_topic(ranges.error()) && !is_canceled(task) &&
           std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2 * kPollMs));
        ranges = ask_ranges(client, admin, task.topic);
    }
    return ranges;
}

// Reads ranges of one topic outside any group.
class KeyReader {
public:
    static Result<KeyReader> open(const ClientConfig& config, const TombstoneTask& task) {
        Result<ConfPtr> conf =
            make_conf(config, ClientKind::reader,
                      {{"group.id", task.reader_group}, {"enable.partition.eof", "true"}});
        if (!conf) {
            return std::unexpected(std::move(conf.error()));
        }
        Result<HandlePtr> client = make_client(std::move(*conf), RD_KAFKA_CONSUMER);
        if (!client) {
            return std::unexpected(std::move(client.error()));
        }
        rd_kafka_poll_set_consumer(client->get());
        return KeyReader(std::move(*client), task);
    }

    [[nodiscard]] rd_kafka_t& client() { return *client_; }

    // Leaves in `live` the keys of the range whose last record has a value; returns the number of
    // records.
    Result<std::uint64_t> read(const Range& range, Keys& live) {
        std::uint64_t records = 0;
        if (range.begin >= range.end) {
            return records;
        }
        if (auto done = assign(range); !done) {
            return std::unexpected(std::move(done.error()));
        }
        // The end of a read_committed reader stands before an open transaction: only an end at or
        // after range.end means that nothing is hidden any more.
        auto deadline = std::chrono::steady_clock::now() + task_.patience;
        while (true) {
            if (is_canceled(task_)) {
                return fail(ExitCode::incomplete, "stopped while reading " + task_.topic);
            }
            const MessagePtr message(rd_kafka_consumer_poll(client_.get(), kPollMs));
            if (message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                if (message->offset >= range.end.value) {
                    return records;
                }
            } else if (message && message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                Error error =
                    map_error(message->err, reading(range), rd_kafka_message_errstr(&*message));
                if (error.disposition != Disposition::retry) {
                    return std::unexpected(std::move(error));
                }
            } else if (message) {
                ++records;
                note(*message, live);
                deadline = std::chrono::steady_clock::now() + task_.patience;
                continue;  // the clock is for when nothing comes
            }
            if (std::chrono::steady_clock::now() >= deadline) {
                return fail(ExitCode::try_again,
                            fmt::format("{}: its end was not reached within {} s", reading(range),
                                        task_.patience.count() / 1000),
                            "an open transaction of another process holds readers back: try again "
                            "when the brokers have ended it");
            }
        }
    }

private:
    KeyReader(HandlePtr client, const TombstoneTask& task)
        : task_(task), client_(std::move(client)) {}

    Result<void> assign(const Range& range) {
        const PartitionListPtr list(rd_kafka_topic_partition_list_new(1));
        rd_kafka_topic_partition_list_add(list.get(), task_.topic.c_str(), range.partition.value)
            ->offset = range.begin.value;
        const rd_kafka_resp_err_t code = rd_kafka_assign(client_.get(), list.get());
        return code == RD_KAFKA_RESP_ERR_NO_ERROR
                   ? Result<void>{}
                   : Result<void>(std::unexpected(map_error(code, reading(range))));
    }

    static void note(const rd_kafka_message_t& message, Keys& live) {
        if (message.key == nullptr) {
            return;  // compaction knows no record without a key
        }
        std::string key(static_cast<const char*>(message.key), message.key_len);
        if (message.payload == nullptr) {
            live.erase(key);
        } else {
            live.insert(std::move(key));
        }
    }

    [[nodiscard]] std::string reading(const Range& range) const {
        return fmt::format("reading {}", to_text({task_.topic, range.partition}));
    }

    const TombstoneTask& task_;
    HandlePtr client_;
};

// What the delivery reports have said.
struct Reports {
    std::uint64_t acknowledged = 0;
    rd_kafka_resp_err_t first_error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

class TombstoneWriter {
public:
    static Result<TombstoneWriter> open(const ClientConfig& config, const TombstoneTask& task) {
        Result<ConfPtr> conf =
            make_conf(config, ClientKind::plain_producer,
                      {{"message.timeout.ms", std::to_string(task.delivery.count())}});
        if (!conf) {
            return std::unexpected(std::move(conf.error()));
        }
        auto reports = std::make_unique<Reports>();
        rd_kafka_conf_set_opaque(conf->get(), reports.get());
        rd_kafka_conf_set_dr_msg_cb(conf->get(), &on_delivery);
        Result<HandlePtr> client = make_client(std::move(*conf), RD_KAFKA_PRODUCER);
        if (!client) {
            return std::unexpected(std::move(client.error()));
        }
        return TombstoneWriter(std::move(reports), std::move(*client), task);
    }

    // Returns when all are acknowledged: not when librdkafka has nothing more to say, which is also
    // so when it has given records up.
    Result<void> write(PartitionId partition, const Keys& keys) {
        for (const std::string& key : keys) {
            if (auto done = produce(partition, key); !done) {
                return done;
            }
            ++wanted_;
            rd_kafka_poll(client_.get(), 0);
        }
        // The records' own time-out comes first.
        const auto deadline =
            std::chrono::steady_clock::now() + task_.delivery + std::chrono::seconds(1);
        while (rd_kafka_flush(client_.get(), kPollMs) != RD_KAFKA_RESP_ERR_NO_ERROR &&
               !is_canceled(task_) && std::chrono::steady_clock::now() < deadline) {
        }
        if (reports_->acknowledged == wanted_) {
            return {};
        }
        const std::string what = fmt::format("{}: {} of {} were acknowledged", writing(partition),
                                             reports_->acknowledged, wanted_);
        Error error = reports_->first_error != RD_KAFKA_RESP_ERR_NO_ERROR
                          ? map_error(reports_->first_error, what)
                          : Error{Disposition::stop, ExitCode::incomplete, what, "", 0};
        error.exit_code = ExitCode::incomplete;
        error.hint = "give the command again: a tombstone that is written twice does no harm";
        return std::unexpected(std::move(error));
    }

    [[nodiscard]] std::uint64_t acknowledged() const { return reports_->acknowledged; }

private:
    TombstoneWriter(std::unique_ptr<Reports> reports, HandlePtr client, const TombstoneTask& task)
        : task_(task),
          reports_(std::move(reports)),
          client_(std::move(client)),
          topic_(rd_kafka_topic_new(client_.get(), task.topic.c_str(), nullptr)) {}

    static void on_delivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message,
                            void* opaque) {
        auto& reports = *static_cast<Reports*>(opaque);
        if (delivery_of(*message) == Delivery::acknowledged) {
            ++reports.acknowledged;
        } else if (reports.first_error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            reports.first_error = message->err;
        }
    }

    Result<void> produce(PartitionId partition, const std::string& key) {
        while (rd_kafka_produce(topic_.get(), partition.value, RD_KAFKA_MSG_F_COPY, nullptr, 0,
                                key.data(), key.size(), nullptr) != 0) {
            const rd_kafka_resp_err_t code = rd_kafka_last_error();
            if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
                return std::unexpected(map_error(code, writing(partition)));
            }
            if (is_canceled(task_)) {
                return fail(ExitCode::incomplete, "stopped while " + writing(partition));
            }
            rd_kafka_poll(client_.get(), kPollMs);
        }
        return {};
    }

    [[nodiscard]] std::string writing(PartitionId partition) const {
        return fmt::format("writing tombstones to {}",
                           to_text({rd_kafka_topic_name(topic_.get()), partition}));
    }

    // In this order: the topic goes before the client, the client before what its callback fills.
    const TombstoneTask& task_;
    std::unique_ptr<Reports> reports_;
    HandlePtr client_;
    TopicPtr topic_;
    std::uint64_t wanted_ = 0;
};

}  // namespace

Result<TombstoneCounts> tombstone_keys(const ClientConfig& config, Admin& admin,
                                       const TombstoneTask& task) {
    Result<KeyReader> reader = KeyReader::open(config, task);
    if (!reader) {
        return std::unexpected(std::move(reader.error()));
    }
    const Result<std::vector<Range>> ranges = ranges_of(reader->client(), admin, task);
    if (!ranges) {
        return std::unexpected(ranges.error());
    }
    std::optional<TombstoneWriter> writer;
    if (task.write) {
        Result<TombstoneWriter> opened = TombstoneWriter::open(config, task);
        if (!opened) {
            return std::unexpected(std::move(opened.error()));
        }
        writer.emplace(std::move(*opened));
    }
    TombstoneCounts counts;
    for (const Range& range : *ranges) {
        Keys live;
        const Result<std::uint64_t> records = reader->read(range, live);
        if (!records) {
            return std::unexpected(records.error());
        }
        counts.records += *records;
        counts.live_keys += live.size();
        if (writer) {
            if (auto done = writer->write(range.partition, live); !done) {
                return std::unexpected(std::move(done.error()));
            }
            counts.tombstones = writer->acknowledged();
        }
    }
    return counts;
}

}  // namespace kstream::kafka
