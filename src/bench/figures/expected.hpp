// What has to come out of a run, computed from the generator alone: no record is read for it. Every
// scenario compares with it before it reports a figure.
#pragma once

#include "kstream/core/generator.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::bench {

struct SellerTotal {
    std::uint64_t count = 0;
    std::uint64_t cents = 0;
    friend bool operator==(const SellerTotal&, const SellerTotal&) = default;
};

// Of one record's bytes. A sum of these over all records is the same in any order, and differs when
// a record is missing, doubled or damaged. Not for storing: it may change with the library.
[[nodiscard]] std::uint64_t record_checksum(std::string_view value);

struct Expected {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;  // of keys and values
    std::uint64_t checksum = 0;
    std::vector<SellerTotal> sellers;  // seller n stands at n - 1

    // Adds records 0 .. count - 1 of a generator with these options.
    void add(const GeneratorOptions& options, std::uint64_t count);
    // How many sellers have records.
    [[nodiscard]] std::uint64_t keys() const;
};

// Values of the results by key, as `aggregate` writes them.
using StatementRows = std::map<std::string, std::string>;

// Of the statements that are measured (bench/statement_scenario.cpp), over records 0 .. count - 1.
[[nodiscard]] StatementRows where_rows(const GeneratorOptions& options, std::uint64_t count);
[[nodiscard]] StatementRows nested_rows(const GeneratorOptions& options, std::uint64_t count);
// Of each seller in windows of `size` seconds, one of which begins every `slide` seconds; and of
// each user in sessions that end when nothing has come for longer than `gap` seconds.
[[nodiscard]] StatementRows window_rows(const GeneratorOptions& options, std::uint64_t count,
                                        std::int64_t size, std::int64_t slide);
[[nodiscard]] StatementRows session_rows(const GeneratorOptions& options, std::uint64_t count,
                                         std::int64_t gap);

// The first difference in words, empty when there is none.
[[nodiscard]] std::string difference(const StatementRows& expected, const StatementRows& found);
// The first difference in words, empty when there is none.
[[nodiscard]] std::string difference(const std::vector<SellerTotal>& expected,
                                     const std::vector<SellerTotal>& found);

}  // namespace kstream::bench
