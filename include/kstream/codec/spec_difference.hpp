// What differs between two jobs, in the words of the options that made them: the canonical text of
// a job is stored with its totals, so a refusal can say "--sum was amount, is fee" where a hash
// could only say that something is different.
#pragma once

#include "kstream/model/aggregation_spec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

// The job that a canonical text names; none for a text of another form, of a newer version say.
[[nodiscard]] std::optional<AggregationSpec> parse_canonical_text(std::string_view text);

// One entry for each option that differs, ASCII and safe to print; empty when the texts are equal.
// A text that cannot be read is one difference that shows it as it is.
[[nodiscard]] std::vector<std::string> spec_differences(std::string_view stored,
                                                        std::string_view now);

}  // namespace kstream
