// Expressions as a filter, for tests/oracle/expressions.py: a case is a line of standard input, a
// record and an expression with a tab between them; what it comes to goes out as a line.
//
//   expression_cases [--audit] FIELD=TYPE... < cases
//
// FIELD is a path, a.b or a.0. An expression is (op type attribute... argument...), with the names
// of job::Op and job::ValueType; attributes are #INDEX, =HEX (a literal's text), !MILLISECONDS,
// ?true or ?false, and ~PRECISION,SCALE. Lines that go out: missing, null, error REASON, n DIGITS,
// t HEX, b true, ts MILLISECONDS, local MILLISECONDS; `bad REASON` where the record is no good one.
// With --audit it is the audit's interpreter that is asked.
#include "audit/interpreter.hpp"
#include "kstream/expr/program.hpp"
#include "reader/json/json_fields.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace kstream;
using job::Op;
using job::ValueType;

[[noreturn]] void refuse(std::string_view what) {
    std::cerr << "expression_cases: " << what << '\n';
    std::exit(2);
}

constexpr auto kOps = std::to_array<std::pair<std::string_view, Op>>({
    {"field", Op::field},
    {"literal", Op::literal},
    {"null", Op::null},
    {"logical_and", Op::logical_and},
    {"logical_or", Op::logical_or},
    {"logical_not", Op::logical_not},
    {"is_true", Op::is_true},
    {"is_false", Op::is_false},
    {"equal", Op::equal},
    {"not_equal", Op::not_equal},
    {"less", Op::less},
    {"less_equal", Op::less_equal},
    {"greater", Op::greater},
    {"greater_equal", Op::greater_equal},
    {"distinct_from", Op::distinct_from},
    {"is_null", Op::is_null},
    {"in_list", Op::in_list},
    {"like", Op::like},
    {"case_when", Op::case_when},
    {"coalesce", Op::coalesce},
    {"nullif", Op::nullif},
    {"greatest", Op::greatest},
    {"least", Op::least},
    {"add", Op::add},
    {"subtract", Op::subtract},
    {"multiply", Op::multiply},
    {"divide", Op::divide},
    {"modulo", Op::modulo},
    {"negate", Op::negate},
    {"absolute", Op::absolute},
    {"round", Op::round},
    {"truncate", Op::truncate},
    {"floor", Op::floor},
    {"ceil", Op::ceil},
    {"concat", Op::concat},
    {"length", Op::length},
    {"substring", Op::substring},
    {"left", Op::left},
    {"right", Op::right},
    {"split_part", Op::split_part},
    {"lower", Op::lower},
    {"upper", Op::upper},
    {"to_numeric", Op::to_numeric},
    {"to_text", Op::to_text},
    {"parse_timestamp", Op::parse_timestamp},
    {"to_timestamp", Op::to_timestamp},
    {"at_zone", Op::at_zone},
    {"date_trunc", Op::date_trunc},
    {"date_bin", Op::date_bin},
    {"extract", Op::extract},
});

constexpr auto kTypes = std::to_array<std::pair<std::string_view, ValueType>>({
    {"numeric", ValueType::numeric},
    {"text", ValueType::text},
    {"boolean", ValueType::boolean},
    {"timestamp", ValueType::timestamp},
    {"local", ValueType::local},
    {"scalar", ValueType::scalar},
});

template <typename Table>
auto named(const Table& table, std::string_view name) {
    for (const auto& [known, value] : table) {
        if (known == name) {
            return value;
        }
    }
    refuse("no such name: " + std::string{name});
}

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16));
    }
    return bytes;
}

std::string to_hex(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        out += kDigits[static_cast<unsigned char>(c) >> 4];
        out += kDigits[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    job::Expression read() {
        job::Expression made;
        expect('(');
        made.op = named(kOps, word());
        made.type = named(kTypes, word());
        for (;;) {
            skip_blanks();
            if (rest_.empty()) {
                refuse("an expression without end");
            }
            if (rest_.front() == ')') {
                rest_.remove_prefix(1);
                return made;
            }
            if (rest_.front() == '(') {
                made.arguments.push_back(read());
                continue;
            }
            attribute(word(), made);
        }
    }

private:
    void skip_blanks() {
        while (rest_.starts_with(' ')) {
            rest_.remove_prefix(1);
        }
    }
    void expect(char c) {
        skip_blanks();
        if (!rest_.starts_with(c)) {
            refuse("not an expression: " + std::string{rest_});
        }
        rest_.remove_prefix(1);
    }
    std::string_view word() {
        skip_blanks();
        const std::size_t size = rest_.find_first_of(" ()");
        const std::string_view found = rest_.substr(0, size);
        rest_.remove_prefix(found.size());
        return found;
    }
    static void attribute(std::string_view word, job::Expression& out) {
        const std::string value{word.substr(1)};
        switch (word.front()) {
            case '#':
                out.index = static_cast<std::uint32_t>(std::stoul(value));
                break;
            case '=':
                out.literal.text = from_hex(value);
                break;
            case '!':
                out.literal.milliseconds = std::stoll(value);
                break;
            case '?':
                out.literal.boolean = value == "true";
                break;
            case '~':
                out.precision = std::stoi(value);
                out.scale = std::stoi(value.substr(value.find(',') + 1));
                break;
            default:
                refuse("no such attribute: " + std::string{word});
        }
    }

    std::string_view rest_;
};

job::Field field_of(std::string_view argument) {
    job::Field field;
    const std::size_t equals = argument.find('=');
    field.type = named(kTypes, argument.substr(equals + 1));
    std::string_view path = argument.substr(0, equals);
    field.spelling = path;
    while (!path.empty()) {
        const std::size_t end = path.find('.');
        const std::string step{path.substr(0, end)};
        const bool digits = step.find_first_not_of("-0123456789") == std::string::npos;
        field.path.push_back(digits ? job::PathStep{.name = {}, .index = std::stoi(step)}
                                    : job::PathStep{.name = step, .index = {}});
        path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    }
    return field;
}

std::optional<std::string> zone_file(std::string_view name) {
    std::ifstream file("/usr/share/zoneinfo/" + std::string{name}, std::ios::binary);
    if (!file) {
        return std::nullopt;
    }
    return std::string{std::istreambuf_iterator<char>{file}, {}};
}

std::string show(const expr::Value& value, expr::Arena& arena) {
    switch (value.tag) {
        case expr::Tag::missing:
            return "missing";
        case expr::Tag::null:
            return "null";
        case expr::Tag::error:
            return "error " + std::string{bad_reason_name(value.reason)};
        case expr::Tag::numeric:
            return "n " + std::string{expr::to_text(value.number, arena)};
        case expr::Tag::text:
            return "t " + to_hex(value.text);
        case expr::Tag::boolean:
            return value.truth ? "b true" : "b false";
        case expr::Tag::timestamp:
            return "ts " + std::to_string(value.milliseconds);
        case expr::Tag::local:
            return "local " + std::to_string(value.milliseconds);
    }
    return "?";
}

std::string show(const audit::Value& value) {
    switch (value.kind) {
        case audit::Value::Kind::missing:
            return "missing";
        case audit::Value::Kind::null:
            return "null";
        case audit::Value::Kind::error:
            return "error " + std::string{bad_reason_name(value.reason)};
        case audit::Value::Kind::number:
            return "n " + value.number.top.text();
        case audit::Value::Kind::text:
            return "t " + to_hex(value.text);
        case audit::Value::Kind::boolean:
            return value.truth ? "b true" : "b false";
        case audit::Value::Kind::timestamp:
            return "ts " + std::to_string(value.ms);
        case audit::Value::Kind::local:
            return "local " + std::to_string(value.ms);
    }
    return "?";
}

std::string by_audit(const std::vector<job::Field>& fields, job::Expression expression,
                     std::span<const FieldValue> values) {
    job::Statement statement;
    statement.fields = fields;
    statement.where = std::move(expression);
    const auto interpreter = audit::Interpreter::make(statement, zone_file);
    if (!interpreter) {
        refuse(interpreter.error().message);
    }
    return show(interpreter->evaluate(*statement.where, {.fields = values}));
}

std::string by_loops(const std::vector<job::Field>& fields, const job::Expression& expression,
                     std::span<const FieldValue> values) {
    expr::Program program{fields};
    const auto root = program.add(expression, zone_file);
    if (!root) {
        refuse(root.error().message);
    }
    // Twice: nothing may be left over of the first time.
    expr::Evaluator evaluator{program};
    const expr::Leaves leaves{.values = values};
    evaluator.begin(leaves);
    const std::string first = show(evaluator.value(*root), evaluator.arena());
    evaluator.begin(leaves);
    if (show(evaluator.value(*root), evaluator.arena()) != first) {
        refuse("another value the second time: " + first);
    }
    return first;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<job::Field> fields;
    const bool audit = argc > 1 && std::string_view{argv[1]} == "--audit";
    for (int i = audit ? 2 : 1; i < argc; ++i) {
        fields.push_back(field_of(argv[i]));
    }
    JsonFields records{fields};
    std::string line;
    while (std::getline(std::cin, line)) {
        const std::size_t tab = line.find('\t');
        if (tab == std::string::npos) {
            refuse("a line without a tab");
        }
        job::Expression expression = Reader{std::string_view{line}.substr(tab + 1)}.read();
        const std::string_view record = std::string_view{line}.substr(0, tab);
        if (const auto problem = records.read(record)) {
            std::cout << "bad " << bad_reason_name(*problem) << '\n';
            continue;
        }
        std::cout << (audit ? by_audit(fields, std::move(expression), records.values())
                            : by_loops(fields, expression, records.values()))
                  << '\n';
    }
    return 0;
}
