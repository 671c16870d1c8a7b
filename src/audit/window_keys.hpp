// The accounts of a job with hopping windows are of panes, which the changelog has, and of windows,
// which the results have. A pane and a window may begin at one time, so the keys of windows are
// made others: by their byte that says what the window is, which no state key has so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kstream::audit {

inline constexpr char kWindowOfPanes = '\x7f';
// From the end of a state key of a job with windows: that byte, and eight of the start.
inline constexpr std::size_t kWindowByte = 1 + sizeof(std::uint64_t);

// Of a state key with a window.
inline void make_window_key(std::string& state_key) {
    state_key[state_key.size() - kWindowByte] = kWindowOfPanes;
}
[[nodiscard]] inline bool is_window_key(std::string_view key) {
    return key.size() >= kWindowByte && key[key.size() - kWindowByte] == kWindowOfPanes;
}
// Of a key of either kind, whose window or pane begins there from now on.
inline void set_start(std::string& key, std::int64_t start) {
    std::uint64_t bytes = static_cast<std::uint64_t>(start) ^ (std::uint64_t{1} << 63);
    for (std::size_t i = 1; i < kWindowByte; ++i) {
        key[key.size() - i] = static_cast<char>(bytes & 0xff);
        bytes >>= 8;
    }
}
// The state key with the same group and start.
[[nodiscard]] inline std::string state_key_of_window(std::string_view window_key) {
    std::string state_key{window_key};
    state_key[state_key.size() - kWindowByte] = '\x01';
    return state_key;
}

}  // namespace kstream::audit
