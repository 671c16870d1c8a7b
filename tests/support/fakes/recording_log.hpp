// Keeps what was logged.
#pragma once

#include "kstream/ports/log.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::testing {

class RecordingLog final : public Log {
public:
    struct Line {
        LogLevel level = LogLevel::info;
        std::string text;  // the event and its fields: "partition opened partition=1 base=5"
    };

    void write(LogLevel level, std::string_view event,
               std::initializer_list<LogField> fields) override {
        std::string text{event};
        for (const LogField& field : fields) {
            text += ' ' + std::string{field.key} + '=' + field.value;
        }
        lines.push_back({level, std::move(text)});
    }

    [[nodiscard]] std::size_t count(std::string_view part) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            lines, [part](const Line& line) { return line.text.find(part) != line.text.npos; }));
    }
    [[nodiscard]] bool has(std::string_view part) const { return count(part) > 0; }

    std::vector<Line> lines;
};

}  // namespace kstream::testing
