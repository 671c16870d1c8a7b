// kstream-sim: runs histories by their seeds, on all cores, and says what they showed.
//
//   kstream-sim --seeds 5000            seeds 1 to 5000
//   kstream-sim --seeds 100 --first 77  seeds 77 to 176
//   kstream-sim --seed 42               one history; exit code 1 and a reason when it fails
//   kstream-sim --seed 42 --trace       all that happens in it
//   kstream-sim --help                  the rest
#include "sim/campaign.hpp"
#include "sim/history.hpp"
#include "sim/options.hpp"
#include "sim/planted.hpp"

#include <cstdio>

int main(int argc, char** argv) {
    using namespace kstream::sim;
    Options options;
    if (!options.parse(argc, argv)) {
        return 2;
    }
    if (options.help) {
        std::fputs(Options::kHelp, stdout);
        return 0;
    }
    if (!options.planted.empty()) {
        return run_planted(options);
    }
    return options.one ? run_one(options) : run_campaign(options);
}
