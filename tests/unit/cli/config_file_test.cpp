// The grammar of the configuration file: a value arrives whole or not at all.
#include "cli/config_file.hpp"

#include "support/cli_fixture.hpp"

#include <tuple>

namespace kstream::cli {
namespace {

std::string value_of(std::string_view line) {
    const ConfigFile file = parse_config_text(line);
    CHECK(file.problems.empty());
    REQUIRE(file.entries.size() == 1);
    return file.entries[0].value;
}

std::string problem_of(std::string_view line) {
    const ConfigFile file = parse_config_text(line);
    CHECK(file.entries.empty());
    REQUIRE(file.problems.size() == 1);
    return file.problems[0];
}

}  // namespace

TEST_CASE("Sections, keys, comments and line ends") {
    const ConfigFile file = parse_config_text(
        "# comment\n; comment\n\n a = 1 \r\n[ produce ]\nb=2\n[client]\n\tc.d\t=\t3");
    CHECK(file.problems.empty());
    REQUIRE(file.entries.size() == 3);
    const auto tied = [](const FileEntry& entry) {
        return std::tuple(entry.section, entry.key, entry.value, entry.line);
    };
    CHECK(tied(file.entries[0]) == std::tuple("", "a", "1", 4));
    CHECK(tied(file.entries[1]) == std::tuple("produce", "b", "2", 6));
    CHECK(tied(file.entries[2]) == std::tuple("client", "c.d", "3", 8));
}

TEST_CASE("Values keep every character that belongs to them") {
    CHECK(value_of("k = a,b c=d") == "a,b c=d");
    CHECK(value_of("k = pass#word") == "pass#word");
    CHECK(value_of("k =") == "");
    CHECK(value_of(R"(k = "a # b")") == "a # b");
    CHECK(value_of(R"(k = "a" # comment)") == "a");
    CHECK(value_of(R"(k = "q\"b\\n\n\t")") == "q\"b\\n\n\t");
    CHECK(value_of(R"(k = 'a\n"b"')") == R"(a\n"b")");
    CHECK(value_of("k = [::1]:9092") == "[::1]:9092");
}

TEST_CASE("What could mean two things is an error") {
    CHECK(problem_of("k = 5 # comment").contains("a '#' in a value without quotes"));
    CHECK(problem_of("k = # comment").contains("a '#' in a value without quotes"));
    CHECK(problem_of(R"(k = "open)").contains("closing quote"));
    CHECK(problem_of(R"(k = "a" b)").contains("after the closing quote"));
    CHECK(problem_of(R"(k = "\x")").contains("unknown escape"));
    CHECK(problem_of("[produce").contains("a section is [name]"));
    CHECK(problem_of("= 5").contains("not of the form key = value"));
}

TEST_CASE("A line that is not understood is not repeated: it may be half a secret") {
    CHECK_FALSE(problem_of("hunter2").contains("hunter2"));
    CHECK_FALSE(problem_of(R"(sasl.password = "hunter2)").contains("hunter2"));
}

TEST_CASE("Only regular files of a sensible size are read") {
    CHECK(read_config_file("/dev/null").error() == "is not a regular file");
    CHECK(read_config_file("/tmp").error() == "is not a regular file");
    CHECK_FALSE(read_config_file("/nowhere/at/all"));
    const TemporaryFile large(std::string((1U << 20) + 1, '#'));
    CHECK(read_config_file(large.path()).error() == "is larger than 1 MiB");
}

}  // namespace kstream::cli
