// Each Kafka error to what to do about it, in one place (the table in src/kafka/error_map.cpp):
// design decision 4. An error that the table does not know is `stop`.
#pragma once

#include "kafka/handles.hpp"
#include "kstream/error.hpp"

#include <string>
#include <string_view>

namespace kstream::kafka {

// The code alone, for callbacks and per-partition errors. `what` says what was being done and to
// which topic and partition; it becomes the beginning of the message. `detail` takes the place of
// librdkafka's general text where there is a better one. Any thread.
// __FATAL says only that the handle is unusable; rd_kafka_fatal_error() has the code to map.
[[nodiscard]] Error map_error(rd_kafka_resp_err_t code, std::string_view what,
                              std::string_view detail = {});

// An error object of the transactional API, by its flags (retriable, requires abort, fatal), as
// INTRODUCTION.md "Transactional Producer" has it, and its code. A code that the table knows as
// `stop` stops whatever the flags say: aborting does not give a right or make a record smaller.
// Otherwise the graver of the flag's and the table's disposition; with neither, `stop`.
// A timeout comes out as `retry`: whether the outcome is uncertain (protocol P6) is known only to
// the caller, who knows which request it was. Any thread.
[[nodiscard]] Error map_error(const rd_kafka_error_t& error, std::string_view what);

// Whether the cluster does not allow the settings with which a topic was to be made.
[[nodiscard]] bool is_refused_setting(const Error& error);

// A broker does not know the topic: it may not have heard of it yet, or the topic is gone. For a
// running job that is no reason to stop: TopicWatch finds out which of the two it is, and each
// takeover and step sees when it is another one.
[[nodiscard]] bool is_missing_topic(const Error& error);

// Says nothing but that another record of the same batch was refused: that one's error says why.
[[nodiscard]] bool is_of_another_record(const Error& error);

// Whether a broker's certificate or this client's login was refused.
[[nodiscard]] bool is_refused_connection(const Error& error);

// A missing right, said as the operations and the resource ("Read on topic x"), in place of the
// general hint. Any other error stays as it is.
[[nodiscard]] Error with_right(Error error, std::string_view right);

}  // namespace kstream::kafka
