// Memory of what expressions make of one record: texts, wide numbers. Taken in a row, given back
// all at once, and kept: nothing is allocated once the largest record has been seen.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace kstream::expr {

class Arena {
public:
    // Room for `bytes`, aligned for everything, until the next reset().
    [[nodiscard]] char* take(std::size_t bytes) {
        const std::size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
        while (block_ < blocks_.size() && blocks_[block_].size - used_ < size) {
            ++block_;
            used_ = 0;
        }
        if (block_ == blocks_.size()) {
            const std::size_t room = size > kBlockBytes ? size : kBlockBytes;
            blocks_.push_back({std::make_unique_for_overwrite<char[]>(room), room});
        }
        char* const taken = blocks_[block_].bytes.get() + used_;
        used_ += size;
        return taken;
    }

    // A copy of `value`, which has no destructor to run.
    template <typename T>
    [[nodiscard]] const T* keep(const T& value) {
        static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kAlignment);
        return new (take(sizeof(T))) T(value);
    }

    void reset() {
        block_ = 0;
        used_ = 0;
    }

private:
    static constexpr std::size_t kAlignment = alignof(std::max_align_t);
    static constexpr std::size_t kBlockBytes = std::size_t{16} << 10;

    struct Block {
        std::unique_ptr<char[]> bytes;
        std::size_t size = 0;
    };
    std::vector<Block> blocks_;
    std::size_t block_ = 0;
    std::size_t used_ = 0;  // of blocks_[block_]
};

}  // namespace kstream::expr
