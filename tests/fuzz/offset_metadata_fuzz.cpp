// The metadata string of a committed offset, which anybody with the rights can have written.
#include "fuzz/fuzz_target.hpp"
#include "kstream/codec/identity.hpp"

#include <string>

KSTREAM_FUZZ_TARGET(offset_metadata) {
    using namespace kstream;
    const Result<Identity> identity = parse_identity_text(input);
    if (!identity) {
        KSTREAM_CHECK(identity.error().exit_code == ExitCode::identity,
                      "refused with its own code");
        return;
    }
    const std::string text = identity_text(*identity);
    KSTREAM_CHECK(text.size() <= 512, "a broker takes it");
    const Result<Identity> again = parse_identity_text(text);
    KSTREAM_CHECK(again && *again == *identity, "what was accepted comes back");
    KSTREAM_CHECK(identity_differences(*again, *identity).empty(), "and does not differ");
}
