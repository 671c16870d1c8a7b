#include "kstream/codec/shuffle_encoder.hpp"

#include "codec/record_writer.hpp"

#include <string_view>

namespace kstream {

namespace {
constexpr std::string_view kShuffleEnd = R"("})";
static_assert(kShuffleSize <= kShuffleLettersMost);
}  // namespace

std::size_t encode_shuffle(const ShuffleRecord& record, char* out) {
    RecordWriter writer(out);
    writer.text(R"({"id":)");
    writer.number(record.id);
    writer.text(R"(,"selector":)");
    writer.number(record.selector);
    writer.text(R"(,"value":)");
    writer.number(record.value);
    writer.text(R"(,"ts":)");
    writer.number(record.time_ms);
    writer.text(R"(,"data":")");
    const auto written = static_cast<std::size_t>(writer.at() - out);
    RandomText letters = record.text;
    writer.go_to(letters.write(writer.at(), kShuffleSize - kShuffleEnd.size() - written));
    writer.text(kShuffleEnd);
    return kShuffleSize;
}

}  // namespace kstream
