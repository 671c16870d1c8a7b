// Log lines as they leave the process, read back from a pipe.
#include "telemetry/log.hpp"

#include "support/manual_clock.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace kstream::telemetry {
namespace {

// What is written to the log until the object is asked.
class CapturedLog {
public:
    explicit CapturedLog(LogFormat format = LogFormat::text, LogLevel level = LogLevel::debug) {
        REQUIRE(::pipe2(pipe_.data(), O_CLOEXEC | O_NONBLOCK) == 0);
        log_ = std::make_unique<LineLog>(
            clock_, LogOptions{.level = level, .format = format, .file_descriptor = pipe_[1]});
    }
    ~CapturedLog() {
        ::close(pipe_[0]);
        ::close(pipe_[1]);
    }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;

    LineLog& operator*() { return *log_; }
    LineLog* operator->() { return log_.get(); }

    std::string text() {
        std::string text;
        std::array<char, 65536> buffer;
        for (ssize_t got = 0; (got = ::read(pipe_[0], buffer.data(), buffer.size())) > 0;) {
            text.append(buffer.data(), static_cast<std::size_t>(got));
        }
        return text;
    }

private:
    ManualClock clock_;
    std::array<int, 2> pipe_{};
    std::unique_ptr<LineLog> log_;
};

// One field's line without what stands before the field.
std::string field_text(const std::string& value, LogFormat format = LogFormat::text) {
    CapturedLog log(format);
    log->write(LogLevel::info, "e", {{"k", value}});
    const std::string line = log.text();
    const std::string_view before = format == LogFormat::text ? "info e" : R"("event":"e")";
    return line.substr(line.find(before) + before.size());
}

}  // namespace

TEST_CASE("A line has time, level, event and fields") {
    CapturedLog log;
    log->write(LogLevel::warn, "partition assigned",
               {{"partition", std::int64_t{3}}, {"why", "a b"}, {"empty", ""}});
    CHECK(log.text() ==
          "2026-11-24T03:10:11.123Z warn partition assigned partition=3 why=\"a b\"\n");
}

TEST_CASE("As JSON a line is one object") {
    CapturedLog log(LogFormat::json);
    log->write(LogLevel::error, "stopped", {{"exit", std::int64_t{4}}, {"path", R"(a\"b)"}});
    CHECK(log.text() == R"({"time":"2026-11-24T03:10:11.123Z","level":"error","event":"stopped",)"
                        R"("exit":"4","path":"a\\\"b"})"
                        "\n");
}

TEST_CASE("Lines below the level are not written") {
    CapturedLog log(LogFormat::text, LogLevel::warn);
    log->write(LogLevel::info, "hidden");
    log->write(LogLevel::debug, "hidden");
    CHECK(log.text().empty());
    log->write(LogLevel::error, "shown");
    CHECK(log.text().contains("error shown\n"));
}

TEST_CASE("No value can forge a line or move the cursor") {
    CHECK(field_text("a\nb") == " k=\"a\\nb\"\n");
    CHECK(field_text("a\r\t\x1b[2J\x7f") == " k=\"a\\u000d\\u0009\\u001b[2J\\u007f\"\n");
    CHECK(field_text("\xc2\x9b") == " k=\"\\u009b\"\n");  // C1: CSI in one byte
    CHECK(field_text("\xe2\x80\xae\xe2\x81\xa6") == " k=\"\\u202e\\u2066\"\n");  // bidirectional
    CHECK(field_text("\xe2\x80\xa8\xd8\x9c\xef\xbb\xbf") == " k=\"\\u2028\\u061c\\ufeff\"\n");
    CHECK(field_text("k=v level=error") == " k=\"k=v level=error\"\n");
    CHECK(field_text("say \"hi\\\"") == " k=\"say \\\"hi\\\\\\\"\"\n");
    CHECK(field_text("caf\xc3\xa9 \xf0\x9f\x98\x80") == " k=\"caf\xc3\xa9 \xf0\x9f\x98\x80\"\n");
    CapturedLog log;
    log->write(LogLevel::info, "event\nwith lines");
    CHECK(std::ranges::count(log.text(), '\n') == 1);
}

TEST_CASE("Bytes that are not UTF-8 are shown as bytes") {
    CHECK(field_text("\xff") == " k=\"\\xff\"\n");
    CHECK(field_text("\xc0\xaf") == " k=\"\\xc0\\xaf\"\n");           // overlong
    CHECK(field_text("\xed\xa0\x80") == " k=\"\\xed\\xa0\\x80\"\n");  // surrogate
    CHECK(field_text("\xf4\x90\x80\x80").starts_with(" k=\"\\xf4"));  // above U+10FFFF
    CHECK(field_text("\xe2\x82") == " k=\"\\xe2\\x82\"\n");           // cut off
    CHECK(field_text("\xff", LogFormat::json) == ",\"k\":\"\\ufffd\"}\n");
    CHECK(field_text(std::string("a\0b", 3), LogFormat::json) == ",\"k\":\"a\\u0000b\"}\n");
}

TEST_CASE("Long values are cut, never within a character") {
    CHECK(field_text(std::string(256, 'x')) == " k=" + std::string(256, 'x') + "\n");
    CHECK(field_text(std::string(257, 'x')) == " k=\"" + std::string(253, 'x') + "...\"\n");
    const std::string cut = field_text(std::string(252, 'x') + "\xc3\xa9\xc3\xa9\xc3\xa9");
    CHECK(cut == " k=\"" + std::string(252, 'x') + "...\"\n");
}

TEST_CASE("Lines of several threads do not mix") {
    CapturedLog log;
    constexpr int kThreads = 4;
    constexpr int kLines = 50;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&log, i] {
            for (int line = 0; line < kLines; ++line) {
                log->write(LogLevel::info, "e", {{"line", std::to_string(i * kLines + line)}});
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    std::set<std::string> lines;
    std::string rest = log.text();
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        lines.insert(rest.substr(0, end));
        rest.erase(0, end + 1);
    }
    CHECK(lines.size() == kThreads * kLines);
    CHECK(lines.contains("2026-11-24T03:10:11.123Z info e line=199"));
}

TEST_CASE("A log that nobody reads does not stop the work") {
    ManualClock clock;
    LineLog log(clock, {.file_descriptor = -1});
    log.write(LogLevel::error, "goes nowhere");
    SUCCEED();
}

}  // namespace kstream::telemetry
