// Rows as text: a table for people, JSON lines and CSV for programs. Each is written as it comes,
// so that a topic of any size is printed in bounded memory.
#pragma once

#include "results/result_row.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::results {

enum class Format : std::uint8_t { table, json, csv };

// Appends to a text that the caller takes away whenever it likes.
class ResultWriter {
public:
    explicit ResultWriter(Format format) : format_(format) {}

    // `value` is the record's own text: what JSON lines show, byte by byte.
    void row(std::string& out, std::string_view value, Row cells);
    // The key has no row any more. CSV has no word for it.
    void deleted(std::string& out, std::string_view key);
    // What is held back until the widths of the columns are known; then rows go out at once.
    void flush(std::string& out);
    // The last line.
    void finish(std::string& out);

private:
    void header(std::string& out, const Row& like);
    void table_row(std::string& out, const Row& cells) const;
    void csv_row(std::string& out, const std::vector<std::string_view>& texts) const;

    Format format_;
    std::uint64_t rows_ = 0;
    bool header_written_ = false;
    std::vector<Row> held_;            // a table's first rows, whose widths are the columns'
    std::vector<std::size_t> widths_;  // in characters
};

}  // namespace kstream::results
