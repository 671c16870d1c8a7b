#include "bench/figures/comparison.hpp"

#include <algorithm>

namespace kstream::bench {

namespace {

Compared compare_figure(const std::string& scenario, const Figure& before, const Figure& now) {
    const Summary old_summary = summarize(before.rounds);
    const Summary new_summary = summarize(now.rounds);
    Compared compared;
    compared.scenario = scenario;
    compared.figure = now.name;
    compared.before = old_summary.median;
    compared.now = new_summary.median;
    if (compared.before != 0) {
        const double grown = (compared.now - compared.before) / compared.before;
        compared.change = now.better == Better::higher ? grown : -grown;
    }
    compared.noise = std::max(kMinNoise, (old_summary.spread + new_summary.spread) / 2);
    if (compared.change < -compared.noise) {
        compared.verdict = Verdict::worse;
    } else if (compared.change > compared.noise) {
        compared.verdict = Verdict::better;
    }
    return compared;
}

}  // namespace

std::vector<Compared> compare(const std::vector<ScenarioResult>& before,
                              const std::vector<ScenarioResult>& now) {
    std::vector<Compared> all;
    for (const ScenarioResult& scenario : now) {
        const auto old = std::ranges::find(before, scenario.name, &ScenarioResult::name);
        if (old == before.end()) {
            continue;
        }
        for (const Figure& figure : scenario.figures) {
            const Figure* const old_figure = old->find(figure.name);
            if (old_figure != nullptr && figure.better != Better::neither &&
                !old_figure->rounds.empty() && !figure.rounds.empty()) {
                all.push_back(compare_figure(scenario.name, *old_figure, figure));
            }
        }
    }
    return all;
}

}  // namespace kstream::bench
