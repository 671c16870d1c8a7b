#include "process/uncaught.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <csignal>
#include <exception>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

// The status of a child that has done so, as waitpid() gives it, and what it said.
struct Ended {
    int status = 0;
    std::string said;
};

Ended child(const std::function<void()>& does) {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(pipe[1], STDERR_FILENO);
        std::signal(SIGABRT, SIG_DFL);  // Catch2 has one of its own
        kstream::process::end_with_uncaught_exceptions();
        does();
        ::_exit(0);
    }
    ::close(pipe[1]);
    Ended ended;
    std::array<char, 256> bytes{};
    for (ssize_t count = 0; (count = ::read(pipe[0], bytes.data(), bytes.size())) > 0;) {
        ended.said.append(bytes.data(), static_cast<std::size_t>(count));
    }
    ::close(pipe[0]);
    REQUIRE(::waitpid(pid, &ended.status, 0) == pid);
    return ended;
}

}  // namespace

TEST_CASE("An exception that leaves a thread ends the process as an internal error") {
    const Ended known = child([] { std::thread([] { throw std::out_of_range("why"); }).join(); });
    REQUIRE(WIFEXITED(known.status));
    CHECK(WEXITSTATUS(known.status) == 13);
    CHECK(known.said == "kstream: internal error: why\n");
    const Ended unknown = child([] { std::thread([] { throw 1; }).join(); });
    REQUIRE(WIFEXITED(unknown.status));
    CHECK(WEXITSTATUS(unknown.status) == 13);
}

TEST_CASE("Out of memory is said as that, with what to do") {
    const Ended ended = child([] { std::thread([] { throw std::bad_alloc(); }).join(); });
    REQUIRE(WIFEXITED(ended.status));
    CHECK(WEXITSTATUS(ended.status) == 13);
    CHECK(ended.said.starts_with("kstream: out of memory: give the process more"));
}

TEST_CASE("A termination without an exception still aborts") {
    const int status = child([] { std::terminate(); }).status;
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
}
