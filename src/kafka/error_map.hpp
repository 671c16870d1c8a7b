// Each Kafka error to what to do about it, in one switch (src/kafka/error_map.cpp): design decision
// 4. An error that the switch does not know is `stop`.
#pragma once

#include <string>
#include <string_view>

#include "kafka/handles.hpp"
#include "kstream/error.hpp"

namespace kstream::kafka {

// The code alone, for callbacks and per-partition errors. `what` says what was being done and to
// which topic and partition; it becomes the beginning of the message.
[[nodiscard]] Error map_error(rd_kafka_resp_err_t code, std::string_view what,
                              std::string_view detail = {});

// An error object of the transactional API: its flags (retriable, requires abort, fatal) decide
// first, as INTRODUCTION.md "Transactional Producer" has it; then the switch over its code.
[[nodiscard]] Error map_error(const rd_kafka_error_t& error, std::string_view what);

}  // namespace kstream::kafka
