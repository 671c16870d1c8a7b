#include "sim/campaign.hpp"

#include "sim/swarm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>
#include <unistd.h>
#include <vector>

namespace kstream::sim {

namespace {

constexpr std::uint64_t kRunTwice = 100;  // one seed in so many is run twice and compared
constexpr std::size_t kMaxShrunk = 5;

// A broken invariant of the program aborts: the seed must not die with it.
thread_local std::uint64_t this_seed = 0;

void on_abort(int) {
    char text[64];
    const int size = std::snprintf(text, sizeof text, "aborted in: kstream-sim --seed %llu\n",
                                   static_cast<unsigned long long>(this_seed));
    const auto ignored = write(STDERR_FILENO, text, static_cast<std::size_t>(size));
    (void)ignored;
    std::signal(SIGABRT, SIG_DFL);
}

Outcome run(const Replay& replay) {
    this_seed = replay.seed;
    return run_history(replay);
}

unsigned jobs_of(const Options& options) {
    return options.jobs != 0 ? options.jobs : std::thread::hardware_concurrency();
}

template <typename Work>
void on_threads(const Options& options, const Work& work) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < jobs_of(options); ++i) {
        threads.emplace_back(work);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

struct Sum {
    std::uint64_t seeds = 0;
    std::uint64_t counted = 0;
    std::uint64_t records = 0;
    std::uint64_t seeds_closing = 0;
    std::uint64_t closed_windows = 0;
    std::uint64_t actions = 0;
    std::uint64_t twice = 0;
    double simulated_seconds = 0;
    std::array<std::uint64_t, kFaultCount> faults{};
    std::array<std::uint64_t, kFaultCount> seeds_with{};
    std::array<std::uint64_t, kEventCount> events{};
    std::vector<std::pair<Replay, std::string>> failures;

    void add(const Outcome& outcome) {
        ++seeds;
        counted += outcome.counts() ? 1U : 0U;
        records += outcome.records;
        seeds_closing += outcome.closed_windows > 0 ? 1U : 0U;
        closed_windows += outcome.closed_windows;
        actions += outcome.actions;
        simulated_seconds += outcome.simulated_seconds;
        for (std::size_t i = 0; i < kFaultCount; ++i) {
            faults[i] += outcome.faults[i];
            seeds_with[i] += outcome.faults[i] > 0 ? 1U : 0U;
        }
        for (std::size_t i = 0; i < kEventCount; ++i) {
            events[i] += outcome.events[i];
        }
    }
};

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void print(const Sum& sum, double seconds, unsigned jobs) {
    const auto seeds = static_cast<double>(sum.seeds);
    fmt::print("{:<30} {:>12} {:>10} {:>8}\n", "fault", "total", "per seed", "seeds");
    for (std::size_t i = 0; i < kFaultCount; ++i) {
        fmt::print("{:<30} {:>12} {:>10.2f} {:>7.1f}%\n", kFaultNames[i], sum.faults[i],
                   static_cast<double>(sum.faults[i]) / seeds,
                   percent(sum.seeds_with[i], sum.seeds));
    }
    fmt::print("\n");
    for (std::size_t i = 0; i < kEventCount; ++i) {
        fmt::print("{:<30} {:>12} {:>10.2f}\n", kEventNames[i], sum.events[i],
                   static_cast<double>(sum.events[i]) / seeds);
    }
    fmt::print(
        "\n{} seeds, {} records, {:.0f} simulated hours, {} events in {:.1f} s: {:.0f} seeds "
        "a second on {} threads\n",
        sum.seeds, sum.records, sum.simulated_seconds / 3600, sum.actions, seconds, seeds / seconds,
        jobs);
    fmt::print("{} seeds ({:.1f}%) count: at least 50 commits, 2 takeovers, 1 abort, drained\n",
               sum.counted, percent(sum.counted, sum.seeds));
    fmt::print("{} windows of a key were closed in {} seeds\n", sum.closed_windows,
               sum.seeds_closing);
    fmt::print("{} seeds were run twice with equal traces\n", sum.twice);
}

}  // namespace

int run_one(const Options& options) {
    std::signal(SIGABRT, on_abort);
    const Outcome outcome = run(options.replay);
    fmt::print(
        "seed {}: {}; {} commits, {} takeovers, {} aborts, {} faults, {:.1f} simulated "
        "seconds, trace {:016x}\n",
        options.replay.seed, outcome.failure.value_or("all is well"),
        outcome.events[static_cast<std::size_t>(Event::commit)],
        outcome.events[static_cast<std::size_t>(Event::takeover)],
        outcome.events[static_cast<std::size_t>(Event::abort)], outcome.total_faults,
        outcome.simulated_seconds, outcome.hash);
    return outcome.failure ? 1U : 0U;
}

Replay shrink(Replay failing) {
    const auto fails = [](const Replay& replay) { return run(replay).failure.has_value(); };
    // Kinds of faults first: with fewer of them the rest shrinks further.
    for (std::size_t i = 0; i < kFaultCount; ++i) {
        Replay smaller = failing;
        smaller.without |= 1U << i;
        if (fails(smaller)) {
            failing = smaller;
        }
    }
    const Outcome outcome = run(failing);
    std::uint64_t faults = outcome.total_faults;
    for (std::uint64_t step = std::max<std::uint64_t>(1, faults / 2); step > 0; step /= 2) {
        while (faults >= step) {
            Replay smaller = failing;
            smaller.most_faults = faults - step;
            if (!fails(smaller)) {
                break;
            }
            faults -= step;
            failing = smaller;
        }
    }
    std::uint64_t records = outcome.records;
    for (std::uint64_t step = records / 2; step > 0; step /= 2) {
        while (records > step) {
            Replay smaller = failing;
            smaller.records = records - step;
            if (!fails(smaller)) {
                break;
            }
            records -= step;
            failing = smaller;
        }
    }
    return failing;
}

std::optional<Failure> first_failure(const Options& options, bool of_windows) {
    std::signal(SIGABRT, on_abort);
    std::atomic<std::uint64_t> next{0};
    std::atomic<bool> found{false};
    std::mutex mutex;
    std::optional<Failure> first;
    on_threads(options, [&] {
        for (std::uint64_t i = next++; i < options.seeds && !found; i = next++) {
            Replay replay = options.replay;
            replay.seed = options.first + i;
            if (of_windows && !Swarm::of(replay.seed).windows) {
                continue;
            }
            if (Outcome outcome = run(replay); outcome.failure) {
                found = true;
                const std::lock_guard lock{mutex};
                if (!first || replay.seed < first->seed) {
                    first = Failure{replay.seed, std::move(*outcome.failure)};
                }
            }
        }
    });
    return first;
}

int run_campaign(const Options& options) {
    std::signal(SIGABRT, on_abort);
    std::atomic<std::uint64_t> next{0};
    std::mutex mutex;
    Sum sum;
    const auto work = [&] {
        for (std::uint64_t i = next++; i < options.seeds; i = next++) {
            Replay replay = options.replay;
            replay.seed = options.first + i;
            Outcome outcome = run(replay);
            const bool twice = replay.seed % kRunTwice == 0;
            if (twice && run(replay).hash != outcome.hash) {
                outcome.failure = "the same seed gave another trace";
            }
            const std::lock_guard lock{mutex};
            sum.add(outcome);
            sum.twice += twice ? 1U : 0U;
            if (outcome.failure) {
                sum.failures.emplace_back(replay, *outcome.failure);
            }
        }
    };
    const auto begun = std::chrono::steady_clock::now();
    on_threads(options, work);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    print(sum, took.count(), jobs_of(options));
    std::ranges::sort(sum.failures, {}, [](const auto& failure) { return failure.first.seed; });
    for (std::size_t i = 0; i < sum.failures.size(); ++i) {
        const auto& [replay, reason] = sum.failures[i];
        fmt::print("\nFAILED seed {}: {}\n  {}\n", replay.seed, reason, replay_command(replay));
        if (i < kMaxShrunk) {
            const Replay smaller = shrink(replay);
            fmt::print("  shrunk: {}\n", replay_command(smaller));
        }
    }
    if (percent(sum.counted, sum.seeds) < options.least_counted) {
        fmt::print("\nFAILED: too few seeds count, at least {} percent should\n",
                   options.least_counted);
        return 1;
    }
    fmt::print("\n{} of {} histories failed\n", sum.failures.size(), sum.seeds);
    return sum.failures.empty() ? 0 : 1;
}

}  // namespace kstream::sim
