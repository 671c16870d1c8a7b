#include "kstream/audit/base_file.hpp"

#include "kstream/codec/wire.hpp"
#include "support/fakes/audited.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace kstream;
using namespace kstream::audit;
using namespace kstream::testing;

namespace {

std::string saved(const AuditedWorld& world) {
    std::string file;
    BaseWriter writer{world.job};
    BaseWriter::begin(file);
    writer.meta(file, 0, world.meta(0));
    writer.meta(file, 1, world.meta(1));
    writer.total(file, state_key("ana"), 3, {world.job.kinds, row(16, 2), {}});
    writer.end(file);
    return file;
}

std::vector<std::string_view> frames_of(std::string_view file) {
    std::vector<std::string_view> frames;
    ByteReader reader{file.substr(kBaseMagic.size())};
    while (!reader.at_end() && !reader.failed()) {
        const std::uint32_t size = reader.u32();
        frames.push_back(reader.raw(size));
    }
    return frames;
}

}  // namespace

TEST_CASE("What is saved comes back") {
    AuditedWorld world;
    world.sell("ana", 16);
    const std::string file = saved(world);
    REQUIRE(file.starts_with(kBaseMagic));
    BaseReader reader{world.job};
    std::vector<BaseReader::Frame> kinds;
    for (const std::string_view frame : frames_of(file)) {
        const auto kind = reader.take(frame);
        REQUIRE(kind);
        kinds.push_back(*kind);
    }
    using enum BaseReader::Frame;
    CHECK(kinds == std::vector{meta, meta, total, end});
    CHECK(reader.metas()[1] == world.meta(1));
    CHECK(reader.total().state_key == state_key("ana"));
    CHECK(reader.total().row.slots == row(16, 2));
}

TEST_CASE("A base file with a changed, lost or doubled frame is refused") {
    const AuditedWorld world;
    const std::string file = saved(world);
    const auto refused = [&](const std::vector<std::string_view>& frames) {
        BaseReader reader{world.job};
        for (const std::string_view frame : frames) {
            if (const auto kind = reader.take(frame); !kind) {
                return kind.error().exit_code == ExitCode::cannot_tell;
            }
        }
        return false;
    };
    const std::vector<std::string_view> whole = frames_of(file);
    CHECK_FALSE(refused(whole));
    CHECK(refused({whole[0], whole[1], whole[3]}));
    CHECK(refused({whole[0], whole[1], whole[2], whole[2], whole[3]}));
    for (std::size_t frame = 0; frame < whole.size(); ++frame) {
        for (std::size_t at = 0; at < whole[frame].size(); ++at) {
            std::string broken{whole[frame]};
            broken[at] = static_cast<char>(broken[at] ^ 0x20);
            std::vector<std::string_view> frames = whole;
            frames[frame] = broken;
            CHECK(refused(frames));
        }
    }
}
