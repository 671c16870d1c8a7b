// Whether what is stored is this job's (P4): of all that read stored positions, batches or totals
// in a loop. The start of the process and the audit have words of their own, for the same
// differences.
#pragma once

#include "kstream/codec/identity.hpp"
#include "kstream/error.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/ports/cluster_queries.hpp"

#include <optional>
#include <string_view>

namespace kstream {

// What the groups' names end in, as messages say them.
inline constexpr std::string_view kMapGroupSuffix = "map";
inline constexpr std::string_view kTotalsGroupSuffix = "totals";

inline constexpr std::string_view kChooseAnother =
    "choose another --application-id and another --output-topic, or run `kstream reset` to begin "
    "again";

// identity, with `what` in front of how they differ. `stored_spec`: the canonical text of the
// stored job, for words instead of hashes; empty when it is not known.
[[nodiscard]] Result<void> check_identity(const Job& job, const Identity& stored,
                                          std::string_view what, std::string_view hint,
                                          std::string_view stored_spec = {});

// Of a committed offset, by the metadata that it was committed with; gives its mark, of a job with
// event time.
[[nodiscard]] Result<std::optional<OffsetMark>> check_offset_identity(
    const Job& job, const OffsetAnswer& answer, std::string_view group_suffix);

// Of a job that was closed (--close), for whoever finds kEndOfTime and is not to close it.
[[nodiscard]] Error has_ended(const Job& job);

}  // namespace kstream
