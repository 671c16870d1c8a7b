// Structured logging as a port: the pipeline and the adapters say what happened, telemetry/ writes
// it. Never a record's payload, never a secret; nothing per record in normal operation.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace kstream {

// error: a person must act, or the process ends. warn: something failed and is being handled.
// info: a state changed that an operator wants to see later. debug: for the developer.
enum class LogLevel : std::uint8_t { error, warn, info, debug };

struct LogField {
    std::string_view key;
    std::string value;

    LogField(std::string_view key_in, std::string value_in)
        : key(key_in), value(std::move(value_in)) {}
    LogField(std::string_view key_in, std::string_view value_in) : key(key_in), value(value_in) {}
    LogField(std::string_view key_in, const char* value_in) : key(key_in), value(value_in) {}
    LogField(std::string_view key_in, std::int64_t number)
        : key(key_in), value(std::to_string(number)) {}
};

class Log {
public:
    virtual ~Log() = default;
    // `event` is lower case, without a full stop ("partition assigned"). Safe from any thread.
    virtual void write(LogLevel level, std::string_view event,
                       std::initializer_list<LogField> fields = {}) = 0;
};

}  // namespace kstream
