// The base file of an audit: frames of any bytes, their inner checksums made right. What a reader
// takes, a writer writes so that it is taken again, end and all.
#include "fuzz/fuzz_target.hpp"
#include "kstream/audit/base_file.hpp"
#include "kstream/codec/wire.hpp"
#include "support/fakes/test_job.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace kstream;
using audit::BaseReader;
using audit::BaseWriter;

// A frame whose meta or total has the checksum that fits.
std::string sealed(std::string_view frame) {
    std::string out{frame};
    ByteReader reader{frame};
    const std::uint8_t kind = reader.u8();
    if (kind == 1) {
        (void)reader.varint();
    } else {
        (void)reader.text();
    }
    if (!reader.failed() && kind != 0) {
        ByteWriter{out}.crc_since(frame.size() - reader.left());
    }
    return out;
}

std::vector<std::string> frames_of(std::string_view file) {
    std::vector<std::string> frames;
    ByteReader reader{file};
    while (!reader.at_end() && !reader.failed()) {
        const std::size_t size = reader.u8();
        frames.push_back(sealed(reader.raw(std::min(size, reader.left()))));
    }
    return frames;
}

}  // namespace

KSTREAM_FUZZ_TARGET(audit_base) {
    static const audit::AuditedJob kJob =
        audit::AuditedJob::of(testing::seed_spec(), testing::make_job(2, 1).identity);
    BaseReader reader{kJob};
    BaseWriter writer{kJob};
    std::string written;
    for (const std::string& frame : frames_of(input)) {
        const Result<BaseReader::Frame> taken = reader.take(frame);
        if (taken && *taken == BaseReader::Frame::total) {
            writer.total(written, reader.total().state_key, 1, reader.total().row);
        }
    }
    for (std::uint32_t q = 0; q < kJob.state_partitions; ++q) {
        if (reader.metas()[q]) {
            writer.meta(written, q, *reader.metas()[q]);
        }
    }
    writer.end(written);
    BaseReader second{kJob};
    ByteReader bytes{written};
    bool ended = false;
    while (!bytes.at_end()) {
        const std::string_view frame = bytes.raw(bytes.u32());
        KSTREAM_CHECK(!bytes.failed(), "frames have the length that they say");
        const Result<BaseReader::Frame> taken = second.take(frame);
        KSTREAM_CHECK(taken.has_value(), "what was written is taken");
        ended = *taken == BaseReader::Frame::end;
    }
    KSTREAM_CHECK(ended && second.metas() == reader.metas(), "and says the same");
}
