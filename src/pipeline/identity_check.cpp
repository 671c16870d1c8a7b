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

Result<void> check_offset_identity(const Job& job, const OffsetAnswer& answer,
                                   std::string_view group_suffix) {
    Result<Identity> stored = parse_identity_text(answer.metadata);
    if (!stored) {
        return std::unexpected(std::move(stored.error()));
    }
    return check_identity(job, *stored,
                          fmt::format("the committed offset of group ...-{} partition {} belongs "
                                      "to another job or log",
                                      group_suffix, answer.partition.value),
                          kChooseAnother);
}

}  // namespace kstream
