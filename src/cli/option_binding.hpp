// From a path of member pointers to the two functions of a Binding: the types of the members decide
// how their values are read and printed, so a row of the option table only names the member.
#pragma once

#include "cli/option_table.hpp"
#include "cli/values.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace kstream::cli::binding {

using Problem = std::optional<std::string>;

[[nodiscard]] inline Problem out_of_range(std::string_view text, const ValueRules& rules,
                                          double value) {
    if (rules.max > rules.min && (value < rules.min || value > rules.max)) {
        return fmt::format("{} is not within {}", text::in_quotes(text), range_text(rules));
    }
    return std::nullopt;
}

// ---- reading: set(member, rules, text) ----------------------------------------------------------

inline Problem set(std::string& member, const ValueRules& rules, std::string_view text) {
    if (text.empty()) {
        return "the value is empty";
    }
    if (!rules.choices.empty()) {
        if (const auto index = read_choice(text, rules.choices); !index) {
            return index.error();
        }
    }
    if (rules.check != nullptr) {
        if (auto problem = rules.check(text)) {
            return problem;
        }
    }
    member = text;
    return std::nullopt;
}

// With choices a bool is the choice between two words, the second of which is true.
inline Problem set(bool& member, const ValueRules& rules, std::string_view text) {
    if (!rules.choices.empty()) {
        const auto index = read_choice(text, rules.choices);
        if (!index) {
            return index.error();
        }
        member = *index == 1;
        return std::nullopt;
    }
    const auto value = read_bool(text);
    if (!value) {
        return value.error();
    }
    member = *value;
    return std::nullopt;
}

template <std::integral T>
Problem set(T& member, const ValueRules& rules, std::string_view text) {
    const auto value = [&] {
        if constexpr (std::is_signed_v<T>) {
            return read_signed(text);
        } else {
            return read_unsigned(text);
        }
    }();
    if (!value) {
        return value.error();
    }
    if (auto problem = out_of_range(text, rules, static_cast<double>(*value))) {
        return problem;
    }
    if (!std::in_range<T>(*value)) {
        return fmt::format("{} is too large", text::in_quotes(text));
    }
    member = static_cast<T>(*value);
    return std::nullopt;
}

inline Problem set(double& member, const ValueRules& rules, std::string_view text) {
    const auto value = read_real(text);
    if (!value) {
        return value.error();
    }
    if (auto problem = out_of_range(text, rules, *value)) {
        return problem;
    }
    member = *value;
    return std::nullopt;
}

template <typename Period>
Problem set(std::chrono::duration<std::int64_t, Period>& member, const ValueRules& rules,
            std::string_view text) {
    using Unit = std::chrono::duration<std::int64_t, Period>;
    const auto value = read_duration(text, rules.form == NumberForm::duration_or_seconds);
    if (!value) {
        return value.error();
    }
    if (auto problem = out_of_range(text, rules, static_cast<double>(value->count()))) {
        return problem;
    }
    member = std::chrono::duration_cast<Unit>(*value);
    if (member != *value) {
        return fmt::format("{} is not a multiple of {}", text::in_quotes(text),
                           print_duration(std::chrono::milliseconds(Unit(1))));
    }
    return std::nullopt;
}

// The choices name the enumerators in their order.
template <typename T>
    requires std::is_enum_v<T>
Problem set(T& member, const ValueRules& rules, std::string_view text) {
    const auto index = read_choice(text, rules.choices);
    if (!index) {
        return index.error();
    }
    member = static_cast<T>(*index);
    return std::nullopt;
}

inline Problem set(std::pair<std::string, std::string>& member, const ValueRules& rules,
                   std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
        return "not of the form KEY=VALUE";
    }
    if (rules.check != nullptr) {
        if (auto problem = rules.check(text)) {
            return problem;
        }
    }
    member = {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
    return std::nullopt;
}

template <typename T>
Problem set(std::optional<T>& member, const ValueRules& rules, std::string_view text) {
    T value{};
    if (auto problem = set(value, rules, text)) {
        return problem;
    }
    member = std::move(value);
    return std::nullopt;
}

template <typename T>
Problem set(std::vector<T>& member, const ValueRules& rules, std::string_view text) {
    T value{};
    if (auto problem = set(value, rules, text)) {
        return problem;
    }
    member.push_back(std::move(value));
    return std::nullopt;
}

// ---- printing: get(member, rules) ---------------------------------------------------------------

using Texts = std::vector<std::string>;

inline Texts get(const std::string& member, const ValueRules& /*rules*/) {
    return member.empty() ? Texts() : Texts{member};
}

inline Texts get(bool member, const ValueRules& rules) {
    if (!rules.choices.empty()) {
        return {std::string(rules.choices[member ? 1 : 0])};
    }
    return {member ? "true" : "false"};
}

template <typename T>
    requires(std::integral<T> || std::floating_point<T>)
Texts get(T member, const ValueRules& /*rules*/) {
    return {fmt::format("{}", member)};
}

template <typename Period>
Texts get(std::chrono::duration<std::int64_t, Period> member, const ValueRules& /*rules*/) {
    return {print_duration(member)};
}

template <typename T>
    requires std::is_enum_v<T>
Texts get(T member, const ValueRules& rules) {
    return {std::string(rules.choices[static_cast<std::size_t>(member)])};
}

inline Texts get(const std::pair<std::string, std::string>& member, const ValueRules& /*rules*/) {
    return {member.first + "=" + member.second};
}

template <typename T>
Texts get(const std::optional<T>& member, const ValueRules& rules) {
    return member ? get(*member, rules) : Texts();
}

template <typename T>
Texts get(const std::vector<T>& member, const ValueRules& rules) {
    Texts texts;
    for (const T& one : member) {
        for (std::string& text : get(one, rules)) {
            texts.push_back(std::move(text));
        }
    }
    return texts;
}

// ---- binding ------------------------------------------------------------------------------------

template <typename Config>
consteval Subcommand subcommand_of() {
    if constexpr (std::same_as<Config, ProduceConfig>) {
        return Subcommand::produce;
    } else if constexpr (std::same_as<Config, CreateTopicsConfig>) {
        return Subcommand::create_topics;
    } else if constexpr (std::same_as<Config, AggregateConfig>) {
        return Subcommand::aggregate;
    } else if constexpr (std::same_as<Config, AuditConfig>) {
        return Subcommand::audit;
    } else if constexpr (std::same_as<Config, ResultsConfig>) {
        return Subcommand::results;
    } else if constexpr (std::same_as<Config, ResetConfig>) {
        return Subcommand::reset;
    } else if constexpr (std::same_as<Config, BenchConfig>) {
        return Subcommand::bench;
    } else if constexpr (std::same_as<Config, ExplainConfig>) {
        return Subcommand::explain;
    } else if constexpr (std::same_as<Config, LatenessConfig>) {
        return Subcommand::lateness;
    } else {
        static_assert(std::same_as<Config, HealthConfig>);
        return Subcommand::health;
    }
}

template <typename Config, typename Member>
Config config_of(Member Config::* path);

// The two functions above, by overload; a row with a form of its own brings another type.
struct ByType {
    template <typename T>
    static Problem set(T& member, const ValueRules& rules, std::string_view text) {
        return binding::set(member, rules, text);
    }
    template <typename T>
    static Texts get(const T& member, const ValueRules& rules) {
        return binding::get(member, rules);
    }
};

// at<&AggregateConfig::spec, &AggregationSpec::scale>() binds that member.
template <typename Form, auto First, auto... Rest>
Binding at_as() {
    using Config = decltype(config_of(First));
    return {.subcommand = subcommand_of<Config>(),
            .set =
                [](Command& command, const ValueRules& rules, std::string_view text) {
                    auto& member = ((std::get<Config>(command).*First).*....*Rest);
                    return Form::set(member, rules, text);
                },
            .get =
                [](const Command& command, const ValueRules& rules) {
                    const auto& member = ((std::get<Config>(command).*First).*....*Rest);
                    return Form::get(member, rules);
                }};
}

template <auto First, auto... Rest>
Binding at() {
    return at_as<ByType, First, Rest...>();
}

// The member of CommonConfig, in every subcommand that has to do with a cluster.
template <auto Member>
std::vector<Binding> everywhere() {
    return {at<&ProduceConfig::common, Member>(),   at<&CreateTopicsConfig::common, Member>(),
            at<&AggregateConfig::common, Member>(), at<&AuditConfig::common, Member>(),
            at<&ResultsConfig::common, Member>(),   at<&ResetConfig::common, Member>(),
            at<&BenchConfig::common, Member>(),     at<&ExplainConfig::common, Member>(),
            at<&LatenessConfig::common, Member>()};
}

}  // namespace kstream::cli::binding
