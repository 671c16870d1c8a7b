// Growth of vectors that hold something for each of millions of keys.
#pragma once

#include <cstddef>
#include <vector>

namespace kstream {

// Makes room for `more` elements, and a quarter of all for the next ones: a vector that doubles is
// a third empty on average, and holds three times what it needs while it grows. Still constant time
// for each element, amortised.
template <typename T>
void make_room(std::vector<T>& vector, std::size_t more) {
    const std::size_t needed = vector.size() + more;
    if (needed > vector.capacity()) {
        vector.reserve(needed + needed / 4);
    }
}

}  // namespace kstream
