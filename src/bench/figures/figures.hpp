// What a benchmark found: named figures with one value per round, and what the values of several
// rounds come to. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::bench {

// Which way a figure gets better; `neither` is reported and never judged.
enum class Better : std::uint8_t { higher, lower, neither };
[[nodiscard]] std::string_view better_name(Better better);

struct Figure {
    std::string name;  // "records_per_second": stable, what --against looks up
    std::string unit;
    Better better = Better::neither;
    std::vector<double> rounds;
};

struct ScenarioResult {
    std::string name;
    std::string checked;  // in words: what proved that the figures are those of the whole work
    std::vector<Figure> figures;

    // Adds the value of one more round to the figure of that name.
    void add(std::string_view figure, std::string_view unit, Better better, double value);
    [[nodiscard]] const Figure* find(std::string_view figure) const;  // nullptr: not there
};

// Of the values of all rounds; all zero when there are none.
struct Summary {
    double median = 0;
    double least = 0;
    double most = 0;
    double spread = 0;  // (most - least) / median, 0 when the median is
};
[[nodiscard]] Summary summarize(std::vector<double> values);

}  // namespace kstream::bench
