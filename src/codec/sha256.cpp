// SHA-256 by OpenSSL, the only use of it outside of librdkafka.
#include "kstream/codec/sha256.hpp"

#include "kstream/check.hpp"

#include <openssl/evp.h>

namespace kstream {

namespace {

// Found by its name once: EVP_sha256() lets OpenSSL look for it with every text, which takes longer
// than to hash one.
const EVP_MD* algorithm() {
    static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return found;
}

}  // namespace

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
    std::array<std::uint8_t, 32> digest{};
    unsigned int size = 0;
    const EVP_MD* const found = algorithm();
    // Fails only without memory or with a crypto policy that forbids SHA-256: no identity, no job.
    KSTREAM_CHECK(found != nullptr && EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size,
                                                 found, nullptr) == 1,
                  "SHA-256 is available");
    KSTREAM_CHECK(size == digest.size(), "a digest has 32 bytes");
    return digest;
}

}  // namespace kstream
