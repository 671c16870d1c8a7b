// Spec -> its hash. Here and not in core/ because core knows no OpenSSL.
#include "kstream/codec/spec_hash.hpp"

#include "kstream/codec/sha256.hpp"

#include <cstddef>

namespace kstream {

std::uint64_t spec_hash(const AggregationSpec& spec) {
    const auto digest = sha256(canonical_text(spec));
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < sizeof hash; ++i) {
        hash = hash << 8 | digest[i];
    }
    return hash;
}

}  // namespace kstream
