// What a job takes beside what the system allows.
#include "process/process_limits.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/resource.h>

namespace kstream::process {
namespace {

// A /proc and a /sys/fs/cgroup of the test's own.
class Root {
public:
    Root() {
        std::string path = "/tmp/kstream-test-XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        path_ = path;
    }
    ~Root() { std::filesystem::remove_all(path_); }
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;

    void write(const std::string& name, std::string_view text) const {
        const std::filesystem::path path = path_ + name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text << '\n';
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace

TEST_CASE("What was measured with three brokers fits into what is said to be needed") {
    CHECK(needs_of_aggregate(1, 3).open_files >= 106);
    CHECK(needs_of_aggregate(1, 3).threads >= 50);
    CHECK(needs_of_aggregate(2, 3).open_files >= 171);
    CHECK(needs_of_aggregate(2, 3).threads >= 84);
    CHECK(needs_of_aggregate(20, 3).open_files > 1024);  // never ready and never ended, with 1024
    CHECK(needs_of_aggregate(1, 3).open_files < 1024);
    CHECK(needs_of_aggregate(4, 3).open_files < 1024);
    CHECK(needs_of_aggregate(2, 9).threads > needs_of_aggregate(2, 3).threads);
}

TEST_CASE("Too few open files are refused with the number, the option and the limit") {
    const Result<void> refused =
        check_limits({.open_files = 2300, .threads = 10},
                     {.open_files = 1024, .threads = std::nullopt, .threads_bound = ""}, 20, 3);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().exit_code == ExitCode::usage);
    CHECK(
        refused.error().message ==
        "--workers 20 with 3 brokers takes up to 2300 open files, and this process may have 1024");
    CHECK(refused.error().hint.contains("LimitNOFILE="));
    CHECK(check_limits({.open_files = 1024, .threads = 10},
                       {.open_files = 1024, .threads = 10, .threads_bound = ""}, 20, 3));
}

TEST_CASE("Too few threads are refused with what bounds them") {
    const Result<void> refused =
        check_limits({.open_files = 10, .threads = 101},
                     {.open_files = 1024, .threads = 100, .threads_bound = "pids.max"}, 9, 3);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.contains("101 threads, and this process may have 100"));
    CHECK(refused.error().hint.contains("pids.max"));
}

TEST_CASE("The narrowest control group above the process counts") {
    const Root root;
    root.write("/proc/self/cgroup", "0::/system.slice/kstream.service");
    root.write("/sys/fs/cgroup/system.slice/kstream.service/pids.max", "max");
    root.write("/sys/fs/cgroup/system.slice/pids.max", "500");
    root.write("/sys/fs/cgroup/system.slice/pids.current", "120");
    const ProcessLimits limits = read_process_limits(root.path());
    CHECK(limits.threads <= 380U);
}

TEST_CASE("In a container the root of the control groups is its own") {
    const Root root;
    root.write("/proc/self/cgroup", "0::/");
    root.write("/sys/fs/cgroup/pids.max", "64");
    root.write("/sys/fs/cgroup/pids.current", "70");
    CHECK(read_process_limits(root.path()).threads == 0U);
}

TEST_CASE("The soft limit of open files is raised to the hard one") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit low = before;
    low.rlim_cur = 64;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK(read_process_limits().open_files == 64);
    raise_open_files();
    CHECK(read_process_limits().open_files == before.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace kstream::process
