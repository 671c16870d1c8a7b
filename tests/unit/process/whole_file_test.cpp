#include "process/whole_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;
using kstream::process::FileSource;
using kstream::process::write_whole_file;

namespace {

// What was synced since a test began: 'f' a file, 'd' a directory; and which of them fails.
std::string g_synced;
char g_fails = ' ';

struct Folder {
    fs::path path;
    Folder() {
        std::string name = (fs::temp_directory_path() / "kstream-whole-file-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
        g_synced.clear();
        g_fails = ' ';
    }
    ~Folder() {
        g_fails = ' ';
        fs::remove_all(path);
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& entry : fs::directory_iterator(path)) {
            all.push_back(entry.path().filename().string());
        }
        return all;
    }
};

std::string contents(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

// In front of libc's.
extern "C" int fsync(int fd) {
    struct stat facts{};
    ::fstat(fd, &facts);
    const char kind = S_ISDIR(facts.st_mode) ? 'd' : 'f';
    g_synced += kind;
    if (kind == g_fails) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

TEST_CASE("A whole file is synced before it is renamed, and its directory after") {
    const Folder folder;
    const std::string path = (folder.path / "base").string();
    {
        auto out = write_whole_file(path, "--save-base base");
        REQUIRE(out);
        REQUIRE((*out)->write("one "));
        REQUIRE((*out)->write("two"));
        CHECK_FALSE(fs::exists(path));
        REQUIRE((*out)->commit());
    }
    CHECK(g_synced == "fd");
    CHECK(contents(path) == "one two");
    CHECK(folder.names() == std::vector<std::string>{"base"});
}

TEST_CASE("A whole file that was not committed leaves nothing, and what was there stays") {
    const Folder folder;
    const std::string path = (folder.path / "base").string();
    std::ofstream(path) << "before";
    {
        auto out = write_whole_file(path, "--save-base base");
        REQUIRE((*out)->write("half"));
    }
    CHECK(contents(path) == "before");
    CHECK(folder.names() == std::vector<std::string>{"base"});
}

TEST_CASE("A whole file that cannot be synced is not put in its place") {
    const Folder folder;
    const std::string path = (folder.path / "base").string();
    {
        auto out = write_whole_file(path, "--save-base base");
        REQUIRE((*out)->write("bytes"));
        g_fails = 'f';
        const auto done = (*out)->commit();
        REQUIRE_FALSE(done);
        CHECK(done.error().message == "--save-base base: cannot be written: Input/output error");
    }
    CHECK(folder.names().empty());
    {
        auto out = write_whole_file(path, "--save-base base");
        REQUIRE((*out)->write("bytes"));
        g_fails = 'd';
        const auto done = (*out)->commit();
        REQUIRE_FALSE(done);
        CHECK(done.error().message.contains("directory cannot be synced"));
    }
    CHECK(contents(path) == "bytes");
}

TEST_CASE("Two that write the same whole file at once do not disturb each other") {
    const Folder folder;
    const std::string path = (folder.path / "base").string();
    auto first = write_whole_file(path, "a");
    auto second = write_whole_file(path, "b");
    REQUIRE((*first)->write("first"));
    REQUIRE((*second)->write("the second"));
    REQUIRE((*second)->commit());
    REQUIRE((*first)->commit());
    CHECK(contents(path) == "first");
}

TEST_CASE("A whole file in a folder that does not exist is refused, naming it") {
    const auto out = write_whole_file("/nowhere/base", "--save-base /nowhere/base");
    REQUIRE_FALSE(out);
    CHECK(out.error().message ==
          "--save-base /nowhere/base: cannot be written: No such file or directory");
}

TEST_CASE("A file source gives what it has, and not more") {
    const Folder folder;
    std::ofstream(folder.path / "in") << "abcdef";
    FileSource in((folder.path / "in").string());
    REQUIRE(in.is_open());
    std::string four(4, '\0');
    CHECK(in.read(four));
    CHECK(four == "abcd");
    CHECK_FALSE(in.read(four));
    CHECK_FALSE(FileSource((folder.path / "nothing").string()).is_open());
}
