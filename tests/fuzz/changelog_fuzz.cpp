// Changelog keys, elements, totals and meta, as delta_batch_fuzz.cpp has it for batches. The first
// byte says what the rest is.
#include "fuzz/fuzz_target.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/element.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/aggregates.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace kstream;

constexpr std::array kKinds{aggregate_named("sum"), aggregate_named("count")};

void key(std::string_view bytes) {
    const Result<ChangelogKeyKind> kind = changelog_key_kind(bytes);
    if (kind && *kind == ChangelogKeyKind::total) {
        std::string again;
        append_total_key(again, total_state_key(bytes));
        KSTREAM_CHECK(again == bytes, "a total's key comes back");
    }
    if (const Result<OwnedElement> first = decode_element_key(bytes); first) {
        std::string again;
        append_element_key(again, *first);
        const Result<OwnedElement> second = decode_element_key(again);
        KSTREAM_CHECK(second && *second == *first, "an element's key comes back");
        KSTREAM_CHECK(decode_element_owner(bytes) == first->owner, "and whose it is");
    }
    if (const Result<OwnedValue> first = decode_value_key(bytes); first) {
        std::string again;
        append_value_key(again, first->owner, first->value);
        const Result<OwnedValue> second = decode_value_key(again);
        KSTREAM_CHECK(second && *second == *first, "a value's key comes back");
        KSTREAM_CHECK(decode_element_owner(bytes) == first->owner, "and whose it is");
    }
    std::string sealed{bytes};
    ByteWriter{sealed}.crc_since(0);
    if (const Result<ElementCount> first = decode_element_value(sealed); first) {
        std::string again;
        append_element_value(again, first->transaction, first->count);
        const Result<ElementCount> second = decode_element_value(again);
        KSTREAM_CHECK(second && *second == *first, "a count comes back");
    }
}

void total(std::string_view value, bool having) {
    std::vector<Slot> slots;
    bool published = false;
    const Result<std::uint64_t> transaction =
        decode_total_value(value, kKinds, slots, nullptr, having ? &published : nullptr);
    if (!transaction) {
        return;
    }
    std::string again;
    append_total_value(again, *transaction, kKinds, slots, nullptr,
                       having ? std::optional{published} : std::nullopt);
    std::vector<Slot> second;
    bool still = false;
    const Result<std::uint64_t> same =
        decode_total_value(again, kKinds, second, nullptr, having ? &still : nullptr);
    KSTREAM_CHECK(same && *same == *transaction && second == slots && still == published,
                  "a total comes back");
}

void meta(std::string_view value, const StoredForm& form) {
    const Result<Meta> first = decode_meta_value(value, form);
    if (!first) {
        return;
    }
    std::string again;
    append_meta_value(again, form, *first);
    const Result<Meta> second = decode_meta_value(again, form);
    KSTREAM_CHECK(second && *second == *first, "meta comes back");
}

}  // namespace

KSTREAM_FUZZ_TARGET(changelog) {
    if (input.empty()) {
        return;
    }
    const std::string_view rest = input.substr(1);
    std::string sealed{rest};
    ByteWriter{sealed}.crc_since(0);
    switch (input[0] % 4) {
        case 0:
            return key(rest);
        case 1:
        case 3:
            total(rest, input[0] % 4 == 3);
            return total(sealed, input[0] % 4 == 3);
        default:
            for (const StoredForm& form :
                 {StoredForm{kKinds}, StoredForm{kKinds, true, false},
                  StoredForm{kKinds, true, true}, StoredForm{kKinds, true, true, true},
                  StoredForm{kKinds, true, true, false, true}}) {
                meta(rest, form);
                meta(sealed, form);
            }
            return;
    }
}
