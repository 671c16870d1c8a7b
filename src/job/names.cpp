#include "job/names.hpp"

#include "kstream/job/functions.hpp"

#include <algorithm>
#include <array>

namespace kstream::job {
namespace {

using std::string_view;

// Of PostgreSQL 15's kwlist.h: RESERVED_KEYWORD and TYPE_FUNC_NAME_KEYWORD, in order.
constexpr auto kReserved = std::to_array<string_view>({
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
});
// Words that begin an expression of their own, or a type before a string; and ours.
constexpr auto kQuotedToo = std::to_array<string_view>({
    "between",
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "coalesce",
    "dec",
    "decimal",
    "exists",
    "extract",
    "float",
    "greatest",
    "grouping",
    "inout",
    "int",
    "integer",
    "interval",
    "kafka_key",
    "kafka_offset",
    "kafka_partition",
    "kafka_timestamp",
    "least",
    "national",
    "nchar",
    "none",
    "normalize",
    "nullif",
    "numeric",
    "out",
    "overlay",
    "position",
    "precision",
    "real",
    "row",
    "setof",
    "smallint",
    "substring",
    "time",
    "timestamp",
    "treat",
    "trim",
    "values",
    "varchar",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
});

[[nodiscard]] bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::string folded(std::string_view name) {
    std::string lower{name};
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lower;
}

bool is_reserved(std::string_view lower) {
    return std::ranges::binary_search(kReserved, lower);
}

std::string as_name(std::string_view name) {
    const bool bare = !name.empty() && name.size() < 64 && std::ranges::all_of(name, is_bare) &&
                      (name.front() < '0' || name.front() > '9') && !is_reserved(name) &&
                      !std::ranges::binary_search(kQuotedToo, name);
    if (bare) {
        return std::string{name};
    }
    std::string quoted = "\"";
    for (const char c : name) {
        quoted += c;
        if (c == '"') {
            quoted += c;
        }
    }
    return quoted + '"';
}

std::string as_string(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        quoted += c;
        if (c == '\'') {
            quoted += c;
        }
    }
    return quoted + '\'';
}

string_view sign_of(Op op) {
    switch (op) {
        case Op::equal:
            return "=";
        case Op::not_equal:
            return "<>";
        case Op::less:
            return "<";
        case Op::less_equal:
            return "<=";
        case Op::greater:
            return ">";
        case Op::greater_equal:
            return ">=";
        case Op::logical_and:
            return "AND";
        case Op::logical_or:
            return "OR";
        default: {
            const FunctionRow* const row = find_function(op);
            return row != nullptr && row->form == Form::infix ? row->name : "";
        }
    }
}

}  // namespace kstream::job
