// The value of a result record as named cells, each with the text that stands in the log: nothing
// is read as a number, so nothing is rounded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::results {

struct Cell {
    std::string name;
    std::string text;        // of a string: unescaped; of all else: as it stands; of null: empty
    bool is_number = false;  // for the alignment of a table
};

using Row = std::vector<Cell>;

class RowReader {
public:
    RowReader();
    ~RowReader();
    RowReader(const RowReader&) = delete;
    RowReader& operator=(const RowReader&) = delete;

    // The members in their order; nothing when the value is no JSON object of scalars.
    [[nodiscard]] std::optional<Row> read(std::string_view value);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

[[nodiscard]] std::vector<std::string> names_of(const Row& row);

}  // namespace kstream::results
