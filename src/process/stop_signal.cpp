// An atomic count for those who look, an eventfd for those who wait: both may be used in a signal
// handler. The state is static because a handler has no argument.
#include "process/stop_signal.hpp"

#include "kstream/check.hpp"
#include "kstream/exit_code.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <limits>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace kstream::process {
namespace {

// SIGHUP, SIGUSR1 and SIGUSR2 would end the process where it stands: what sends them is meant for
// daemons that read their files anew (logrotate) or for other programs (a thread dump of a JVM).
// SIGQUIT keeps its default, a core dump of a process that hangs.
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2};

std::atomic<bool> g_requested{false};
std::atomic<int> g_signals{0};
int g_event = -1;
struct sigaction g_previous[std::size(kSignals)];

static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "a signal handler must not lock");

// Async-signal-safe.
void raise_request() {
    g_requested.store(true, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the descriptor is readable all the same.
    [[maybe_unused]] const ssize_t written = ::write(g_event, &one, sizeof one);
}

extern "C" void on_signal(int /*number*/) {
    const int saved = errno;
    if (g_signals.fetch_add(1, std::memory_order_relaxed) > 0) {
        ::_exit(to_int(ExitCode::interrupted));
    }
    raise_request();
    errno = saved;
}

// A terminal that goes away takes what runs on it along, unless it was begun with nohup.
bool asks_to_stop(int number) {
    if (number == SIGHUP) {
        struct sigaction before{};
        sigaction(SIGHUP, nullptr, &before);
        return ::isatty(STDERR_FILENO) == 1 && before.sa_handler != SIG_IGN;
    }
    return number == SIGINT || number == SIGTERM;
}

}  // namespace

Result<std::unique_ptr<StopSignal>> StopSignal::install() {
    KSTREAM_CHECK(g_event < 0, "one stop signal per process");
    g_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (g_event < 0) {
        return fail(ExitCode::internal, "cannot create an eventfd for the stop signal");
    }
    g_requested = false;
    g_signals = 0;
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
        struct sigaction action{};
        action.sa_handler = asks_to_stop(kSignals[i]) ? on_signal : SIG_IGN;
        action.sa_flags = SA_RESTART;
        sigaction(kSignals[i], &action, &g_previous[i]);
    }
    return std::unique_ptr<StopSignal>(new StopSignal());
}

StopSignal::~StopSignal() {
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
        sigaction(kSignals[i], &g_previous[i], nullptr);
    }
    ::close(g_event);
    g_event = -1;
}

bool StopSignal::requested() const {
    return g_requested.load(std::memory_order_relaxed);
}

void StopSignal::request() {
    raise_request();
}

bool StopSignal::wait_for(Duration limit) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!requested()) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return false;
        }
        pollfd entry{.fd = g_event, .events = POLLIN, .revents = 0};
        ::poll(&entry, 1,
               static_cast<int>(
                   std::min<std::int64_t>(left.count(), std::numeric_limits<int>::max())));
    }
    return true;
}

int StopSignal::file_descriptor() const {
    return g_event;
}

}  // namespace kstream::process
