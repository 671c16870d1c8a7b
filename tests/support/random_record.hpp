// Records for a statement, decided by a seed.
#pragma once

#include "kstream/codec/result_record.hpp"
#include "kstream/job/statement.hpp"
#include "support/fakes/seeded.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace kstream::testing {

// Values of all kinds for what the statement asks for; mostly of the right one.
inline std::string record_for(const job::Statement& statement, Seeded& random) {
    constexpr std::array<std::string_view, 12> kValues{
        "1",      "-2.5", "0",     R"("a")", R"("bc")",
        R"("7")", "true", "false", "null",   R"("2024-05-14T12:00:00Z")",
        "{}",     "1e30"};
    std::string record = "{";
    std::set<std::string> names;
    for (const job::Field& field : statement.fields) {
        if (field.origin != job::FieldOrigin::value || field.path.front().index ||
            !names.insert(field.path.front().name).second || random.below(16) == 0) {
            continue;
        }
        const std::uint64_t any = random.below(1200);
        std::string_view value = kValues[any % kValues.size()];
        if (any % 4 != 0) {
            value = field.type == job::ValueType::numeric   ? kValues[any % 3]
                    : field.type == job::ValueType::boolean ? kValues[6 + any % 2]
                                                            : kValues[3 + any % 3];
        }
        record += record.size() > 1 ? "," : "";
        append_json_string(record, field.path.front().name);
        record += ':';
        for (std::size_t step = 1; step < field.path.size(); ++step) {
            if (!field.path[step].index) {
                record += '{';
                append_json_string(record, field.path[step].name);
                record += ':';
            } else {
                record += '[';
            }
        }
        record += value;
        for (std::size_t step = field.path.size(); step-- > 1;) {
            record += field.path[step].index ? ']' : '}';
        }
    }
    return record + "}";
}

}  // namespace kstream::testing
