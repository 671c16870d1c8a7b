#include "reader/json/json_fields.hpp"

#include "kstream/check.hpp"
#include "reader/json/looks_like.hpp"
#include "reader/json/text_problem.hpp"
#include "text/json_tokens.hpp"

#include <algorithm>

namespace kstream {

JsonFields::JsonFields(std::span<const job::Field> fields) {
    std::size_t wanted = 0;
    for (const job::Field& field : fields) {
        if (field.origin == job::FieldOrigin::value) {
            KSTREAM_CHECK(walk_.want(field.path) == wanted++, "a path is one field");
        }
    }
}

std::optional<BadReason> JsonFields::read(std::string_view text) {
    if (!walk_.run(text)) [[unlikely]] {
        return json::why_not_an_object(text);
    }
    texts_.reset();
    for (FieldValue& value : walk_.fields()) {
        if (value.escaped) [[unlikely]] {
            unescape(value);
        }
    }
    return std::nullopt;
}

void JsonFields::unescape(FieldValue& value) {
    unescaped_.clear();
    json::append_unescaped(unescaped_, value.raw);
    char* const text = texts_.take(unescaped_.size());
    std::ranges::copy(unescaped_, text);
    value = {unescaped_.contains('\0') ? FieldKind::nul_text : FieldKind::string,
             false,
             {text, unescaped_.size()}};
}

std::string JsonFields::hint(BadReason reason, std::string_view text) {
    return reason == BadReason::json || reason == BadReason::encoding ? hint_of_text(text)
                                                                      : std::string{};
}

}  // namespace kstream
