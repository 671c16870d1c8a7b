// Which librdkafka properties a user may not set with -X, and why: each of them would break
// exactly-once, the delivery guarantee of produce, or is kstream's own to set.
#pragma once

#include <array>
#include <string_view>

namespace kstream {

struct RefusedProperty {
    std::string_view name;  // a trailing '*' matches any ending
    std::string_view reason;
};

inline constexpr std::array<RefusedProperty, 31> kRefusedProperties{{
    {"bootstrap.servers", "use --brokers"},
    {"metadata.broker.list", "use --brokers"},
    {"group.id", "the groups are <application-id>-map and <application-id>-totals"},
    {"group.instance.id", "use --group-instance-id"},
    {"group.protocol", "use --group-protocol"},
    {"session.timeout.ms", "use --session-timeout"},
    {"heartbeat.interval.ms", "a fifth of --session-timeout"},
    {"max.poll.interval.ms", "five minutes, or --session-timeout where that is longer"},
    {"transactional.id", "made from application id, instance id and worker (protocol P5)"},
    {"transaction.timeout.ms", "bounds how long a dead worker blocks takeover; kstream sets it"},
    {"enable.idempotence", "always on: without it a retry can write a record twice"},
    {"acks", "always all: an acknowledged record must survive the loss of a broker"},
    {"request.required.acks", "always all: an acknowledged record must survive a lost broker"},
    {"max.in.flight.requests.per.connection",
     "with another number a record that was not written can be reported as delivered"},
    {"max.in.flight",
     "with another number a record that was not written can be reported as delivered"},
    {"isolation.level", "decided per reader: aborted records must never be counted"},
    {"enable.auto.commit", "offsets travel only inside the transaction (protocol P12)"},
    {"auto.commit.enable", "offsets travel only inside the transaction (protocol P12)"},
    {"auto.commit.interval.ms", "offsets travel only inside the transaction (protocol P12)"},
    {"enable.auto.offset.store", "offsets travel only inside the transaction (protocol P12)"},
    {"auto.offset.reset", "use --from; a lost position must stop the job, not reset it"},
    {"partition.assignment.strategy", "the revoke barrier is built for cooperative-sticky"},
    {"partitioner", "murmur2 as Kafka's own clients; part of the stored identity"},
    {"delivery.report.only.error", "the counts of acknowledged records need every report"},
    {"enable.gapless.guarantee", "kstream sets it"},
    {"enable.partition.eof", "kstream sets it where it needs it"},
    {"check.crcs", "always on: a corrupt batch must not reach the totals"},
    {"fetch.record.batches", "kstream sets it where it reads whole batches"},
    {"allow.auto.create.topics", "a topic that a broker makes on the fly has its defaults"},
    {"plugin.library.paths", "loads foreign code into the process"},
    {"test.mock.*", "a mock cluster ignores aborted transactions"},
}};

// The reason why `property` is refused, or an empty view when a user may set it.
[[nodiscard]] constexpr std::string_view refusal_reason(std::string_view property) {
    for (const RefusedProperty& refused : kRefusedProperties) {
        const bool prefix = refused.name.ends_with('*');
        const std::string_view name =
            prefix ? refused.name.substr(0, refused.name.size() - 1) : refused.name;
        if (prefix ? property.starts_with(name) : property == name) {
            return refused.reason;
        }
    }
    return {};
}

}  // namespace kstream
