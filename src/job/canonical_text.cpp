// The identity of a job that is a statement: canonical text 2. Everything stored hangs on it, so it
// is held by golden tests. Operators, types and aggregates stand in it by name, all texts with
// their length, all lists with their brackets: no two statements have one text. Places, the names
// of groups, the order of Statement::fields and the topic of the results are not in it.
#include "kstream/job/functions.hpp"
#include "kstream/job/statement_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::job {
namespace {

using std::string_view;

class Writer {
public:
    explicit Writer(const Statement& statement) : statement_(statement) {}

    [[nodiscard]] std::string take() && { return std::move(out_); }

    void line(string_view word) {
        out_ += '\n';
        out_ += word;
    }
    // "5:valor", as in a netstring: no text can look like the end of another.
    void text(string_view value) {
        out_ += ' ' + std::to_string(value.size()) + ':';
        out_ += value;
    }
    void word(string_view value) {
        out_ += ' ';
        out_ += value;
    }

    // The lines of a job with event time; what has no windows has no grace and emits as others do.
    void event_time(const EventTime& one) {
        line("event");
        expression(one.time);
        line("window");
        window(one.window);
        if (one.window.kind != WindowKind::none) {
            line("grace");
            number(one.grace);
            line("emit");
            word(one.emit == Emit::updates ? "updates" : "final");
            line("idle");
            number(one.idle);
            if (one.quiet_wall) {
                word("wall");
            }
        }
        line("max_ahead");
        number(one.max_ahead);
        if (one.unique_by) {
            line("unique");
            expression(*one.unique_by);
            line("within");
            number(one.within);
        }
    }

    void expression(const Expression& one) {
        out_ += " (";
        out_ += name_of(one.op);
        word(name_of(one.type));
        switch (one.op) {
            case Op::field:
                field(statement_.fields[one.index]);
                break;
            case Op::group:
                word(std::to_string(one.index));
                break;
            case Op::aggregate:
                aggregate(statement_.aggregates[one.index]);
                break;
            case Op::literal:
                literal(one);
                break;
            case Op::like:
                text(one.literal.text);
                break;
            default:
                break;
        }
        if (one.precision) {
            word(std::to_string(*one.precision) + "," + std::to_string(one.scale.value_or(0)));
        }
        for (const Expression& argument : one.arguments) {
            expression(argument);
        }
        out_ += ')';
    }

private:
    void number(std::optional<std::int64_t> value) {
        word(value ? std::to_string(*value) : "never");
    }

    void window(const Window& one) {
        switch (one.kind) {
            case WindowKind::none:
                word("none");
                break;
            case WindowKind::tumble:
                word("tumble");
                number(one.size);
                number(one.origin);
                break;
            case WindowKind::calendar:
                word("calendar");
                word(one.unit);
                text(one.zone);
                word(fmt::format("{:016x}", one.zone_fingerprint));
                break;
            case WindowKind::hop:
                word("hop");
                number(one.size);
                number(one.slide);
                number(one.origin);
                break;
            case WindowKind::session:
                word("session");
                number(one.size);
                break;
        }
    }

    void field(const Field& one) {
        switch (one.origin) {
            case FieldOrigin::value:
                word("value");
                break;
            case FieldOrigin::key:
                word("key");
                break;
            case FieldOrigin::timestamp:
                word("timestamp");
                break;
            case FieldOrigin::partition:
                word("partition");
                break;
            case FieldOrigin::offset:
                word("offset");
                break;
            case FieldOrigin::header:
                word("header");
                text(one.header);
                break;
        }
        for (const PathStep& step : one.path) {
            if (step.index) {
                word("[" + std::to_string(*step.index) + "]");
            } else {
                text(step.name);
            }
        }
    }

    void literal(const Expression& one) {
        if (one.type == ValueType::boolean) {
            word(one.literal.boolean ? "true" : "false");
        } else if (one.type == ValueType::timestamp) {
            word(std::to_string(one.literal.milliseconds));
        } else {
            text(one.literal.text);
            if (one.literal.milliseconds != 0) {
                word(std::to_string(one.literal.milliseconds));
            }
        }
    }

    void aggregate(const Aggregate& one) {
        word(canonical_name(one.function));
        word(std::to_string(one.scale));
        if (one.function == AggregateFunction::percentile_disc) {
            text(one.percentile);
        }
        if (one.input) {
            expression(*one.input);
        }
        if (one.filter) {
            word("filter");
            expression(*one.filter);
        }
    }

    const Statement& statement_;
    std::string out_ = "kstream-job 2";
};

}  // namespace

std::string canonical_text(const Statement& statement) {
    Writer writer{statement};
    writer.line("source");
    writer.text(statement.source_topic);
    writer.line("scale");
    writer.word(std::to_string(statement.scale));
    if (std::ranges::any_of(statement.aggregates, [](const Aggregate& one) {
            return one.function == AggregateFunction::count_distinct ||
                   one.function == AggregateFunction::percentile_disc;
        })) {
        writer.line("max_distinct");
        writer.word(std::to_string(statement.max_distinct));
    }
    if (statement.event_time) {
        writer.event_time(*statement.event_time);
    }
    if (statement.where) {
        writer.line("where");
        writer.expression(*statement.where);
    }
    for (const GroupColumn& group : statement.group_by) {
        writer.line("group");
        writer.expression(group.value);
    }
    for (const Column& column : statement.columns) {
        writer.line("column");
        writer.text(column.name);
        writer.expression(column.value);
    }
    if (statement.having) {
        writer.line("having");
        writer.expression(*statement.having);
    }
    writer.line("");
    return std::move(writer).take();
}

}  // namespace kstream::job
