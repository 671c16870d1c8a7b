#include "job/postgres_calls.hpp"

#include "job/names.hpp"
#include "kstream/job/functions.hpp"

#include <algorithm>
#include <iterator>

namespace kstream::job::postgres {

using std::string_view;

namespace {

// A function takes a hundred arguments at most.
constexpr std::size_t kMaxArguments = 64;

// `first` are in front of any number of others.
std::string call_of_many(string_view function, Texts first, const Texts& others) {
    if (others.size() <= kMaxArguments) {
        std::ranges::copy(others, std::back_inserter(first));
    } else {
        first.push_back("VARIADIC ARRAY[" + joined(others, ", ") + ']');
    }
    return call(function, first);
}

// `template` is SQL over $1[1] and $1[2], which stand for what the arguments come to.
std::string strict(string_view sql, const Texts& arguments) {
    Texts all{as_string(sql)};
    std::ranges::copy(arguments, std::back_inserter(all));
    return call("strict", all);
}

// How two values of a type are compared.
std::string comparison(ValueType type, string_view sign) {
    const string_view cast = type == ValueType::numeric     ? "::numeric"
                             : type == ValueType::boolean   ? "::boolean"
                             : type == ValueType::timestamp ? "::bigint"
                             : type == ValueType::local     ? "::bigint"
                                                            : " COLLATE \"C\"";
    return "$1[1]" + std::string{cast} + ' ' + std::string{sign} + " $1[2]" + std::string{cast};
}

// Whether nothing has rounded it yet: it stands as top/bottom.
bool is_quotient(const Expression& one) {
    const auto any_argument = [&] { return std::ranges::any_of(one.arguments, is_quotient); };
    switch (one.op) {
        case Op::divide:
            return true;
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::negate:
        case Op::absolute:
        case Op::coalesce:
            return any_argument();
        case Op::case_when:
            for (std::size_t i = 0; i < one.arguments.size(); ++i) {
                const bool is_value = i % 2 == 1 || i + 1 == one.arguments.size();
                if (is_value && is_quotient(one.arguments[i])) {
                    return true;
                }
            }
            return false;
        default:
            return false;
    }
}

}  // namespace

std::string joined(const Texts& texts, string_view between) {
    std::string all;
    for (const std::string& text : texts) {
        all += (all.empty() ? "" : std::string{between}) + text;
    }
    return all;
}

std::string call(string_view function, const Texts& arguments) {
    return std::string{function} + '(' + joined(arguments, ", ") + ')';
}

std::string numbered(char letter, std::size_t index) {
    return letter + std::to_string(index + 1);
}

std::string Calls::sql(const Expression& one) const {
    const auto first = [&] { return sql(one.arguments[0]); };
    const auto literal = [&](std::size_t i) { return one.arguments[i].literal.text; };
    switch (one.op) {
        case Op::field:
            return numbered('v', one.index);
        case Op::group:
            return numbered('k', one.index);
        case Op::aggregate:
            return numbered('a', one.index);
        case Op::window_start:
            return "window_start";
        case Op::window_end:
            return "window_end";
        case Op::literal:
            return constant(one);
        case Op::null:
            return "NULL::text";
        case Op::logical_and:
            return call_of_many("junction", {"'false'"}, all(one));
        case Op::logical_or:
            return call_of_many("junction", {"'true'"}, all(one));
        case Op::logical_not:
            return strict("NOT $1[1]::boolean", all(one));
        case Op::is_true:
            return call("is_truth", {first(), "'true'"});
        case Op::is_false:
            return call("is_truth", {first(), "'false'"});
        case Op::is_null:
            return call("is_null", {presence(one.arguments[0])});
        case Op::equal:
        case Op::not_equal:
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal:
            return call("compared", with_comparison(one));
        case Op::distinct_from:
            return call("distinct_from", with_comparison(one));
        case Op::in_list:
            return call_of_many("in_list", {as_string(comparison(one.arguments[0].type, "="))},
                                all(one));
        case Op::like:
            return call("compared", {as_string("$1[1] LIKE " + as_string(literal(1)) + " ESCAPE " +
                                               as_string(one.literal.text)),
                                     first()});
        case Op::case_when: {
            Texts parts = all(one);
            if (parts.size() % 2 == 0) {
                parts.emplace_back("NULL::text");
            }
            return call_of_many("case_when", {}, parts);
        }
        case Op::coalesce:
            return call_of_many("first_value", {}, all(one));
        case Op::nullif: {
            Texts parts = all(one);
            parts.insert(parts.begin(), as_string(comparison(one.type, "=")));
            return call("null_if", parts);
        }
        case Op::greatest:
        case Op::least:
            return call_of_many(
                "extreme", {as_string(comparison(one.type, one.op == Op::greatest ? ">" : "<"))},
                all(one));
        case Op::to_numeric:
            return to_numeric(one);
        case Op::to_text:
            return one.arguments[0].type == ValueType::scalar ? call("scalar_text", {first()})
                                                              : first();
        default:
            return strict(function(one), arguments_of(one));
    }
}

std::string Calls::presence(const Expression& one) const {
    const bool counts_numbers = one.op == Op::field && one.type == ValueType::scalar &&
                                statement_.fields[one.index].origin == FieldOrigin::value;
    return counts_numbers ? call("present", {numbered('f', one.index) + "_kind"}) : sql(one);
}

Texts Calls::all(const Expression& one) const {
    Texts texts;
    for (const Expression& argument : one.arguments) {
        texts.push_back(sql(argument));
    }
    return texts;
}

// Those that are no literals of the function's own.
Texts Calls::arguments_of(const Expression& one) const {
    switch (one.op) {
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::divide:
        case Op::modulo:
        case Op::concat:
            return all(one);
        case Op::round:
        case Op::truncate:
        case Op::floor:
        case Op::ceil: {
            return {sql(one.arguments[0])};
        }
        case Op::date_trunc:
        case Op::date_bin:
        case Op::extract:
            return {sql(one.arguments[1])};
        default:
            return {sql(one.arguments[0])};
    }
}

Texts Calls::with_comparison(const Expression& one) const {
    Texts parts = all(one);
    const string_view sign = sign_of(one.op == Op::distinct_from ? Op::not_equal : one.op);
    parts.insert(parts.begin(), as_string(comparison(one.arguments[0].type, sign)));
    return parts;
}

std::string Calls::constant(const Expression& one) {
    switch (one.type) {
        case ValueType::boolean:
            return one.literal.boolean ? "'true'" : "'false'";
        case ValueType::timestamp:
            return '\'' + std::to_string(one.literal.milliseconds) + '\'';
        default:
            return as_string(one.literal.text);
    }
}

std::string Calls::to_numeric(const Expression& one) const {
    const Expression& from = one.arguments[0];
    std::string made = sql(from);
    if (from.type == ValueType::scalar) {
        made = call("scalar_number", {made});
    } else if (from.type == ValueType::text) {
        made = strict("fit(strict_number($1[1]))", {made});
    }
    if (one.precision) {
        made = strict("fit(limited($1[1]::numeric, " + std::to_string(*one.precision) + ", " +
                          std::to_string(one.scale.value_or(0)) + "))",
                      {made});
    }
    return made;
}

// SQL over $1[1] and $1[2].
std::string Calls::function(const Expression& one) {
    const bool quotient = is_quotient(one);
    const bool of_quotient = !one.arguments.empty() && is_quotient(one.arguments[0]);
    const auto literal = [&](std::size_t i) { return one.arguments[i].literal.text; };
    const string_view sign = sign_of(one.op);
    switch (one.op) {
        case Op::divide:
            return "divided($1[1], $1[2])";
        case Op::add:
            if (quotient) {
                return "plus($1[1], $1[2])";
            }
            break;
        case Op::subtract:
            if (quotient) {
                return "plus($1[1], minus($1[2]))";
            }
            break;
        case Op::multiply:
            if (quotient) {
                return "times($1[1], $1[2])";
            }
            break;
        case Op::modulo:
            break;
        case Op::negate:
            return quotient ? "minus($1[1])" : "fit(-$1[1]::numeric)";
        case Op::absolute:
            return quotient ? "without_sign($1[1])" : "fit(abs($1[1]::numeric))";
        case Op::round:
            return of_quotient
                       ? "fit(round_quotient(top($1[1]), bottom($1[1]), " + literal(1) + "))"
                       : "fit(round($1[1]::numeric, " + literal(1) + "))";
        case Op::truncate:
            return of_quotient ? "fit(cut_quotient(top($1[1]), bottom($1[1]), " + literal(1) + "))"
                               : "fit(trunc($1[1]::numeric, " + literal(1) + "))";
        case Op::floor:
            return of_quotient ? "fit(floor_quotient(top($1[1]), bottom($1[1])))"
                               : "fit(floor($1[1]::numeric))";
        case Op::ceil:
            return of_quotient ? "fit(-floor_quotient(-top($1[1]), bottom($1[1])))"
                               : "fit(ceil($1[1]::numeric))";
        case Op::concat:
            return "$1[1] || $1[2]";
        case Op::length:
            return "length($1[1])";
        case Op::substring:
            return "substring($1[1] FROM " + literal(1) +
                   (one.arguments.size() > 2 ? " FOR " + literal(2) : std::string{}) + ')';
        case Op::left:
            return "left($1[1], " + literal(1) + ')';
        case Op::right:
            return "right($1[1], " + literal(1) + ')';
        case Op::split_part:
            return "split_part($1[1], " + as_string(literal(1)) + ", " + literal(2) + ')';
        case Op::lower:
            return "lower($1[1] COLLATE \"C\")";
        case Op::upper:
            return "upper($1[1] COLLATE \"C\")";
        case Op::parse_timestamp:
            return "strict_time($1[1])";
        case Op::to_timestamp:
            return "in_years(floor($1[1]::numeric * 1000))";
        case Op::at_zone:
            return "ms(instant($1[1]) AT TIME ZONE " + as_string(literal(1)) + ')';
        case Op::date_trunc:
            return "begins(" + as_string(literal(0)) + ", $1[1], " + as_string(literal(2)) + ')';
        case Op::date_bin:
            return "ms(date_bin(interval '" +
                   std::to_string(one.arguments[0].literal.milliseconds) +
                   " milliseconds', instant($1[1]), instant('" +
                   std::to_string(one.arguments[2].literal.milliseconds) + "')))";
        case Op::extract: {
            const bool local = one.arguments[1].type == ValueType::local;
            return "fit(extract(" + literal(0) + " FROM " + (local ? "clock" : "instant") +
                   "($1[1])))";
        }
        default:
            break;
    }
    return "fit($1[1]::numeric " + std::string{sign} + " $1[2]::numeric)";
}

}  // namespace kstream::job::postgres
