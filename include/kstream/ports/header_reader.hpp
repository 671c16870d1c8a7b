// The headers of source records, which hardly anybody asks for: they are no part of a RecordView.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/record.hpp"

#include <vector>

namespace kstream {

class HeaderReader {
public:
    virtual ~HeaderReader() = default;

    // All headers of `record`, in their order. Precondition: it is of the batch that the source has
    // handed out last, in that batch's memory, and no tombstone.
    [[nodiscard]] virtual Result<std::vector<HeaderView>> headers(
        const RecordView& record) const = 0;
};

}  // namespace kstream
