#include "bench/figures/figures.hpp"

#include <algorithm>

namespace kstream::bench {

std::string_view better_name(Better better) {
    switch (better) {
        case Better::higher:
            return "higher";
        case Better::lower:
            return "lower";
        case Better::neither:
            return "neither";
    }
    return "neither";
}

void ScenarioResult::add(std::string_view figure, std::string_view unit, Better better,
                         double value) {
    auto found = std::ranges::find(figures, figure, &Figure::name);
    if (found == figures.end()) {
        figures.push_back({std::string(figure), std::string(unit), better, {}});
        found = figures.end() - 1;
    }
    found->rounds.push_back(value);
}

const Figure* ScenarioResult::find(std::string_view figure) const {
    const auto found = std::ranges::find(figures, figure, &Figure::name);
    return found == figures.end() ? nullptr : &*found;
}

Summary summarize(std::vector<double> values) {
    if (values.empty()) {
        return {};
    }
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    Summary summary;
    summary.least = values.front();
    summary.most = values.back();
    summary.median =
        values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    summary.spread = summary.median != 0 ? (summary.most - summary.least) / summary.median : 0;
    return summary;
}

}  // namespace kstream::bench
