// SHA-256 by OpenSSL, the only use of it outside of librdkafka.
#include "kstream/codec/sha256.hpp"

#include "kstream/check.hpp"

#include <openssl/evp.h>

namespace kstream {

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
    std::array<std::uint8_t, 32> digest{};
    unsigned int size = 0;
    const int done =
        EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
    // Fails only without memory or with a crypto policy that forbids SHA-256: no identity, no job.
    KSTREAM_CHECK(done == 1 && size == digest.size(), "SHA-256 is available");
    return digest;
}

}  // namespace kstream
