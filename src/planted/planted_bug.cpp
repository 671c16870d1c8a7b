// Only in the preset `planted`: which bug is chosen, and that a run says so.
#include "kstream/planted_bug.hpp"

#include "kstream/exit_code.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace kstream {

namespace {

constexpr const char* kVariable = "KSTREAM_PLANTED_BUG";

PlantedBug g_bug = PlantedBug::none;
std::atomic<bool> g_reached{false};

const PlantedBugInfo& info(PlantedBug bug) {
    return *std::ranges::find(planted_bugs(), bug, &PlantedBugInfo::bug);
}

// Before main(), so that every program of this build obeys the variable: the binary, unit tests,
// the simulator. It is taken out of the environment, where kstream refuses what it does not know. A
// misspelt bug ends the process: it must not pass for one that does no harm.
const bool g_chosen = [] {
    const char* const value = std::getenv(kVariable);
    if (value == nullptr || *value == '\0') {
        return false;
    }
    const std::string name{value};
    unsetenv(kVariable);
    if (name == "list") {
        for (const PlantedBugInfo& bug : planted_bugs()) {
            std::printf("%s\t%.*s\t%.*s\t%.*s\n", bug.name.c_str(),
                        static_cast<int>(bug.place.size()), bug.place.data(),
                        static_cast<int>(bug.rule.size()), bug.rule.data(),
                        static_cast<int>(bug.what.size()), bug.what.data());
        }
        std::exit(0);
    }
    const auto found = std::ranges::find(planted_bugs(), name, &PlantedBugInfo::name);
    if (found == planted_bugs().end()) {
        std::fprintf(stderr, "%s: no planted bug has this name; `list` names them\n", kVariable);
        std::exit(to_int(ExitCode::usage));
    }
    plant(found->bug);
    return true;
}();

}  // namespace

std::span<const PlantedBugInfo> planted_bugs() {
    static const auto bugs = [] {
        std::array list{
#define KSTREAM_PLANTED_BUG_INFO(name, place, rule, what) \
    PlantedBugInfo{PlantedBug::name, #name, #place, rule, what},
            KSTREAM_PLANTED_BUG_LIST(KSTREAM_PLANTED_BUG_INFO)
#undef KSTREAM_PLANTED_BUG_INFO
        };
        for (PlantedBugInfo& bug : list) {
            std::ranges::replace(bug.name, '_', '-');
        }
        return list;
    }();
    return bugs;
}

void plant(PlantedBug bug) {
    g_bug = bug;
    g_reached = false;
}

// Says once that the code of the bug has run: a bug that no run reaches proves nothing about tests.
bool planted(PlantedBug bug) {
    if (bug != g_bug) {
        return false;
    }
    if (!g_reached.exchange(true)) {
        std::fprintf(stderr, "kstream: planted bug reached: %s\n", info(bug).name.c_str());
    }
    return true;
}

}  // namespace kstream
