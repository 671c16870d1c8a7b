// Signals as a process gets them: the first asks, the second ends.
#include "process/stop_signal.hpp"

#include "kstream/exit_code.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace kstream::process {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::unique_ptr<StopSignal> installed() {
    auto stop = StopSignal::install();
    REQUIRE(stop);
    return std::move(*stop);
}

bool readable(int descriptor) {
    pollfd entry{.fd = descriptor, .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, 0) == 1;
}

}  // namespace

TEST_CASE("Without a signal nothing is requested") {
    const auto stop = installed();
    CHECK_FALSE(stop->requested());
    CHECK_FALSE(readable(stop->file_descriptor()));
    const auto begin = std::chrono::steady_clock::now();
    CHECK_FALSE(stop->wait_for(milliseconds(20)));
    CHECK(std::chrono::steady_clock::now() - begin >= milliseconds(20));
}

TEST_CASE("The first SIGINT or SIGTERM requests a stop") {
    for (const int number : {SIGINT, SIGTERM}) {
        const auto stop = installed();
        CHECK(::raise(number) == 0);
        CHECK(stop->requested());
        CHECK(stop->wait_for(seconds(10)));
        CHECK(readable(stop->file_descriptor()));
    }
}

TEST_CASE("Signals that are meant for daemons or other programs end nothing") {
    for (const int number : {SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2}) {
        const auto stop = installed();
        if (number == SIGHUP && ::isatty(STDERR_FILENO) == 1) {
            continue;  // there it asks for the stop: below
        }
        CHECK(::raise(number) == 0);
        CHECK_FALSE(stop->requested());
    }
}

TEST_CASE("A terminal that goes away asks for the stop") {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(terminal >= 0);
    REQUIRE(::grantpt(terminal) == 0);
    REQUIRE(::unlockpt(terminal) == 0);
    const int other_end = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
    REQUIRE(other_end >= 0);
    const int before = ::dup(STDERR_FILENO);
    REQUIRE(::dup2(other_end, STDERR_FILENO) == STDERR_FILENO);
    {
        const auto stop = installed();
        CHECK(::raise(SIGHUP) == 0);
        CHECK(stop->requested());
    }
    ::signal(SIGHUP, SIG_IGN);  // as nohup does
    {
        const auto stop = installed();
        CHECK(::raise(SIGHUP) == 0);
        CHECK_FALSE(stop->requested());
    }
    ::signal(SIGHUP, SIG_DFL);
    ::dup2(before, STDERR_FILENO);
    for (const int descriptor : {terminal, other_end, before}) {
        ::close(descriptor);
    }
}

TEST_CASE("A request from inside wakes those who wait") {
    const auto stop = installed();
    std::thread other([&stop] { stop->request(); });
    CHECK(stop->wait_for(seconds(10)));
    other.join();
    CHECK(stop->requested());
}

TEST_CASE("A request from inside does not make the first signal the second") {
    const auto stop = installed();
    stop->request();
    CHECK(::raise(SIGTERM) == 0);
    CHECK(stop->requested());
}

TEST_CASE("The second signal leaves at once with its own exit code") {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const auto stop = StopSignal::install();
        ::raise(SIGINT);
        ::raise(SIGTERM);
        ::_exit(99);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == to_int(ExitCode::interrupted));
}

TEST_CASE("SIGPIPE is ignored while it is installed, and everything is put back") {
    struct sigaction before{};
    struct sigaction during{};
    struct sigaction after{};
    ::sigaction(SIGPIPE, nullptr, &before);
    {
        const auto stop = installed();
        ::sigaction(SIGPIPE, nullptr, &during);
        CHECK(::raise(SIGPIPE) == 0);
    }
    ::sigaction(SIGPIPE, nullptr, &after);
    CHECK(during.sa_handler == SIG_IGN);
    CHECK(after.sa_handler == before.sa_handler);
}

}  // namespace kstream::process
