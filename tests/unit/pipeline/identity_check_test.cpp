#include "kstream/pipeline/identity_check.hpp"

#include "kstream/codec/spec_hash.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace kstream {
namespace {

using testing::make_job;
using testing::topic_id;

}  // namespace

TEST_CASE("P4: what is this job's passes") {
    const Job job = make_job();
    CHECK(check_identity(job, job.identity, "it is another's", "go away").has_value());
    OffsetAnswer offset;
    offset.metadata = identity_text(job.identity);
    CHECK(check_offset_identity(job, offset, "map").has_value());
}

TEST_CASE("P4: a refusal names every difference, and what to do") {
    const Job job = make_job();
    Identity stored = job.identity;
    stored.source_id = topic_id(0x11);
    stored.state_partitions = 7;
    const Result<void> refused = check_identity(job, stored, "it is another's", "go away");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().exit_code == ExitCode::identity);
    CHECK(refused.error().hint == "go away");
    const std::string& text = refused.error().message;
    CHECK(text.starts_with("it is another's: "));
    for (const std::string& difference : identity_differences(stored, job.identity)) {
        CAPTURE(difference);
        CHECK(text.find(difference) != text.npos);
    }
    CHECK(identity_differences(stored, job.identity).size() == 2);
}

TEST_CASE("P4: where the stored job's text is known, its words come before the hashes") {
    const Job job = make_job();
    Job other = job;
    other.spec.group_by = {"id_cliente"};
    other.identity.spec_hash = spec_hash(other.spec);
    const auto refused =
        check_identity(job, other.identity, "it is another's", "", canonical_text(other.spec));
    REQUIRE_FALSE(refused.has_value());
    const std::string& text = refused.error().message;
    const std::size_t words = text.find("id_cliente");
    REQUIRE(words != text.npos);
    CHECK(words < text.find(identity_differences(other.identity, job.identity).front()));
}

TEST_CASE("P4: a committed offset is refused by its metadata, naming group and partition") {
    const Job job = make_job();
    Identity stored = job.identity;
    stored.scale = 2;
    OffsetAnswer offset;
    offset.partition = PartitionId{3};
    offset.metadata = identity_text(stored);
    const auto refused = check_offset_identity(job, offset, "totals");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().exit_code == ExitCode::identity);
    CHECK(
        refused.error().message.starts_with("the committed offset of group ...-totals partition "
                                            "3 belongs to another job or log: "));
    CHECK(refused.error().hint == kChooseAnother);
    offset.metadata = "set by hand";
    CHECK(check_offset_identity(job, offset, "totals").error().exit_code == ExitCode::identity);
}

}  // namespace kstream
