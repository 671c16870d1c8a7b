#include "process/process_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

namespace kstream::process {
namespace {

// A client of librdkafka has a thread for each broker that it knows, one for the coordinator of its
// group or transaction, one that is inside only and its main one. Each but the main one has a pair
// of descriptors to be woken by, and most a connection (rdkafka_broker.c, rd_kafka_broker_add).
constexpr std::uint64_t kThreadsBesideBrokers = 3;
constexpr std::uint64_t kDescriptorsOfThread = 3;
// Of each worker: a consumer and a producer of each loop, and one more of each loop at a time: the
// reader that restores, or the next producer while the last one comes to its end.
constexpr std::uint64_t kClientsOfWorker = 6;
constexpr std::uint64_t kThreadsOfWorker = 4;  // the loops, and those that call for the producers
// Of the process: administration, questions to the cluster (two), who else is there, and the end
// that --until waits for.
constexpr std::uint64_t kClientsOfProcess = 5;
constexpr std::uint64_t kThreadsOfProcess = 8;
// Standard streams, HTTP with its 16 connections, the files that libraries open.
constexpr std::uint64_t kDescriptorsOfProcess = 48;

std::optional<std::uint64_t> read_number(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    std::uint64_t value = 0;
    if (!(file >> text)) {
        return std::nullopt;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                    : std::nullopt;  // "max"
}

// "0::/system.slice/kstream.service" of /proc/self/cgroup -> that path.
std::optional<std::string> control_group(const std::string& root) {
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("0::")) {
            return line.substr(3);
        }
    }
    return std::nullopt;
}

// The least room of all groups that this process is in; in a container the root is its own.
std::optional<std::uint64_t> room_of_control_group(const std::string& root) {
    std::optional<std::uint64_t> least;
    std::string group = control_group(root).value_or("/");
    while (true) {
        const std::string folder = root + "/sys/fs/cgroup" + (group == "/" ? "" : group);
        if (const auto most = read_number(folder + "/pids.max")) {
            const std::uint64_t now = read_number(folder + "/pids.current").value_or(0);
            const std::uint64_t room = *most > now ? *most - now : 0;
            least = std::min(least.value_or(room), room);
        }
        if (group.size() <= 1) {
            return least;
        }
        group.resize(std::max<std::size_t>(group.rfind('/'), 1));
        if (group.front() != '/') {
            return least;
        }
    }
}

}  // namespace

void raise_open_files() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);  // refused: what there was stays
    }
}

ProcessLimits read_process_limits(const std::string& root) {
    ProcessLimits limits;
    rlimit files{};
    limits.open_files =
        ::getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : std::uint64_t{1024};
    limits.threads = room_of_control_group(root);
    limits.threads_bound = "pids.max of the control group";
    rlimit threads{};
    // What else the user runs counts too and is not known here; the limit itself is the most.
    if (::geteuid() != 0 && ::getrlimit(RLIMIT_NPROC, &threads) == 0 &&
        threads.rlim_cur != RLIM_INFINITY &&
        threads.rlim_cur < limits.threads.value_or(RLIM_INFINITY)) {
        limits.threads = threads.rlim_cur;
        limits.threads_bound = "ulimit -u (LimitNPROC=)";
    }
    return limits;
}

ProcessNeeds needs_of_aggregate(int workers, int brokers) {
    const auto number = static_cast<std::uint64_t>(std::max(1, workers));
    const std::uint64_t clients = number * kClientsOfWorker + kClientsOfProcess;
    const std::uint64_t of_client =
        static_cast<std::uint64_t>(std::max(1, brokers)) + kThreadsBesideBrokers;
    return {.open_files = clients * of_client * kDescriptorsOfThread + kDescriptorsOfProcess,
            .threads = clients * of_client + number * kThreadsOfWorker + kThreadsOfProcess};
}

Result<void> check_limits(const ProcessNeeds& needs, const ProcessLimits& limits, int workers,
                          int brokers) {
    const auto with = [&](std::uint64_t number, std::string_view what, std::uint64_t most,
                          std::string_view hint) {
        return fail(ExitCode::usage,
                    fmt::format("--workers {} with {} brokers takes up to {} {}, and this process "
                                "may have {}",
                                workers, brokers, number, what, most),
                    fmt::format("{}, or take fewer --workers and start more processes", hint));
    };
    if (needs.open_files > limits.open_files) {
        return with(needs.open_files, "open files", limits.open_files,
                    fmt::format("raise the hard limit to {}: ulimit -Hn, LimitNOFILE= of the unit, "
                                "nofile of the container",
                                needs.open_files));
    }
    if (limits.threads && needs.threads > *limits.threads) {
        return with(needs.threads, "threads", *limits.threads,
                    fmt::format("raise {} (TasksMax= of the unit, pids-limit of the container)",
                                limits.threads_bound));
    }
    return {};
}

}  // namespace kstream::process
