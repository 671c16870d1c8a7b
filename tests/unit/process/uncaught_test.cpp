#include "process/uncaught.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <exception>
#include <functional>
#include <new>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

// The status of a child that has done so, as waitpid() gives it.
int child(const std::function<void()>& does) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        std::signal(SIGABRT, SIG_DFL);  // Catch2 has one of its own
        kstream::process::end_with_uncaught_exceptions();
        does();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return status;
}

}  // namespace

TEST_CASE("An exception that leaves a thread ends the process as an internal error") {
    const int known = child([] { std::thread([] { throw std::bad_alloc(); }).join(); });
    REQUIRE(WIFEXITED(known));
    CHECK(WEXITSTATUS(known) == 13);
    const int unknown = child([] { std::thread([] { throw 1; }).join(); });
    REQUIRE(WIFEXITED(unknown));
    CHECK(WEXITSTATUS(unknown) == 13);
}

TEST_CASE("A termination without an exception still aborts") {
    const int status = child([] { std::terminate(); });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
}
