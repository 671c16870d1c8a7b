#include "sim/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>

namespace kstream::sim {

const char* const Options::kHelp =
    "kstream-sim: the job's loops in a simulated cluster, one history for each seed\n"
    "\n"
    "  --seeds N          histories of N seeds (100)\n"
    "  --first N          from this seed on (1)\n"
    "  --jobs N           threads (all cores)\n"
    "  --least-counted P  fail when fewer than P percent of the seeds show anything\n"
    "  --seed N           one history\n"
    "  --records N        with this many source records\n"
    "  --most-faults N    with no fault after so many\n"
    "  --without A,B      without these kinds of fault\n"
    "  --trace            print what happens\n"
    "  --planted NAME     whether a planted bug is found; 'all' for all of them; only in the\n"
    "                     preset `planted`\n"
    "  --at-least N       with --planted all: so many have to be found (default: all of them)\n"
    "  --help             this\n";

namespace {

template <typename T>
bool read_number(std::string_view text, T& into) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), into);
    return code == std::errc{} && end == text.data() + text.size();
}

bool read_faults(std::string_view text, std::uint32_t& bits) {
    while (!text.empty()) {
        const std::string_view name = text.substr(0, text.find(','));
        const auto* const found = std::ranges::find(kFaultNames, name);
        if (found == kFaultNames.end()) {
            return false;
        }
        bits |= 1U << static_cast<unsigned>(found - kFaultNames.begin());
        text.remove_prefix(std::min(text.size(), name.size() + 1));
    }
    return true;
}

}  // namespace

bool Options::parse(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--help") {
            help = true;
            continue;
        }
        if (name == "--trace") {
            replay.trace = true;
            continue;
        }
        const std::string_view value = i + 1 < argc ? argv[++i] : "";
        std::uint64_t number = 0;
        bool good = false;
        if (name == "--without") {
            good = read_faults(value, replay.without);
        } else if (name == "--planted") {
            planted = value;
            good = !value.empty();
        } else if (name == "--least-counted") {
            good = read_number(value, least_counted);
        } else if (name == "--at-least") {
            good = read_number(value, at_least.emplace());
        } else if (read_number(value, number)) {
            good = true;
            if (name == "--seeds") {
                seeds = number;
            } else if (name == "--first") {
                first = number;
            } else if (name == "--jobs") {
                jobs = static_cast<unsigned>(number);
            } else if (name == "--seed") {
                one = true;
                replay.seed = number;
            } else if (name == "--records") {
                replay.records = number;
            } else if (name == "--most-faults") {
                replay.most_faults = number;
            } else {
                good = false;
            }
        }
        if (!good) {
            std::fprintf(stderr, "kstream-sim: what is '%s %s'? See --help\n", argv[i - 1],
                         std::string{value}.c_str());
            return false;
        }
    }
    return true;
}

std::string replay_command(const Replay& replay) {
    std::string command = fmt::format("kstream-sim --seed {}", replay.seed);
    if (replay.records) {
        command += fmt::format(" --records {}", *replay.records);
    }
    if (replay.most_faults) {
        command += fmt::format(" --most-faults {}", *replay.most_faults);
    }
    std::string without;
    for (std::size_t i = 0; i < kFaultCount; ++i) {
        if ((replay.without & (1U << i)) != 0) {
            without += fmt::format("{}{}", without.empty() ? "" : ",", kFaultNames[i]);
        }
    }
    return without.empty() ? command : command + " --without " + without;
}

}  // namespace kstream::sim
