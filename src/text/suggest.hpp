// "did you mean": the known name that is nearest to a mistyped one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::text {

// Insertions, deletions, replacements and swaps of neighbors that turn one text into the other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest candidate, when it is near enough to be meant: at most a third of `name` differs.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view name,
                                                      std::span<const std::string_view> candidates);

// Names of things that people have named, so long ones: near is also what contains the other one.
// The nearest first, at most `most`.
[[nodiscard]] std::vector<std::string_view> nearest_names(std::string_view name,
                                                          std::span<const std::string> candidates,
                                                          std::size_t most);

// ", did you mean 'brokers'?" or nothing; `prefix` stands before the suggested name ("--").
[[nodiscard]] std::string did_you_mean(std::string_view name, std::string_view prefix,
                                       std::span<const std::string_view> candidates);

}  // namespace kstream::text
