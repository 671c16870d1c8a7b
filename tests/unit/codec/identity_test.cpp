// Who owns stored positions and totals (P4).
#include "kstream/codec/identity.hpp"

#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace kstream {
namespace {

Identity sample() {
    return testing::make_job().identity;
}

}  // namespace

TEST_CASE("topic ids are written as Kafka's tools print them") {
    // From `kafka-topics --describe` and the bytes of the same id: base64url without padding.
    TopicId id;
    CHECK(topic_id_text(id) == "AAAAAAAAAAAAAAAAAAAAAA");
    id.bytes.fill(0xff);
    CHECK(topic_id_text(id) == "_____________________w");
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(i * 16);
    }
    // base64.urlsafe_b64encode(bytes(range(0, 256, 16)))
    CHECK(topic_id_text(id) == "ABAgMEBQYHCAkKCwwNDg8A");
    TopicId read;
    REQUIRE(parse_topic_id_text("ABAgMEBQYHCAkKCwwNDg8A", read));
    CHECK(read == id);
}

TEST_CASE("a text that is no topic id is refused") {
    TopicId id;
    CHECK_FALSE(parse_topic_id_text("", id));
    CHECK_FALSE(parse_topic_id_text("AAAAAAAAAAAAAAAAAAAAA", id));
    CHECK_FALSE(parse_topic_id_text("AAAAAAAAAAAAAAAAAAAAAAA", id));
    CHECK_FALSE(parse_topic_id_text("AAAAAAAAAAAAAAAAAAAAA=", id));
    CHECK_FALSE(parse_topic_id_text("AAAAAAAAAA+AAAAAAAAAAA", id));
    // The last digit has four bits that stand for nothing: one id has one spelling.
    CHECK_FALSE(parse_topic_id_text("AAAAAAAAAAAAAAAAAAAAAB", id));
}

TEST_CASE("an identity comes back from its text as it was") {
    CHECK(parse_identity_text(identity_text(sample())) == sample());
    Identity zero;
    CHECK(parse_identity_text(identity_text(zero)) == zero);
}

TEST_CASE("the text is ASCII and at most 512 bytes, whatever is in it") {
    Identity largest = sample();
    largest.spec_hash = std::numeric_limits<std::uint64_t>::max();
    largest.scale = std::numeric_limits<std::uint8_t>::max();
    largest.state_partitions = std::numeric_limits<std::uint32_t>::max();
    largest.results_partitions = largest.state_partitions;
    largest.initial_source_partitions = largest.state_partitions;
    const std::string text = identity_text(largest);
    CHECK(text.size() <= 512);
    CHECK(std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK(parse_identity_text(text) == largest);
}

TEST_CASE("what kstream did not write is no identity, and the error says so") {
    for (const char* text : {"", "ks1", "ks2", "ks3 spec=00", "consumer-1 2024", "KS1 spec=00"}) {
        CAPTURE(text);
        const Result<Identity> read = parse_identity_text(text);
        REQUIRE_FALSE(read);
        CHECK(read.error().exit_code == ExitCode::identity);
        CHECK(read.error().message.find("carries no kstream identity") != std::string::npos);
    }
}

TEST_CASE("a text that is cut off anywhere or goes on is refused") {
    const std::string text = identity_text(sample());
    for (std::size_t size = 0; size < text.size(); ++size) {
        CAPTURE(size);
        const Result<Identity> read = parse_identity_text(text.substr(0, size));
        REQUIRE_FALSE(read);
        CHECK(read.error().exit_code == ExitCode::identity);
    }
    CHECK_FALSE(parse_identity_text(text + " more=1"));
    CHECK_FALSE(parse_identity_text(text + " "));
    CHECK_FALSE(parse_identity_text(text + "A"));
}

TEST_CASE("a flipped bit never reads as the same identity") {
    const std::string text = identity_text(sample());
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = text;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            CAPTURE(damaged);
            const Result<Identity> read = parse_identity_text(damaged);
            CHECK((!read || *read != sample()));
        }
    }
}

TEST_CASE("numbers have one spelling") {
    const std::string text = identity_text(sample());
    const auto with = [&text](const std::string& from, const std::string& to) {
        std::string other = text;
        other.replace(other.find(from), from.size(), to);
        return parse_identity_text(other);
    };
    REQUIRE(with("scale=9", "scale=9"));
    CHECK_FALSE(with("scale=9", "scale=09"));
    CHECK_FALSE(with("scale=9", "scale=+9"));
    CHECK_FALSE(with("scale=9", "scale=-9"));
    CHECK_FALSE(with("scale=9", "scale=256"));
    CHECK_FALSE(with("scale=9", "scale="));
    CHECK_FALSE(with("state=2", "state=4294967296"));
    CHECK_FALSE(with("state=2", "state=2x"));
    CHECK_FALSE(with("partitioner=murmur2", "partitioner=crc32"));
}

TEST_CASE("each difference names what was stored and what is now") {
    const Identity stored = sample();
    CHECK(identity_differences(stored, stored).empty());
    struct Change {
        std::string word;
        Identity now;
    };
    std::vector<Change> changes(7, Change{"", stored});
    changes[0] = {"specification", stored};
    changes[0].now.spec_hash = 1;
    changes[1] = {"decimal scale: stored 9, now 2", stored};
    changes[1].now.scale = 2;
    changes[2] = {"partitions: stored 2, now 6", stored};
    changes[2].now.state_partitions = 6;
    changes[3] = {"results partitions: stored 3, now 4", stored};
    changes[3].now.results_partitions = 4;
    changes[4] = {"source topic id", stored};
    changes[4].now.source_id = testing::topic_id(1);
    changes[5] = {"repartition topic id", stored};
    changes[5].now.repartition_id = testing::topic_id(1);
    changes[6] = {"changelog topic id: stored " + topic_id_text(stored.changelog_id) + ", now " +
                      topic_id_text(testing::topic_id(1)),
                  stored};
    changes[6].now.changelog_id = testing::topic_id(1);
    for (const Change& change : changes) {
        CAPTURE(change.word);
        const std::vector<std::string> found = identity_differences(stored, change.now);
        REQUIRE(found.size() == 1);
        CHECK(found[0].find(change.word) != std::string::npos);
    }
}

TEST_CASE("a partitioner of another kind is a difference") {
    Identity other = sample();
    other.partitioner = static_cast<Partitioner>(2);
    CHECK(identity_differences(other, sample()).size() == 1);
}

TEST_CASE("source partitions that were added later make no other job") {
    Identity now = sample();
    now.initial_source_partitions += 4;
    CHECK(identity_differences(sample(), now).empty());
}

TEST_CASE("a mark stands behind the identity, of the map loop's group and of the totals'") {
    for (const std::int64_t watermark : {kNoTime, std::int64_t{0}, std::int64_t{1764374400000}}) {
        for (const bool idle : {false, true}) {
            const OffsetMetadata of_source{
                .identity = sample(),
                .mark = OffsetMark{.step = 12,
                                   .source = SourceMark{.watermark = watermark, .idle = idle}}};
            const std::string text = offset_metadata_text(of_source);
            CAPTURE(text);
            CHECK(text.starts_with("ks2 "));
            CHECK(text.size() <= 512);
            CHECK(parse_offset_metadata(text) == of_source);
            CHECK(parse_identity_text(text) == sample());
        }
    }
    const OffsetMetadata of_totals{.identity = sample(),
                                   .mark = OffsetMark{.step = 7, .source = std::nullopt}};
    CHECK(parse_offset_metadata(offset_metadata_text(of_totals)) == of_totals);
    const OffsetMetadata plain{.identity = sample(), .mark = std::nullopt};
    CHECK(offset_metadata_text(plain) == identity_text(sample()));
    CHECK(parse_offset_metadata(identity_text(sample())) == plain);
}

TEST_CASE("a mark that kstream has not written is refused") {
    const std::string text = offset_metadata_text(
        {.identity = sample(),
         .mark = OffsetMark{.step = 12, .source = SourceMark{.watermark = 5, .idle = false}}});
    const std::string front = text.substr(0, text.find(" step="));
    REQUIRE(parse_offset_metadata(front + " step=12 w=5 idle=0"));
    for (const char* mark :
         {"", " step=", " step=0", " step=0 w=5 idle=0", " step=012", " step=12 ", " step=12 w=5",
          " step=12 w= idle=0", " step=12 w=-1 idle=0", " step=12 w=05 idle=0",
          " step=12 w=none idle=2", " step=12 w=5 idle=0 ", " step=12 idle=0", " w=5 idle=0",
          " step=12 w=5 idle=0 horizon=3", " step=12 w=5 idle=0 horizon=-1 seen=4",
          " step=12 w=5 idle=0 seen=4 horizon=3", " step=12 w=5 idle=0 horizon=3 seen=04"}) {
        CAPTURE(mark);
        const Result<OffsetMetadata> read = parse_offset_metadata(front + mark);
        REQUIRE_FALSE(read);
        CHECK(read.error().exit_code == ExitCode::identity);
    }
    CHECK_FALSE(parse_offset_metadata(identity_text(sample()) + " step=12"));
}

}  // namespace kstream
