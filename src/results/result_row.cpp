#include "results/result_row.hpp"

#include <simdjson.h>

#include <utility>

namespace kstream::results {

namespace {

using simdjson::ondemand::json_type;

// Errors of simdjson become `false`: the value is no row then, whatever is wrong with it.
bool read_cell(simdjson::ondemand::field& field, Row& into) {
    Cell cell;
    std::string_view text;
    if (field.unescaped_key().get(text) != simdjson::SUCCESS) {
        return false;
    }
    cell.name = text;
    json_type type{};
    if (field.value().type().get(type) != simdjson::SUCCESS) {
        return false;
    }
    switch (type) {
        case json_type::object:
        case json_type::array:
            return false;
        case json_type::string:
            if (field.value().get_string().get(text) != simdjson::SUCCESS) {
                return false;
            }
            cell.text = text;
            break;
        case json_type::null:
            break;
        case json_type::number:
        case json_type::boolean:
            text = field.value().raw_json_token();
            cell.text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
            cell.is_number = type == json_type::number;
            break;
    }
    into.push_back(std::move(cell));
    return true;
}

}  // namespace

struct RowReader::Impl {
    simdjson::ondemand::parser parser;
    simdjson::padded_string text;
};

RowReader::RowReader() : impl_(std::make_unique<Impl>()) {}
RowReader::~RowReader() = default;

std::optional<Row> RowReader::read(std::string_view value) {
    impl_->text = simdjson::padded_string(value);
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    if (impl_->parser.iterate(impl_->text).get(document) != simdjson::SUCCESS ||
        document.get_object().get(object) != simdjson::SUCCESS) {
        return std::nullopt;
    }
    Row row;
    for (auto found : object) {
        simdjson::ondemand::field field;
        if (std::move(found).get(field) != simdjson::SUCCESS || !read_cell(field, row)) {
            return std::nullopt;
        }
    }
    const char* more = nullptr;
    if (document.current_location().get(more) != simdjson::OUT_OF_BOUNDS) {
        return std::nullopt;  // something stands after the object
    }
    return row;
}

std::vector<std::string> names_of(const Row& row) {
    std::vector<std::string> names;
    names.reserve(row.size());
    for (const Cell& cell : row) {
        names.push_back(cell.name);
    }
    return names;
}

}  // namespace kstream::results
