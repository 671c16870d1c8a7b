#include "sim/sim_reader.hpp"

#include "kstream/check.hpp"

#include <fmt/format.h>

#include <chrono>

namespace kstream::sim {

using std::chrono::microseconds;

Result<void> SimReader::open(TopicRole topic, PartitionId partition, Offset from) {
    const Instant first = cluster_.schedule().now() + microseconds{dice_.below(20'000)};
    const bool fresh = open_.emplace(std::pair{topic, partition}, Open{from, first}).second;
    KSTREAM_CHECK(fresh, "a partition is opened once at a time");
    return {};
}

void SimReader::close(TopicRole topic, PartitionId partition) {
    open_.erase({topic, partition});
}

Result<RecordBatch> SimReader::poll(TopicRole topic, Duration) {
    views_.clear();
    polled_ = topic;
    for (auto& [place, reading] : open_) {
        if (place.first != topic || reading.fetched_at > cluster_.schedule().now() ||
            cluster_.leaders_away() ||
            cluster_.network().is_cut_off({owner_, Cluster::leader_of(topic, place.second)})) {
            continue;
        }
        const PartitionLog& log = cluster_.log(topic, place.second);
        if (!log.can_read(reading.position)) {
            return fail(ExitCode::integrity,
                        fmt::format("reading partition {} offset {}: {}", place.second.value,
                                    reading.position.value, code_name(Code::offset_out_of_range)));
        }
        reading.position = log.read(place.second, reading.position,
                                    1 + dice_.below(2 * swarm_.most_fetched), views_);
        reading.fetched_at = cluster_.schedule().now() + microseconds{dice_.below(5'000)};
    }
    return RecordBatch{views_};
}

std::optional<std::string_view> SimReader::header(const RecordView& record,
                                                  const char* name) const {
    const auto& entry = cluster_.log(polled_, record.partition)
                            .entries()[static_cast<std::size_t>(record.record_offset.value)];
    std::optional<std::string_view> found;
    for (const auto& [key, value] : entry.headers) {
        if (key == name) {
            found = value;
        }
    }
    return found;
}

Offset SimReader::position(TopicRole topic, PartitionId partition) const {
    const auto reading = open_.find({topic, partition});
    return reading == open_.end() ? Offset{0} : reading->second.position;
}

}  // namespace kstream::sim
