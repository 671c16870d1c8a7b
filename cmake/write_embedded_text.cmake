# Run by kstream_embed_text. As numbers, not as a string literal: no byte of the file can end it,
# and no compiler has a limit on its length.
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x[0-9a-f][0-9a-f],){20})" "\\1\n    " bytes "${bytes}")
file(WRITE "${OUTPUT}" "// Made by cmake/write_embedded_text.cmake.
#include <string_view>

namespace kstream {
namespace {

constexpr unsigned char kBytes[] = {
    ${bytes}};

}  // namespace

extern const std::string_view ${SYMBOL};
const std::string_view ${SYMBOL}{reinterpret_cast<const char*>(kBytes), sizeof kBytes};

}  // namespace kstream
")
