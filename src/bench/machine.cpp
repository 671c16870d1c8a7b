// proc(5) throughout.
#include "bench/machine.hpp"

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <set>
#include <sstream>
#include <string_view>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

namespace kstream::bench {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListening = "0A";  // TCP_LISTEN in /proc/net/tcp

std::string field_of(const char* file, std::string_view name) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t colon = line.find(':');
        if (colon != std::string::npos && line.starts_with(name)) {
            const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
            return begin == std::string::npos ? std::string() : line.substr(begin);
        }
    }
    return {};
}

bool is_here(const std::string& host) {
    std::array<char, 256> own{};
    ::gethostname(own.data(), own.size() - 1);
    return host == "localhost" || host.starts_with("127.") || host == "::1" || host == own.data();
}

// Inodes of the sockets that listen on one of the ports.
std::set<std::string> listening_sockets(const std::set<int>& ports) {
    std::set<std::string> inodes;
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream lines(table);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            std::array<std::string, 10> word;
            for (std::string& one : word) {
                words >> one;
            }
            const std::size_t colon = word[1].find(':');
            if (word[3] != kListening || colon == std::string::npos) {
                continue;
            }
            const std::string_view hex = std::string_view(word[1]).substr(colon + 1);
            int port = 0;
            std::from_chars(hex.data(), hex.data() + hex.size(), port, 16);
            if (ports.contains(port)) {
                inodes.insert("socket:[" + word[9] + "]");
            }
        }
    }
    return inodes;
}

bool has_one_of(const fs::path& process, const std::set<std::string>& sockets) {
    std::error_code error;
    for (fs::directory_iterator it(process / "fd", error), end; !error && it != end;
         it.increment(error)) {
        if (sockets.contains(fs::read_symlink(it->path(), error).string())) {
            return true;
        }
        error.clear();  // a descriptor that has gone meanwhile
    }
    return false;
}

std::vector<int> processes_with(const std::set<std::string>& sockets) {
    std::vector<int> pids;
    std::error_code error;
    for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        int pid = 0;
        const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (read.ec == std::errc{} && has_one_of(it->path(), sockets)) {
            pids.push_back(pid);
        }
    }
    return pids;
}

std::optional<double> cpu_seconds_of(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) {
        return std::nullopt;
    }
    std::istringstream words(text.substr(name_end + 1));
    std::string word;
    double ticks = 0;
    for (int field = 3; field <= 15 && words >> word; ++field) {
        if (field >= 14) {  // utime, stime
            ticks += std::stod(word);
        }
    }
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

Machine read_machine() {
    Machine machine;
    machine.cpu = field_of("/proc/cpuinfo", "model name");
    cpu_set_t usable;
    CPU_ZERO(&usable);
    if (::sched_getaffinity(0, sizeof usable, &usable) == 0) {
        machine.cores = CPU_COUNT(&usable);
    }
    utsname name{};
    if (::uname(&name) == 0) {
        machine.kernel = std::string(name.sysname) + " " + name.release + " " + name.machine;
    }
    machine.memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::ifstream("/proc/loadavg") >> machine.load;
    return machine;
}

double own_cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double thread_cpu_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

BrokerProcesses::BrokerProcesses(const std::vector<kafka::BrokerInfo>& brokers) {
    std::set<int> ports;
    for (const kafka::BrokerInfo& broker : brokers) {
        if (!is_here(broker.host)) {
            return;
        }
        ports.insert(broker.port);
    }
    pids_ = processes_with(listening_sockets(ports));
    complete_ = !brokers.empty() && pids_.size() == brokers.size();
}

std::optional<double> BrokerProcesses::cpu_seconds() const {
    if (!complete_) {
        return std::nullopt;
    }
    double sum = 0;
    for (const int pid : pids_) {
        const std::optional<double> seconds = cpu_seconds_of(pid);
        if (!seconds) {
            return std::nullopt;
        }
        sum += *seconds;
    }
    return sum;
}

}  // namespace kstream::bench
