// Exit codes of every subcommand: the one table. Help, the manual page, docs and tests read it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace kstream {

// What a supervisor should do is the reason for each distinction: restart at once, restart with
// back-off, or leave the process down until a person has looked.
enum class ExitCode : std::uint8_t {
    ok = 0,                   // done, or drained and committed after SIGINT/SIGTERM
    proved_wrong = 1,         // audit, bench: a total is wrong. A verdict, and never anything else
    usage = 2,                // bad option, environment value or configuration file
    unavailable = 3,          // cluster or topic not there at the start; trying later may help
    kafka_fatal = 4,          // not authorized, fenced by a newer instance, unknown Kafka error
    bad_record = 5,           // a bad record under --on-bad-record fail, more than --max-bad, or
                              // all first times of a new job decades off
    incomplete = 6,           // produce: not all delivered; aggregate: stopped before the last
                              // commit or before the end of --until end, nothing lost
    differs = 7,              // create-topics, aggregate at its start: a topic is there and differs
    not_ready = 8,            // health: the process does not do its work, or does not answer
    cannot_tell = 9,          // audit: neither proved nor disproved
    slower = 10,              // bench: worse than --against by more than noise
    nothing_aggregated = 11,  // aggregate --until end: records were read, and none is in a total
    open_transaction = 12,    // aggregate --until end: records stand after an open transaction
    internal = 13,            // a bug, or out of memory; a failed invariant aborts with a core dump
    integrity = 70,           // the log contradicts what was committed; never continue on its own
    try_again = 75,           // a wait timed out (an open transaction of another process)
    identity = 78,            // the application id belongs to another job, or a topic was replaced
    interrupted = 130,  // a second SIGINT or SIGTERM: left at once, nothing more was committed
};

struct ExitCodeText {
    ExitCode code;
    std::string_view name;
    std::string_view meaning;
};

inline constexpr std::array<ExitCodeText, 18> kExitCodes{{
    {ExitCode::ok, "ok", "done, or drained and committed after SIGINT or SIGTERM"},
    {ExitCode::proved_wrong, "proved_wrong", "audit, bench: totals differ from the source"},
    {ExitCode::usage, "usage", "bad option, environment value or configuration file"},
    {ExitCode::unavailable, "unavailable",
     "cluster unreachable or topic missing at the start; try later"},
    {ExitCode::kafka_fatal, "kafka_fatal", "not authorized, fenced, or an unknown Kafka error"},
    {ExitCode::bad_record, "bad_record",
     "a bad record met --on-bad-record fail, more of them than --max-bad, or the first times of a "
     "new job are decades off"},
    {ExitCode::incomplete, "incomplete",
     "produce: not all delivered; aggregate: stopped before commit or --until end; nothing lost"},
    {ExitCode::differs, "differs", "an existing topic differs from what is needed"},
    {ExitCode::not_ready, "not_ready", "health: the process is not ready or does not answer"},
    {ExitCode::cannot_tell, "cannot_tell",
     "audit: neither proved nor disproved: records of the source are gone, or it was cut off"},
    {ExitCode::slower, "slower", "bench: slower than --against, by more than noise"},
    {ExitCode::nothing_aggregated, "nothing_aggregated",
     "aggregate --until end: records were read, and none of them is in a total"},
    {ExitCode::open_transaction, "open_transaction",
     "aggregate --until end: records follow an open transaction; all before it are counted"},
    {ExitCode::internal, "internal", "a bug: please report it; or out of memory"},
    {ExitCode::integrity, "integrity",
     "the log contradicts what was committed; look before restart"},
    {ExitCode::try_again, "try_again", "a wait timed out; start again"},
    {ExitCode::identity, "identity", "the application id belongs to another job or topic"},
    {ExitCode::interrupted, "interrupted", "second signal: left at once, nothing more committed"},
}};

constexpr int to_int(ExitCode code) {
    return static_cast<int>(code);
}

}  // namespace kstream
