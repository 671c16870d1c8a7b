#include "bench/child_process.hpp"

#include "bench/figures/json_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kstream::bench {

namespace {

constexpr std::size_t kMaxLines = 10'000;
constexpr Duration kBetweenLooks = std::chrono::milliseconds(5);

// Secrets may be among the client properties: they go through the environment, where the command
// line of a process would show them to everybody.
std::vector<std::string> environment_of(const cli::CommonConfig& common) {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        if (!std::string_view(*variable).starts_with("KSTREAM")) {
            variables.emplace_back(*variable);
        }
    }
    for (const auto& [name, value] : common.client_properties) {
        std::string variable = "KSTREAM_X_";
        for (const char c : name) {
            variable += c == '.' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 32) : c;
        }
        variables.push_back(fmt::format("{}={}", variable, value));
    }
    return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) {
        pointers.push_back(text.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

// In the child, between fork and exec: only what is safe after fork.
[[noreturn]] void become(char* const* arguments, char* const* environment, int out, int log) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // must not outlive the measurement
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execve("/proc/self/exe", arguments, environment);
    ::_exit(127);
}

// The most that the process has held until now, in bytes; none when it has ended. proc(5): VmHWM,
// in kB. Not ru_maxrss: that also counts what this process held when it forked the child, hundreds
// of megabytes after some scenarios.
std::optional<std::uint64_t> peak_memory_of(int pid) {
    std::ifstream file(fmt::format("/proc/{}/status", pid));
    for (std::string word; file >> word;) {
        std::uint64_t kilobytes = 0;
        if (word == "VmHWM:" && file >> kilobytes) {
            return kilobytes * 1024;
        }
    }
    return std::nullopt;
}

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const cli::CommonConfig& common,
                                                          std::vector<std::string> arguments,
                                                          const Clock& clock) {
    arguments.insert(arguments.begin(), "kstream");
    for (const char* more : {"--log-format", "json", "--log-level", "info", "--brokers"}) {
        arguments.emplace_back(more);
    }
    arguments.push_back(common.brokers);
    std::vector<std::string> environment = environment_of(common);
    const std::vector<char*> argument_pointers = pointers_to(arguments);
    const std::vector<char*> environment_pointers = pointers_to(environment);
    std::array<int, 2> out{-1, -1};
    std::array<int, 2> log{-1, -1};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(log.data(), O_CLOEXEC) != 0) {
        return fail(ExitCode::internal, fmt::format("no pipe: {}", std::strerror(errno)));
    }
    std::unique_ptr<ChildProcess> child(new ChildProcess(clock));
    child->started_ = clock.now();
    child->pid_ = ::fork();
    if (child->pid_ == 0) {
        become(argument_pointers.data(), environment_pointers.data(), out[1], log[1]);
    }
    ::close(out[1]);
    ::close(log[1]);
    if (child->pid_ < 0) {
        ::close(out[0]);
        ::close(log[0]);
        return fail(ExitCode::internal, fmt::format("no process: {}", std::strerror(errno)));
    }
    child->reader_ = std::jthread(
        [raw = child.get(), from = out[0], errors = log[0]] { raw->read_streams(from, errors); });
    return child;
}

ChildProcess::~ChildProcess() {
    if (pid_ > 0 && !end_) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
}

void ChildProcess::terminate() const {
    if (!end_) {
        ::kill(pid_, SIGTERM);
    }
}

// Until the child has closed both.
void ChildProcess::read_streams(int out, int log) {
    std::array<pollfd, 2> streams{{{out, POLLIN, 0}, {log, POLLIN, 0}}};
    std::array<char, 65536> room{};
    std::string line;
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        if (::poll(streams.data(), streams.size(), -1) < 0) {
            continue;
        }
        for (std::size_t i = 0; i < streams.size(); ++i) {
            if (streams[i].fd < 0 || streams[i].revents == 0) {
                continue;
            }
            const ssize_t size = ::read(streams[i].fd, room.data(), room.size());
            if (size <= 0) {
                ::close(streams[i].fd);
                streams[i].fd = -1;
                continue;
            }
            const std::string_view bytes(room.data(), static_cast<std::size_t>(size));
            const std::lock_guard lock(mutex_);
            if (i == 0) {
                output_ += bytes;
                continue;
            }
            for (const char c : bytes) {
                if (c != '\n') {
                    line += c;
                } else {
                    if (lines_.size() < kMaxLines) {
                        lines_.push_back({clock_.now(), line});
                    }
                    line.clear();
                }
            }
        }
    }
}

std::optional<ChildEnd> ChildProcess::wait(Duration limit) {
    const Instant deadline = clock_.now() + limit;
    while (!end_) {
        int status = 0;
        rusage usage{};
        peak_memory_ = peak_memory_of(pid_).value_or(peak_memory_);
        const int got = ::wait4(pid_, &status, WNOHANG, &usage);
        if (got == pid_) {
            ChildEnd end;
            end.at = clock_.now();
            end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
            end.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
            end.peak_memory = peak_memory_;
            end_ = end;
            reader_.join();  // all that it has said is there
        } else if (clock_.now() >= deadline) {
            return std::nullopt;
        } else {
            std::this_thread::sleep_for(std::min(kBetweenLooks, deadline - clock_.now()));
        }
    }
    return end_;
}

std::optional<Instant> ChildProcess::said(std::string_view event, int nth) const {
    const std::string wanted = fmt::format(R"("event":"{}")", event);
    const std::lock_guard lock(mutex_);
    for (const ChildLine& line : lines_) {
        if (line.text.contains(wanted) && --nth == 0) {
            return line.at;
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> ChildProcess::said_number(std::string_view event,
                                                       std::string_view name) const {
    for (const ChildLine& line : lines()) {
        const auto document = JsonDocument::read(line.text);
        if (!document || document->text("/event") != event) {
            continue;
        }
        const std::string digits = document->text(fmt::format("/{}", name)).value_or("");
        std::uint64_t number = 0;
        const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        return end.ec == std::errc{} ? std::optional(number) : std::nullopt;
    }
    return std::nullopt;
}

std::vector<ChildLine> ChildProcess::lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
}

std::string ChildProcess::output() const {
    const std::lock_guard lock(mutex_);
    return output_;
}

std::string ChildProcess::trouble() const {
    std::string text;
    for (const ChildLine& line : lines()) {
        const auto document = JsonDocument::read(line.text);
        if (document && document->text("/level") == "error") {
            text += (text.empty() ? "" : "; ") + document->text("/event").value_or("");
            text += document->text("/error") ? ": " + *document->text("/error") : "";
        }
    }
    return text;
}

}  // namespace kstream::bench
