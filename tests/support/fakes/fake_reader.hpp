// Reads a MemoryLog as a read_committed reader outside any group.
#pragma once

#include "kstream/ports/log_reader.hpp"
#include "support/fakes/memory_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::testing {

class FakeReader final : public LogReader {
public:
    struct Opened {
        TopicRole topic;
        PartitionId partition;
        Offset from;
        friend bool operator==(const Opened&, const Opened&) = default;
    };

    explicit FakeReader(MemoryLog& log) : log_(log) {}

    Result<void> open(TopicRole topic, PartitionId partition, Offset from) override {
        REQUIRE_FALSE(positions_.contains({topic, partition}));
        positions_[{topic, partition}] = from;
        opened.push_back({topic, partition, from});
        return {};
    }

    void close(TopicRole topic, PartitionId partition) override {
        REQUIRE(positions_.erase({topic, partition}) == 1);
    }

    Result<RecordBatch> poll(TopicRole topic, Duration) override {
        if (failure_) {
            Error error = std::move(*failure_);
            failure_.reset();
            return std::unexpected(std::move(error));
        }
        batch_.clear();
        for (auto& [at, position] : positions_) {
            if (at.first == topic) {
                position = log_.read(topic, at.second, position, most_records, batch_);
            }
        }
        return RecordBatch{batch_};
    }

    [[nodiscard]] std::optional<std::string_view> header(const RecordView&,
                                                         const char*) const override {
        return std::nullopt;
    }

    [[nodiscard]] Offset position(TopicRole topic, PartitionId partition) const override {
        return positions_.at({topic, partition});
    }

    void fail_next_poll(Error error) { failure_ = std::move(error); }
    [[nodiscard]] bool all_closed() const { return positions_.empty(); }

    std::vector<Opened> opened;
    std::size_t most_records = 1000;  // of a partition in one poll

private:
    MemoryLog& log_;
    std::map<std::pair<TopicRole, PartitionId>, Offset> positions_;
    std::vector<RecordView> batch_;
    std::optional<Error> failure_;
};

}  // namespace kstream::testing
