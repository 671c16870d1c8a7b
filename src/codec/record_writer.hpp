// How generated records are written: forward, at millions a second, into room that the caller of
// the encoder vouches for.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace kstream {

inline constexpr std::size_t kWidestU32 = 10;
inline constexpr std::size_t kWidestI64 = 20;  // of a U64, too

class RecordWriter {
public:
    explicit RecordWriter(char* out) : at_(out) {}

    // Of a size that the compiler knows, a block and no loop.
    void text(std::string_view piece) {
        std::memcpy(at_, piece.data(), piece.size());
        at_ += piece.size();
    }

    template <typename Integer>
    void number(Integer value) {
        at_ = std::to_chars(at_, at_ + kWidestI64, value).ptr;
    }

    void character(char c) { *at_++ = c; }

    [[nodiscard]] char* at() const { return at_; }
    void go_to(char* at) { at_ = at; }

private:
    char* at_;
};

}  // namespace kstream
