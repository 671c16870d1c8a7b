// librdkafka's log lines -> the Log port.
//
// log_cb has no argument of its own, only the handle, and the handle's one opaque pointer belongs
// to the adapter that made it (delivery and rebalance callbacks). So an on_new interceptor, which
// does have an argument, notes the Log of each handle before its first line, and on_destroy forgets
// it.

#include "kafka/log_bridge.hpp"

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace kstream::kafka {
namespace {

// A lost broker makes every client of the process repeat the same few lines for as long as it is
// gone. Five lines name all brokers of a small cluster; the rest is a number.
constexpr int kLinesPerWindow = 5;
constexpr std::chrono::seconds kWindow{10};

constexpr int kSyslogCritical = 2;
constexpr int kSyslogWarning = 4;
constexpr int kSyslogInfo = 6;

class Registry {
public:
    void add(const rd_kafka_t* client, Log* log) {
        const std::scoped_lock lock(mutex_);
        sinks_.try_emplace(log).first->second.clients += 1;
        logs_[client] = log;
    }

    void remove(const rd_kafka_t* client) {
        const std::scoped_lock lock(mutex_);
        const auto found = logs_.find(client);
        if (found == logs_.end()) {
            return;
        }
        const auto sink = sinks_.find(found->second);
        if (--sink->second.clients == 0) {
            sinks_.erase(sink);
        }
        logs_.erase(found);
    }

    struct Admission {
        Log* log = nullptr;         // nullptr: the line is to be left out
        std::int64_t left_out = 0;  // lines left out since the last one that passed
    };

    // Where a line of this client goes, if it goes anywhere.
    Admission admit(const rd_kafka_t* client, std::string_view facility, bool limited) {
        const auto now = std::chrono::steady_clock::now();
        const std::scoped_lock lock(mutex_);
        const auto found = logs_.find(client);
        if (found == logs_.end()) {  // between on_destroy and the end of its threads
            return {};
        }
        if (!limited) {
            return {found->second, 0};
        }
        Window& window = sinks_[found->second].windows[std::string(facility)];
        if (now - window.begin >= kWindow) {
            window.begin = now;
            window.passed = 0;
        }
        if (window.passed >= kLinesPerWindow) {
            ++window.left_out;
            return {};
        }
        ++window.passed;
        return {found->second, std::exchange(window.left_out, 0)};
    }

private:
    struct Window {
        std::chrono::steady_clock::time_point begin;
        int passed = 0;
        std::int64_t left_out = 0;
    };
    struct Sink {
        int clients = 0;
        std::map<std::string, Window> windows;  // by facility: librdkafka has a few dozen
    };

    std::mutex mutex_;
    std::unordered_map<const rd_kafka_t*, Log*> logs_;
    std::unordered_map<const Log*, Sink> sinks_;
};

// Never destroyed: a client that outlives main() may still log.
Registry& registry() {
    static auto* const instance = new Registry;
    return *instance;
}

// librdkafka writes what it goes on to handle itself as LOG_ERR ("connect refused"); nobody has to
// act on that, so it is a warning here. Fatal errors of a client are LOG_EMERG.
LogLevel level_of(int syslog_level) {
    if (syslog_level <= kSyslogCritical) {
        return LogLevel::error;
    }
    if (syslog_level <= kSyslogWarning) {
        return LogLevel::warn;
    }
    return syslog_level <= kSyslogInfo ? LogLevel::info : LogLevel::debug;
}

// A process that has run out of descriptors or threads connects again for ever. To librdkafka it is
// a broker that cannot be reached.
bool is_out_of_resources(std::string_view text) {
    return text.contains("Too many open files") ||
           text.contains("Unable to create broker thread") ||
           text.contains("Unable to create thread");
}

void on_log(const rd_kafka_t* client, int syslog_level, const char* facility, const char* text) {
    if (is_out_of_resources(text)) {
        if (const auto [log, left_out] = registry().admit(client, "kstream-resources", true);
            log != nullptr) {
            log->write(LogLevel::error, "the process has no more open files or threads",
                       {{"client", rd_kafka_name(client)},
                        {"text", text},
                        {"hint",
                         "raise LimitNOFILE= and TasksMax= of the unit, nofile and "
                         "pids-limit of the container, or take fewer --workers"}});
        }
        return;
    }
    const LogLevel level = level_of(syslog_level);
    const bool limited = level == LogLevel::warn || level == LogLevel::info;
    const auto [log, left_out] = registry().admit(client, facility, limited);
    if (log == nullptr) {
        return;
    }
    const char* const name = rd_kafka_name(client);
    if (left_out > 0) {
        log->write(
            level, "kafka client",
            {{"client", name}, {"facility", facility}, {"text", text}, {"left_out", left_out}});
    } else {
        log->write(level, "kafka client",
                   {{"client", name}, {"facility", facility}, {"text", text}});
    }
}

rd_kafka_resp_err_t on_destroy(rd_kafka_t* client, void* /*argument*/) {
    registry().remove(client);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t on_new(rd_kafka_t* client, const rd_kafka_conf_t* /*conf*/, void* log,
                           char* /*errstr*/, std::size_t /*errstr_size*/) {
    registry().add(client, static_cast<Log*>(log));
    return rd_kafka_interceptor_add_on_destroy(client, "kstream-log", &on_destroy, nullptr);
}

}  // namespace

void attach_log(rd_kafka_conf_t& conf, Log& log) {
    rd_kafka_conf_set_log_cb(&conf, &on_log);
    rd_kafka_conf_interceptor_add_on_new(&conf, "kstream-log", &on_new, &log);
}

}  // namespace kstream::kafka
