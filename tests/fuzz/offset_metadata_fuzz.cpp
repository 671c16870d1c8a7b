// The metadata string of a committed offset, which anybody with the rights can have written.
#include "fuzz/fuzz_target.hpp"
#include "kstream/codec/identity.hpp"

#include <string>

KSTREAM_FUZZ_TARGET(offset_metadata) {
    using namespace kstream;
    const Result<OffsetMetadata> metadata = parse_offset_metadata(input);
    if (!metadata) {
        KSTREAM_CHECK(metadata.error().exit_code == ExitCode::identity,
                      "refused with its own code");
        return;
    }
    const std::string text = offset_metadata_text(*metadata);
    KSTREAM_CHECK(text.size() <= 512, "a broker takes it");
    KSTREAM_CHECK(text == input, "each has one spelling");
    const Result<OffsetMetadata> again = parse_offset_metadata(text);
    KSTREAM_CHECK(again && *again == *metadata, "what was accepted comes back");
    KSTREAM_CHECK(identity_differences(again->identity, metadata->identity).empty(),
                  "and does not differ");
}
