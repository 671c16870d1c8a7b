#include "kstream/pipeline/identity_check.hpp"

#include "kstream/codec/spec_difference.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>
#include <vector>

namespace kstream {

Result<void> check_identity(const Job& job, const Identity& stored, std::string_view what,
                            std::string_view hint, std::string_view stored_spec) {
    std::vector<std::string> differences = identity_differences(stored, job.identity);
    if (differences.empty()) {
        return {};
    }
    if (!stored_spec.empty()) {
        if (auto of_job = spec_differences(stored_spec, job.spec_text); !of_job.empty()) {
            differences.insert(differences.begin(), std::move(of_job.front()));
        }
    }
    return fail(ExitCode::identity, fmt::format("{}: {}", what, fmt::join(differences, "; ")),
                std::string{hint});
}

Result<std::optional<OffsetMark>> check_offset_identity(const Job& job, const OffsetAnswer& answer,
                                                        std::string_view group_suffix) {
    Result<OffsetMetadata> stored = parse_offset_metadata(answer.metadata);
    if (!stored) {
        return std::unexpected(std::move(stored.error()));
    }
    const std::string what = fmt::format(
        "the committed offset of group ...-{} partition {} belongs to another job or log",
        group_suffix, answer.partition.value);
    if (Result<void> ours = check_identity(job, stored->identity, what, kChooseAnother); !ours) {
        return std::unexpected(std::move(ours.error()));
    }
    // The identity says whether the job has event time, so kstream writes no other.
    const bool marked = job.event_time() != nullptr;
    const bool of_source = marked && group_suffix == kMapGroupSuffix;
    if (stored->mark.has_value() != marked ||
        (marked && stored->mark->source.has_value() != of_source) ||
        (of_source && stored->mark->source->horizon.has_value() != job.has_unique())) {
        return fail(ExitCode::identity, fmt::format("{}: '{}'", what, answer.metadata),
                    std::string{kChooseAnother});
    }
    return stored->mark;
}

Error has_ended(const Job& job) {
    return Error::stop(
        ExitCode::identity,
        fmt::format("this job has ended with --close, so every record of topic {} would be late",
                    job.spec.source_topic),
        "what it has published stands; to go on with the topic choose another --application-id and "
        "another --output-topic, or run `kstream reset`");
}

}  // namespace kstream
