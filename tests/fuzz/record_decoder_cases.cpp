// The record reader as a filter, for checkers in other languages: cases come on standard input as
// a length (4 bytes, little endian) and that many bytes, one line of verdict goes out for each.
//
//   record_decoder_cases IMPLEMENTATION SCALE GROUP_BY SUMS
//
// GROUP_BY and SUMS are field names, separated by commas. IMPLEMENTATION is one of simdjson's, or
// "best" for its own choice; when this machine does not have it, the exit code is 77. A line is the
// reason of a bad record and the field that it is about, in hexadecimal, or "ok" with the group
// values (type letter, colon, text in hexadecimal) and the units of the sums.
#include "kstream/core/aggregates.hpp"
#include "reader/json/json_reader.hpp"

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kUsage = 2;
constexpr int kNotHere = 77;

std::vector<std::string> split(std::string_view names) {
    std::vector<std::string> fields;
    while (!names.empty()) {
        const std::size_t comma = names.find(',');
        fields.emplace_back(names.substr(0, comma));
        names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
    }
    return fields;
}

bool choose_implementation(const std::string& name) {
    if (name == "best") {
        return true;
    }
    const auto* const chosen = simdjson::get_available_implementations()[name];
    if (chosen == nullptr || !chosen->supported_by_runtime_system()) {
        return false;
    }
    simdjson::get_active_implementation() = chosen;
    return true;
}

bool read_case(std::string& value) {
    std::array<unsigned char, 4> header{};
    if (std::fread(header.data(), 1, header.size(), stdin) != header.size()) {
        return false;
    }
    value.resize(header[0] | std::size_t{header[1]} << 8 | std::size_t{header[2]} << 16 |
                 std::size_t{header[3]} << 24);
    return std::fread(value.data(), 1, value.size(), stdin) == value.size();
}

void append_hex(std::string& out, std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const char c : text) {
        out += kDigits[static_cast<unsigned char>(c) >> 4];
        out += kDigits[static_cast<unsigned char>(c) & 15];
    }
}

std::string answer(kstream::JsonReader& reader, std::string_view value) {
    const kstream::RecordVerdict verdict = reader.read(value);
    if (!verdict.ok) {
        std::string line{kstream::bad_reason_name(verdict.reason)};
        if (const std::string_view field = reader.field_name(verdict); !field.empty()) {
            line += ' ';
            append_hex(line, field);
        }
        return line;
    }
    std::string line = "ok";
    for (const kstream::GroupValue& group : reader.group().values) {
        line += ' ';
        line += static_cast<char>(group.type);
        line += ':';
        append_hex(line, group.text);
    }
    for (const kstream::Decimal input : reader.inputs()) {
        line += ' ';
        kstream::append_decimal(line, input, 0, 0);
    }
    return line;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("usage: record_decoder_cases IMPLEMENTATION SCALE GROUP_BY SUMS\n", stderr);
        return kUsage;
    }
    if (!choose_implementation(argv[1])) {
        return kNotHere;
    }
    kstream::AggregationSpec spec;
    spec.source_topic = "cases";
    spec.scale = std::atoi(argv[2]);
    spec.group_by = split(argv[3]);
    for (const std::string& field : split(argv[4])) {
        spec.aggregates.push_back(
            {kstream::aggregate_named("sum"), field, std::to_string(spec.aggregates.size())});
    }
    kstream::JsonReader reader{spec};
    std::string value;
    while (read_case(value)) {
        std::puts(answer(reader, value).c_str());
    }
    return 0;
}
