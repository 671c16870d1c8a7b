// What a session does with a base file that is damaged. Its way through the logs is tested in the
// simulator (tests/sim/audit_test.cpp).
#include "kstream/audit/session.hpp"

#include "kstream/codec/wire.hpp"
#include "support/fakes/audited.hpp"
#include "support/fakes/fake_clock.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace kstream::audit {
namespace {

constexpr std::size_t kMaxFrameBytes = 64U << 20;

// Topics that are there and empty, and a base file.
class World final : public Surroundings {
public:
    [[nodiscard]] std::string name(TopicRole) const override { return "topic"; }
    [[nodiscard]] Result<std::optional<Topic>> describe(TopicRole) override { return Topic{{}, 2}; }
    [[nodiscard]] std::optional<bool> compacted(TopicRole) override { return false; }
    [[nodiscard]] Result<Positions> starts(TopicRole, std::int32_t) override { return Positions{}; }
    [[nodiscard]] Result<Positions> ends(TopicRole, std::int32_t, Isolation) override {
        return Positions{};
    }
    [[nodiscard]] std::unique_ptr<LogReader> reader(std::string_view) override {
        FAIL("nothing is read of a cluster before the base is known to be whole");
        return nullptr;
    }
    [[nodiscard]] const Clock& clock() const override { return clock_; }
    [[nodiscard]] bool stopped() const override { return false; }
    [[nodiscard]] Result<std::unique_ptr<ByteSource>> open_base() override {
        struct Source final : ByteSource {
            explicit Source(World& world) : world_(world) {}
            bool read(std::span<char> room) override {
                world_.most_room = std::max(world_.most_room, room.size());
                if (room.size() > world_.file.size() - at_) {
                    return false;
                }
                std::memcpy(room.data(), world_.file.data() + at_, room.size());
                at_ += room.size();
                return true;
            }
            World& world_;
            std::size_t at_ = 0;
        };
        return std::make_unique<Source>(*this);
    }
    [[nodiscard]] Result<std::unique_ptr<ByteSink>> save_base() override {
        return fail(ExitCode::usage, "nothing is saved");
    }

    std::string file{kBaseMagic};
    std::size_t most_room = 0;

private:
    testing::FakeClock clock_;
};

Error refused(World& world) {
    const auto report = Session({.application_id = "a",
                                 .spec = testing::seed_spec(),
                                 .memory = 1U << 20,
                                 .base = "the base",
                                 .save_base = {}},
                                world)
                            .run();
    REQUIRE_FALSE(report.has_value());
    return report.error();
}

}  // namespace

TEST_CASE("a base file that names a frame of any length is refused before there is room for it") {
    World world;
    ByteWriter{world.file}.u32(static_cast<std::uint32_t>(kMaxFrameBytes) + 1);
    const Error error = refused(world);
    CHECK(error.exit_code == ExitCode::cannot_tell);
    CHECK(error.message == "--base the base: cut off");
    CHECK(world.most_room < 100);
}

TEST_CASE("a base file that ends before its end is refused") {
    World world;
    for (const std::string_view more : {"", "abc"}) {
        world.file.append(more);
        CHECK(refused(world).message == "--base the base: cut off");
    }
    world.file = "no base";
    CHECK(refused(world).exit_code == ExitCode::cannot_tell);
}

}  // namespace kstream::audit
