#include "bench/figures/percentile_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

using kstream::LatencyHistogram;
using kstream::bench::percentile_file;

namespace {

struct Row {
    double value = 0;
    double share = 0;
    std::uint64_t count = 0;
    double ratio = 0;  // infinite in the last row, which has none
};

std::vector<Row> rows_of(const std::string& text) {
    std::vector<Row> rows;
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);  // heading
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        Row row;
        if (line.starts_with('#') || !(words >> row.value >> row.share >> row.count)) {
            continue;
        }
        if (!(words >> row.ratio)) {
            row.ratio = std::numeric_limits<double>::infinity();
        }
        rows.push_back(row);
    }
    return rows;
}

}  // namespace

TEST_CASE("the percentile file has the layout that HdrHistogram's tools read") {
    LatencyHistogram histogram;
    for (std::uint64_t i = 1; i <= 4; ++i) {
        histogram.record(i * 100);
    }
    // Written down from this code once and checked by hand against HdrHistogram's text: ten steps
    // to a half are five for each halving.
    CHECK(percentile_file(histogram, 100) ==
          "       Value     Percentile TotalCount 1/(1-Percentile)\n"
          "\n"
          "       1.000 0.000000000000          1           1.00\n"
          "       1.000 0.100000000000          1           1.11\n"
          "       1.000 0.200000000000          1           1.25\n"
          "       2.000 0.300000000000          2           1.43\n"
          "       2.000 0.400000000000          2           1.67\n"
          "       2.000 0.500000000000          2           2.00\n"
          "       3.000 0.550000000000          3           2.22\n"
          "       3.000 0.600000000000          3           2.50\n"
          "       3.000 0.650000000000          3           2.86\n"
          "       3.000 0.700000000000          3           3.33\n"
          "       3.000 0.750000000000          3           4.00\n"
          "       4.000 0.775000000000          4           4.44\n"
          "       4.000 1.000000000000          4\n"
          "#[Mean    =        2.500]\n"
          "#[Max     =        4.000, Total count    =            4]\n");
}

TEST_CASE("values, shares and counts only grow, up to the maximum and all values") {
    LatencyHistogram histogram;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        histogram.record(1'000 + i * i % 90'001);
    }
    histogram.record(2'000'000);
    const std::vector<Row> rows = rows_of(percentile_file(histogram, 1000));
    REQUIRE(rows.size() > 50);
    for (std::size_t i = 1; i < rows.size(); ++i) {
        CHECK(rows[i].value >= rows[i - 1].value);
        CHECK(rows[i].share > rows[i - 1].share);
        CHECK(rows[i].count >= rows[i - 1].count);
        // What the share promises is counted.
        CHECK(static_cast<double>(rows[i].count) >=
              std::floor(rows[i].share * static_cast<double>(histogram.count())));
    }
    CHECK(rows.back().value == 2000);
    CHECK(rows.back().share == 1);
    CHECK(rows.back().count == histogram.count());
}

TEST_CASE("an empty distribution has a last row of nothing") {
    const std::vector<Row> rows = rows_of(percentile_file(LatencyHistogram{}, 1000));
    REQUIRE(rows.size() == 1);
    CHECK(rows.front().count == 0);
    CHECK(rows.front().value == 0);
}
