// Which group a record belongs to. codec/state_key.hpp and codec/result_record.hpp have its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kstream {

// The value stands in stored formats.
enum class GroupValueType : std::uint8_t { string = 's', number = 'n', boolean = 'b' };

// One group-by value: strings unescaped; numbers in canonical plain form (1.0, 1 and 1e0 are all
// "1"); booleans as "true" or "false". 1 is not "1": the type is part of the value.
struct GroupValue {
    GroupValueType type = GroupValueType::string;
    std::string_view text;
};

// The group-by values in the job's order. All that tells groups apart stands here and in the state
// key: who handles keys passes it on whole.
struct GroupKey {
    std::vector<GroupValue> values;
    // Of a job with windows: where the group's window begins, in milliseconds since 1970. The first
    // ones begin before that.
    std::optional<std::int64_t> window_start{};
    // Of a job with sessions: the window begins with its first record, and ends nobody knows when.
    bool is_session = false;
};

// What all group keys of a job have in common.
struct KeyShape {
    std::size_t fields = 0;  // group-by values
    bool windows = false;
    bool sessions = false;  // which are windows

    KeyShape(std::size_t of_fields, bool with_windows = false, bool of_sessions = false)
        : fields(of_fields), windows(with_windows), sessions(of_sessions) {}
};

}  // namespace kstream
