// A kstream of its own: the same executable with another command line. What bench measures of
// kstream runs like this, because a process of its own has CPU seconds and memory of its own, and
// because it is what everybody else runs (docs/adr/0023-bench.md).
#pragma once

#include "cli/config.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/clock.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace kstream::bench {

// A line of the child's log, and when it came.
struct ChildLine {
    Instant at;
    std::string text;  // JSON
};

struct ChildEnd {
    int exit_code = 0;  // -N when signal N ended it
    double cpu_seconds = 0;
    std::uint64_t peak_memory = 0;  // bytes, as last seen: some milliseconds before its end
    Instant at;
};

class ChildProcess {
public:
    // `arguments` begin with the subcommand; brokers, client properties and the form of the log are
    // those of `common`. Nothing else of this process's environment reaches the child's options.
    [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start(
        const cli::CommonConfig& common, std::vector<std::string> arguments, const Clock& clock);
    // A child that still runs is killed.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    [[nodiscard]] Instant started() const { return started_; }
    void terminate() const;  // SIGTERM

    // How it ended; none when it still runs after `limit`.
    [[nodiscard]] std::optional<ChildEnd> wait(Duration limit);

    // When the child said `event` for the nth time (from 1 on).
    [[nodiscard]] std::optional<Instant> said(std::string_view event, int nth) const;
    // The whole number in the field `name` of the first `event` that it said.
    [[nodiscard]] std::optional<std::uint64_t> said_number(std::string_view event,
                                                           std::string_view name) const;
    [[nodiscard]] std::vector<ChildLine> lines() const;
    [[nodiscard]] std::string output() const;  // stdout up to now
    // Its last words: error lines of its log, for a message.
    [[nodiscard]] std::string trouble() const;

private:
    explicit ChildProcess(const Clock& clock) : clock_(clock) {}
    void read_streams(int out, int log);

    const Clock& clock_;
    Instant started_;
    int pid_ = -1;
    std::uint64_t peak_memory_ = 0;
    std::optional<ChildEnd> end_;
    mutable std::mutex mutex_;  // of the two below
    std::string output_;
    std::vector<ChildLine> lines_;
    std::jthread reader_;
};

}  // namespace kstream::bench
