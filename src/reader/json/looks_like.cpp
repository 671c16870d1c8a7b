#include "reader/json/looks_like.hpp"

#include <array>
#include <utility>

namespace kstream {

namespace {

using namespace std::string_view_literals;
using Look = std::pair<std::string_view, std::string_view>;

// The magic byte of Confluent's wire format and the number of a schema in four bytes.
constexpr std::size_t kSchemaHeaderBytes = 5;

constexpr std::string_view kSchemaRegistry =
    "a record of a schema registry: the byte 0 and a schema id come before it "
    "(Confluent wire format)";
constexpr std::string_view kUtf16 = "UTF-16: only UTF-8 is read";

constexpr std::array kBeginnings = std::to_array<Look>({
    {"\xef\xbb\xbf"sv, "JSON after a byte order mark: the producer must not write one"},
    {"\xff\xfe"sv, kUtf16},
    {"\xfe\xff"sv, kUtf16},
    {"{\0"sv, kUtf16},
    {"\0{"sv, kUtf16},
    {"\x1f\x8b"sv, "gzip: only Kafka's own compression is undone"},
    {"Obj\x01"sv, "an Avro object container"},
});

}  // namespace

std::string_view looks_like(std::string_view value) {
    for (const auto& [beginning, look] : kBeginnings) {
        if (value.starts_with(beginning)) {
            return look;
        }
    }
    if (value.starts_with('\0') && value.size() > kSchemaHeaderBytes) {
        return kSchemaRegistry;
    }
    const std::size_t first = value.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) {
        return "no text at all";
    }
    return value[first] == '<' ? "XML" : std::string_view{};
}

std::string hint_of_text(std::string_view value) {
    const std::string_view look = looks_like(value);
    return look.empty() ? std::string{} : "it looks like " + std::string{look};
}

}  // namespace kstream
