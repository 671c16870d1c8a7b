// proc(5): fields of /proc/self/stat by number, as that page counts them.
#include "telemetry/process_status.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace kstream::telemetry {
namespace {

// The fields from the third on: the second is the name of the program and may hold blanks.
std::vector<double> stat_fields() {
    std::ifstream file("/proc/self/stat");
    std::string text(std::istreambuf_iterator<char>(file), {});
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) {
        return {};
    }
    std::istringstream rest(text.substr(name_end + 1));
    std::string state;
    rest >> state;
    std::vector<double> fields{0};
    for (double value = 0; rest >> value;) {
        fields.push_back(value);
    }
    return fields;
}

// Unix time at which the machine was started.
double boot_time() {
    std::ifstream file("/proc/stat");
    for (std::string word; file >> word;) {
        double seconds = 0;
        if (word == "btime" && file >> seconds) {
            return seconds;
        }
    }
    return 0;
}

std::uint64_t open_files() {
    std::error_code error;
    std::uint64_t count = 0;
    for (auto it = std::filesystem::directory_iterator("/proc/self/fd", error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        ++count;
    }
    return count > 0 ? count - 1 : 0;  // without the one that is open for this very look
}

}  // namespace

ProcessStatus read_process_status() {
    constexpr std::size_t kFirst = 3;  // number of stat_fields()[0]
    constexpr std::size_t kUserTime = 14 - kFirst;
    constexpr std::size_t kSystemTime = 15 - kFirst;
    constexpr std::size_t kStartTime = 22 - kFirst;
    constexpr std::size_t kVirtualBytes = 23 - kFirst;
    constexpr std::size_t kResidentPages = 24 - kFirst;

    ProcessStatus status;
    const std::vector<double> fields = stat_fields();
    if (fields.size() > kResidentPages) {
        const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
        const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
        status.cpu_seconds = (fields[kUserTime] + fields[kSystemTime]) / ticks;
        status.start_time_seconds = boot_time() + fields[kStartTime] / ticks;
        status.virtual_bytes = static_cast<std::uint64_t>(fields[kVirtualBytes]);
        status.resident_bytes = static_cast<std::uint64_t>(fields[kResidentPages] * page);
    }
    status.open_files = open_files();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        status.max_files = limit.rlim_cur;
    }
    return status;
}

}  // namespace kstream::telemetry
