// Statements that the parser takes, decided by a seed: for properties of what is made from them,
// and for whatever has to agree about their meaning.
#pragma once

#include "kstream/core/prng.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace kstream::test {

// A field's first letter is its type wherever it stands: n numbers, s texts, b booleans, x scalars.
class RandomStatement {
public:
    // With windows some are jobs of event time.
    explicit RandomStatement(std::uint64_t seed, bool windows = false)
        : random_(seed), with_windows_(windows) {}

    [[nodiscard]] std::string text() {
        std::string sql = chance(4) ? "INSERT INTO \"out-" + std::to_string(pick(3)) + "\" " : "";
        const bool windows = with_windows_ && chance(2);
        const std::uint64_t groups = pick(4);
        std::string group_by;
        std::string columns;
        for (std::uint64_t i = 0; i < groups; ++i) {
            const std::string group = this->group(i);
            group_by += (i == 0 ? " GROUP BY " : ", ") + group;
            if (!chance(4)) {
                columns += group + " AS g" + std::to_string(i) + ", ";
            }
        }
        if (windows) {
            group_by += group_by.empty() ? " GROUP BY window_end" : ", window_start";
            columns += chance(2) ? "window_start, " : "window_end AS w, ";
        }
        const std::uint64_t aggregates = 1 + pick(4);
        for (std::uint64_t i = 0; i < aggregates; ++i) {
            const std::string own = std::to_string(i);
            columns += result(3) + " AS " + (chance(5) ? "\"C " + own + '"' : "c" + own) + ", ";
        }
        columns.resize(columns.size() - 2);
        const std::string topic = chance(3) ? "\"Topic.1\"" : "t";
        sql += "SELECT " + columns + " FROM " + (windows ? windows_of(topic) : topic);
        sql += chance(2) ? " WHERE " + boolean(4) : "";
        sql += group_by;
        sql += chance(3) ? " HAVING " + result_condition(2) : "";
        return sql;
    }

private:
    [[nodiscard]] std::uint64_t pick(std::uint64_t bound) {
        return to_range(random_.at(next_++), bound);
    }
    [[nodiscard]] bool chance(std::uint64_t one_in) { return pick(one_in) == 0; }
    template <std::size_t N>
    [[nodiscard]] std::string one_of(const std::array<std::string_view, N>& all) {
        return std::string{all[pick(N)]};
    }
    [[nodiscard]] std::string field(char type) {
        const std::string name = type + std::to_string(pick(3));
        switch (pick(6)) {
            case 0:
                return "a." + name;
            case 1:
                return "l[" + std::to_string(static_cast<int>(pick(3)) - 1) + "]." + name;
            case 2:
                return "\"Q r\"." + name;
            default:
                return name;
        }
    }

    [[nodiscard]] std::string group(std::uint64_t index) {
        const std::string own = std::to_string(index);
        switch (pick(5)) {
            case 0:
                return "upper(s" + own + ")";
            case 1:
                return "date_trunc('day', to_timestamp(n" + own + "), 'America/Sao_Paulo')";
            case 2:
                return "s" + own + " = 'a'";
            case 3:
                return "n" + own + " % 10";
            default:
                return "x.g" + own;
        }
    }

    [[nodiscard]] std::string digits() {
        return one_of(std::array<std::string_view, 8>{"0", "1", "-1", "2.50", "-0.001", "1e3",
                                                      "12345678901234567890", "-7"});
    }

    [[nodiscard]] std::string string() {
        return one_of(std::array<std::string_view, 7>{"''", "'a'", "'it''s'", "'BRL'", "'a,b'",
                                                      "'\xc3\xa9'", "'%_\\'"});
    }

    // Of a type that nothing else has to say: two bare fields compared would have none.
    [[nodiscard]] std::string sure_number(int depth) { return "(0 + " + numeric(depth) + ")"; }
    [[nodiscard]] std::string sure_text(int depth) { return "('' || " + text_value(depth) + ")"; }

    [[nodiscard]] std::string numeric(int depth) {
        if (depth <= 0) {
            return chance(2) ? digits() : field('n');
        }
        const int d = depth - 1;
        switch (pick(20)) {
            case 0:
                return "(" + numeric(d) + " + " + numeric(d) + ")";
            case 1:
                return "(" + numeric(d) + " - " + numeric(d) + ")";
            case 2:
                return "(" + numeric(d) + " * " + numeric(d) + ")";
            case 3:
                return "(" + numeric(d) + " % 7)";
            case 4:
                return "(- " + numeric(d) + ")";
            case 5:
                return "abs(" + numeric(d) + ")";
            case 6:
                return "round(" + numeric(d) + ", " + std::to_string(pick(4)) + ")";
            case 7:
                return "trunc(" + numeric(d) + ")";
            case 8:
                return "floor(" + numeric(d) + ")";
            case 9:
                return "ceil(" + numeric(d) + ")";
            case 10:
                return "round((" + numeric(d) + ")::numeric / " + field('n') + ", 2)";
            case 11:
                return choice(d, &RandomStatement::sure_number, "NULL::numeric");
            case 12:
                return "coalesce(" + sure_number(d) + ", " + numeric(d) + ")";
            case 13:
                return "nullif(" + sure_number(d) + ", " + numeric(d) + ")";
            case 14:
                return "greatest(" + sure_number(d) + ", " + numeric(d) + ")";
            case 15:
                return "least(" + sure_number(d) + ")";
            case 16:
                return "length(" + text_value(d) + ")";
            case 17:
                return "lower(" + text_value(d) + ")::numeric(12, 2)";
            case 18:
                return "extract(hour FROM " + time(d) + " AT TIME ZONE 'UTC')";
            default:
                return field('x') + "::numeric";
        }
    }

    [[nodiscard]] std::string text_value(int depth) {
        if (depth <= 0) {
            return chance(2) ? string() : field('s');
        }
        const int d = depth - 1;
        switch (pick(13)) {
            case 0:
                return "(" + text_value(d) + " || " + text_value(d) + ")";
            case 1:
                return "lower(" + text_value(d) + ")";
            case 2:
                return "upper(" + text_value(d) + ")";
            case 3:
                return "substring(" + text_value(d) + ", 2, 3)";
            case 4:
                return "left(" + text_value(d) + ", -1)";
            case 5:
                return "right(" + text_value(d) + ", 2)";
            case 6:
                return "split_part(" + text_value(d) + ", ',', 1)";
            case 7:
                return "(" + numeric(d) + ")::text";
            case 8:
                return choice(d, &RandomStatement::sure_text, "NULL::text");
            case 9:
                return "coalesce(" + sure_text(d) + ", " + string() + ")";
            case 10:
                return "(" + boolean(d) + ")::text";
            case 11:
                return "kafka_header('h')";
            default:
                return field('x') + "::text";
        }
    }

    [[nodiscard]] std::string time(int depth) {
        switch (pick(4)) {
            case 0:
                return "kafka_timestamp";
            case 1:
                return "to_timestamp(" + numeric(depth - 1) + ")";
            case 2:
                return "lower(" + text_value(depth - 1) + ")::timestamptz";
            default:
                return "TIMESTAMPTZ '2024-02-29T23:59:59.5-03:00'";
        }
    }

    [[nodiscard]] std::string boolean(int depth) {
        if (depth <= 0) {
            return chance(4) ? (chance(2) ? "true" : "false") : field('b');
        }
        const int d = depth - 1;
        static constexpr std::array<std::string_view, 6> kSigns{" = ",  " <> ", " < ",
                                                                " <= ", " > ",  " >= "};
        switch (pick(16)) {
            case 0:
                return "(" + boolean(d) + " AND " + boolean(d) + ")";
            case 1:
                return "(" + boolean(d) + " OR " + boolean(d) + ")";
            case 2:
                return "(NOT " + boolean(d) + ")";
            case 3:
                return "(" + sure_number(d) + one_of(kSigns) + numeric(d) + ")";
            case 4:
                return "(" + sure_text(d) + one_of(kSigns) + text_value(d) + ")";
            case 5:
                return "(" + time(d) + one_of(kSigns) + time(d) + ")";
            case 6:
                return "((NOT " + boolean(d) + ") IS NOT DISTINCT FROM " + boolean(d) + ")";
            case 7:
                return "(" + sure_number(d) + " IS DISTINCT FROM " + numeric(d) + ")";
            case 8:
                return "(" + field('x') + " IS NULL)";
            case 9:
                return "(" + numeric(d) + " IS NOT NULL)";
            case 10:
                return "(" + numeric(d) + " IN (1, " + numeric(d) + "))";
            case 11:
                return "(" + text_value(d) + " NOT IN ('a', " + text_value(d) + "))";
            case 12:
                return "(" + text_value(d) + " LIKE 'a%\\_' )";
            case 13:
                return "(" + text_value(d) + " NOT LIKE 'a!%' ESCAPE '!')";
            case 14:
                return "(" + sure_number(d) + " BETWEEN " + numeric(d) + " AND " + numeric(d) + ")";
            default:
                return "(" + boolean(d) + (chance(2) ? " IS TRUE)" : " IS NOT FALSE)");
        }
    }

    [[nodiscard]] std::string choice(int depth, std::string (RandomStatement::*value)(int),
                                     std::string_view null) {
        std::string sql = "CASE";
        for (std::uint64_t i = 0; i <= pick(2); ++i) {
            sql += " WHEN " + boolean(depth) + " THEN " + (this->*value)(depth);
        }
        sql += chance(2) ? "" : " ELSE " + (chance(3) ? std::string{null} : (this->*value)(depth));
        return sql + " END";
    }

    [[nodiscard]] std::string aggregate() {
        const std::string filter = chance(4) ? " FILTER (WHERE " + boolean(2) + ")" : "";
        switch (pick(14)) {
            case 0:
                return "count(*)" + filter;
            case 1:
                return "count(" + field('x') + ")" + filter;
            case 2:
                return "count(DISTINCT " + field('x') + ")" + filter;
            case 3:
                return "avg(" + numeric(2) + ")" + filter;
            case 4:
                return "round(avg(" + numeric(2) + ")" + filter + ", 2)";
            case 5:
                return "min(" + sure_number(2) + ")" + filter;
            case 6:
                return "max(" + sure_number(2) + ")" + filter;
            case 7:
                return "round(var_pop(" + numeric(1) + ")" + filter + ", 3)";
            case 8:
                return "round(stddev_samp(" + numeric(1) + ")" + filter + ", 0)";
            case 9:
                return "percentile_disc(0.9) WITHIN GROUP (ORDER BY " + sure_number(1) + ")" +
                       filter;
            default:
                return "sum(" + numeric(3) + ")" + filter;
        }
    }

    // A number after the aggregation.
    [[nodiscard]] std::string result(int depth) {
        if (depth <= 0 || chance(2)) {
            return aggregate();
        }
        const int d = depth - 1;
        switch (pick(5)) {
            case 0:
                return "(" + result(d) + " + " + result(d) + ")";
            case 1:
                return "round((" + result(d) + ")::numeric / count(*), 2)";
            case 2:
                return "round(" + result(d) + " * 100 / nullif(sum(n0), 0), 1)";
            case 3:
                return "CASE WHEN " + result_condition(d) + " THEN " + result(d) + " END";
            default:
                return "coalesce(" + result(d) + ", 0)";
        }
    }

    [[nodiscard]] std::string result_condition(int depth) {
        switch (pick(4)) {
            case 0:
                return "(bool_or(" + boolean(1) + ") AND " + result(depth - 1) + " > 1)";
            case 1:
                return "(max(" + sure_text(1) + ") <> 'x')";
            case 2:
                return "(" + result(depth - 1) + " IS NULL)";
            default:
                return "(count(*) >= 3)";
        }
    }

    // Windows that take all aggregates and HAVING: of hop and session not all do.
    [[nodiscard]] std::string windows_of(const std::string& topic) {
        static constexpr std::array<std::string_view, 4> kIntervals{
            "INTERVAL '90 seconds'", "INTERVAL '1 hour'", "INTERVAL '2 weeks'",
            "INTERVAL '1 day 1 millisecond'"};
        static constexpr std::array<std::string_view, 3> kUnits{"'day'", "'week'", "'year'"};
        std::string sql =
            "tumble(" + topic + ", to_timestamp(0 + " + numeric(2) + " + n9), " +
            (chance(2) ? one_of(kUnits) + ", 'America/Sao_Paulo'"
                       : one_of(kIntervals) + (chance(2) ? ", origin => TIMESTAMPTZ "
                                                           "'2024-02-29T23:59:59.5-03:00'"
                                                         : ""));
        sql += ", grace => " + one_of(kIntervals);
        sql += chance(2) ? ", idle => " + one_of(kIntervals) + ", quiet => 'wall'" : "";
        sql += chance(2) ? ", max_ahead => " + (chance(2) ? "'never'" : one_of(kIntervals)) : "";
        sql +=
            chance(2) ? ", unique_by => " + field('x') + ", within => " + one_of(kIntervals) : "";
        return sql + ')';
    }

    SplitMix64 random_;
    std::uint64_t next_ = 0;
    bool with_windows_ = false;
};

}  // namespace kstream::test
