// Expressions, compiled once and evaluated for each record, or for each group after aggregation.
//
// A program is a flat row of nodes, each with a place of its own for what it comes to: evaluating
// neither allocates (but in an arena that is kept) nor calls anything virtual. Values, errors and
// the two nulls are those of docs/RECORDS.md: false AND error is false, true OR error is true;
// CASE and coalesce look no further than they must; else of two errors the leftmost in the text
// counts, then what is missing, then NULL.
#pragma once

#include "kstream/error.hpp"
#include "kstream/expr/arena.hpp"
#include "kstream/expr/text.hpp"
#include "kstream/expr/time.hpp"
#include "kstream/expr/value.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/model/field_value.hpp"
#include "kstream/model/record.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::expr {

struct Node {
    job::Op op = job::Op::null;
    job::ValueType type = job::ValueType::scalar;
    TimeUnit unit{};
    bool limited = false;     // to_numeric with precision `one` and scale `two`
    std::uint32_t first = 0;  // of its arguments, in Program::arguments_
    std::uint32_t count = 0;
    std::uint32_t index = 0;  // of a field, group, aggregate, literal, pattern or zone
    // Positions and counts of texts, digits of round, milliseconds of date_bin.
    std::int64_t one = 0;
    std::int64_t two = 0;
    job::Place place;
};

class Program {
public:
    // `fields` are those of the statement.
    explicit Program(std::span<const job::Field> fields);

    // The node that the expression is; an error names a zone that there is not, or a
    // number out of bounds. Before any
    // Evaluator is made.
    [[nodiscard]] Result<std::uint32_t> add(const job::Expression& expression,
                                            const ZoneFiles& zones);

    [[nodiscard]] std::span<const Node> nodes() const { return nodes_; }
    [[nodiscard]] std::span<const job::Field> fields() const { return fields_; }
    // Where in Leaves::values the field stands that the node is, and nothing else; none of another
    // node, and of what Kafka has of a record.
    [[nodiscard]] std::optional<std::uint32_t> place_of(std::uint32_t node) const {
        const Node& one = nodes_[node];
        return one.op == job::Op::field && fields_[one.index].origin == job::FieldOrigin::value
                   ? std::optional{places_[one.index]}
                   : std::nullopt;
    }
    // Of a node that is a number of seconds in a field, or such a number times a power of ten, as a
    // time: where that stands, and how many of its fraction's digits are of milliseconds.
    struct TimeField {
        std::uint32_t place = 0;
        int scale = 0;
    };
    [[nodiscard]] std::optional<TimeField> time_field_of(std::uint32_t node) const;

private:
    friend class Evaluator;

    [[nodiscard]] Result<void> fill(Node& node, const job::Expression& expression,
                                    const ZoneFiles& zones);
    [[nodiscard]] Value literal(const job::Expression& expression);
    [[nodiscard]] Result<std::uint32_t> zone(const job::Expression& name, const ZoneFiles& zones);

    std::vector<job::Field> fields_;
    std::vector<std::uint32_t> places_;  // of each field: in Leaves::values
    std::vector<Node> nodes_;
    std::vector<std::uint32_t> arguments_;
    std::vector<Value> literals_;
    std::deque<std::string> texts_;  // of literals
    std::vector<LikePattern> patterns_;
    std::vector<Zone> zones_;
    std::vector<std::string> zone_names_;
    Arena numbers_;  // of literals
};

// What the leaves of an expression stand for. Only those that a program has need to be there.
struct Leaves {
    // Of those of Statement::fields that are of the record's value, in their order.
    std::span<const FieldValue> values{};
    const RecordView* record = nullptr;  // for Kafka's own
    std::span<const HeaderView> headers{};
    std::span<const Value> groups{};  // after aggregation
    std::span<const Value> aggregates{};
    std::span<const Value> window{};  // start and end
};

// Not thread-safe; one per loop. The program stays where it is.
class Evaluator {
public:
    explicit Evaluator(const Program& program);

    // Of another record, or another group: what was made of the one before is gone. The leaves stay
    // where they are until the next time.
    void begin(const Leaves& leaves) {
        leaves_ = &leaves;
        ++number_;
        arena_.reset();
    }
    void begin(Leaves&&) = delete;
    // Valid until begin(), or until the node is evaluated again.
    [[nodiscard]] const Value& value(std::uint32_t node) {
        const Node& known = nodes_[node];
        if (known.op == job::Op::field && loaded_[known.index].in == number_) {
            return loaded_[known.index].value;
        }
        return known.op == job::Op::literal ? literals_[known.index] : evaluate(known, node);
    }
    // Whether the node's value IS NULL: true, false or an error, and no number is read for it.
    [[nodiscard]] Value null_test(std::uint32_t at);
    // For what is made of values until begin().
    [[nodiscard]] Arena& arena() { return arena_; }

private:
    struct Loaded {
        std::uint64_t in = 0;  // number of the record that it is of
        Value value;
    };

    [[nodiscard]] const Value& evaluate(const Node& node, std::uint32_t at);
    [[nodiscard]] std::uint32_t argument(const Node& node, std::uint32_t number) const {
        return arguments_[node.first + number];
    }
    [[nodiscard]] const Value& field(std::uint32_t index, std::uint32_t at);
    void load(const job::Field& field, std::uint32_t index, std::uint32_t at, Value& into);
    [[nodiscard]] Value load_kafka(const job::Field& field, std::uint32_t at) const;
    [[nodiscard]] const Value& compute(const Node& node, std::uint32_t at);
    [[nodiscard]] const Value& junction(const Node& node, std::uint32_t at, bool decides);
    [[nodiscard]] const Value& in_list(const Node& node, std::uint32_t at);
    [[nodiscard]] const Value& case_when(const Node& node, std::uint32_t at);
    [[nodiscard]] const Value& coalesce(const Node& node, std::uint32_t at);
    [[nodiscard]] const Value& nullif(const Node& node, std::uint32_t at);
    [[nodiscard]] const Value& extreme(const Node& node, std::uint32_t at);
    [[nodiscard]] const Value& comparison(const Node& node, std::uint32_t at);
    [[nodiscard]] Value timestamp_of(const Number& seconds, std::uint32_t at);
    [[nodiscard]] Value unary(const Node& node, std::uint32_t at, const Value& a);
    [[nodiscard]] Value binary(const Node& node, std::uint32_t at, const Value& a, const Value& b);
    [[nodiscard]] Value to_numeric(const Node& node, std::uint32_t at, const Value& a);

    const Value& keep(std::uint32_t at, const Value& value) { return results_[at] = value; }
    const Value& keep_truth(std::uint32_t at, bool truth) {
        results_[at].set_truth(truth);
        return results_[at];
    }

    const Program& program_;
    // Of the program, which has checked its own numbers.
    const Node* nodes_;
    const std::uint32_t* arguments_;
    const Value* literals_;
    const Leaves* leaves_ = nullptr;
    std::uint64_t number_ = 0;
    std::unique_ptr<Loaded[]> loaded_;  // one for each field
    std::unique_ptr<Value[]> results_;  // one for each node
    Arena arena_;
};

// Both of one type.
[[nodiscard]] std::strong_ordering compare(const Value& a, const Value& b);

}  // namespace kstream::expr
