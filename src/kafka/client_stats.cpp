#include "kafka/client_stats.hpp"

#include <simdjson.h>

#include <string>

namespace kstream::kafka {

namespace {

using simdjson::dom::element;
using simdjson::dom::object;

// Fields that do not exist stay as they are: older and newer librdkafka have others.
void read_number(const object& from, std::string_view name, std::int64_t& into) {
    std::int64_t value = 0;
    if (from[name].get(value) == simdjson::SUCCESS) {
        into = value;
    }
}

std::uint64_t count_of(const object& from, std::string_view name) {
    std::int64_t value = 0;
    read_number(from, name, value);
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

double rtt_seconds(const object& broker, std::string_view name) {
    object window;
    std::int64_t samples = 0;
    std::int64_t microseconds = 0;
    if (broker["rtt"].get(window) != simdjson::SUCCESS) {
        return -1;
    }
    read_number(window, "cnt", samples);
    read_number(window, name, microseconds);
    return samples > 0 ? static_cast<double>(microseconds) / 1e6 : -1;
}

// Of the interval: each answer says how long the broker held it back.
double throttle_seconds(const object& broker) {
    object window;
    std::int64_t held_back_ms = 0;
    if (broker["throttle"].get(window) == simdjson::SUCCESS) {
        read_number(window, "sum", held_back_ms);
    }
    return static_cast<double>(held_back_ms) / 1e3;
}

void read_brokers(const element& root, std::vector<BrokerStatus>& brokers) {
    object all;
    if (root["brokers"].get(all) != simdjson::SUCCESS) {
        return;
    }
    for (const auto field : all) {
        object broker;
        std::int64_t id = -1;
        std::string_view state;
        std::string_view name;
        if (field.value.get(broker) != simdjson::SUCCESS) {
            continue;
        }
        read_number(broker, "nodeid", id);
        // Bootstrap entries and logical brokers (coordinators) are the same machines once more.
        if (id < 0 || broker["nodename"].get(name) != simdjson::SUCCESS || name.empty()) {
            continue;
        }
        BrokerStatus status;
        status.name = name;
        status.up = broker["state"].get(state) == simdjson::SUCCESS && state == "UP";
        status.rtt_mean_seconds = rtt_seconds(broker, "avg");
        status.rtt_p99_seconds = rtt_seconds(broker, "p99");
        status.requests = count_of(broker, "tx");
        status.errors = count_of(broker, "txerrs") + count_of(broker, "rxerrs");
        status.timeouts = count_of(broker, "req_timeouts");
        status.disconnects = count_of(broker, "disconnects");
        status.throttle_seconds = throttle_seconds(broker);
        brokers.push_back(std::move(status));
    }
}

void read_partitions(const element& root, std::string_view topic,
                     std::vector<PartitionEnds>& partitions) {
    object topics;
    object wanted;
    object all;
    if (root["topics"].get(topics) != simdjson::SUCCESS ||
        topics[topic].get(wanted) != simdjson::SUCCESS ||
        wanted["partitions"].get(all) != simdjson::SUCCESS) {
        return;
    }
    for (const auto field : all) {
        object partition;
        std::int64_t id = -1;
        if (field.value.get(partition) != simdjson::SUCCESS) {
            continue;
        }
        read_number(partition, "partition", id);
        if (id < 0) {
            continue;  // librdkafka's internal "unassigned" partition
        }
        PartitionEnds ends;
        ends.partition = PartitionId{static_cast<std::int32_t>(id)};
        read_number(partition, "ls_offset", ends.last_stable);
        read_number(partition, "hi_offset", ends.high_watermark);
        partitions.push_back(ends);
    }
}

}  // namespace

bool read_client_stats(std::string_view json, std::string_view topic, ClientStats& stats) {
    simdjson::dom::parser parser;
    element root;
    if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) {
        return false;
    }
    stats.brokers.clear();
    stats.partitions.clear();
    read_brokers(root, stats.brokers);
    read_partitions(root, topic, stats.partitions);
    return true;
}

}  // namespace kstream::kafka
