// How the process is asked to end. The first SIGINT or SIGTERM asks the loops to finish what they
// have begun; the second leaves at once with ExitCode::interrupted. SIGHUP is the same as SIGTERM
// where stderr is a terminal, which is gone then, and ignored elsewhere.
#pragma once

#include "kstream/error.hpp"
#include "kstream/ports/clock.hpp"

#include <memory>

namespace kstream::process {

// One at a time in a process: signal handlers are the process's. Safe from any thread.
class StopSignal {
public:
    // Takes over SIGINT, SIGTERM and SIGHUP and ignores SIGPIPE (a reader of stdout that left is
    // not an error), SIGUSR1 and SIGUSR2, until destroyed.
    [[nodiscard]] static Result<std::unique_ptr<StopSignal>> install();

    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    // One relaxed load: cheap enough for every turn of a loop.
    [[nodiscard]] bool requested() const;

    // Asks for the stop from inside, as a first signal would.
    void request();

    // Waits until a stop is requested, at most `limit`. Says whether it is.
    [[nodiscard]] bool wait_for(Duration limit) const;

    // Readable from the first request on, for poll(2). Never to be read from or closed.
    [[nodiscard]] int file_descriptor() const;

private:
    StopSignal() = default;
};

}  // namespace kstream::process
