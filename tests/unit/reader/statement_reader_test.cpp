// A record judged by a statement: the order of judgement, the two nulls, what enters keys and
// accumulators.
#include "kstream/reader/record_reader.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using job::AggregateFunction;
using job::Expression;
using job::Op;
using job::ValueType;

std::optional<std::string> no_zones(std::string_view) {
    return std::nullopt;
}

Expression leaf(Op op, ValueType type) {
    Expression made;
    made.op = op;
    made.type = type;
    return made;
}
Expression number(std::string_view digits) {
    Expression made = leaf(Op::literal, ValueType::numeric);
    made.literal.text = digits;
    return made;
}
Expression text(std::string_view value) {
    Expression made = leaf(Op::literal, ValueType::text);
    made.literal.text = value;
    return made;
}
Expression call(Op op, ValueType type, std::initializer_list<Expression> arguments) {
    Expression made = leaf(op, type);
    made.arguments = arguments;
    return made;
}

// Fields are made as they are named.
struct Builder {
    job::Statement statement;

    Expression field(std::string_view name, ValueType type) {
        std::size_t at = 0;
        while (at < statement.fields.size() && statement.fields[at].spelling != name) {
            ++at;
        }
        if (at == statement.fields.size()) {
            job::Field& made = statement.fields.emplace_back();
            made.path = {{.name = std::string{name}, .index = {}}};
            made.type = type;
            made.spelling = name;
        }
        Expression made = leaf(Op::field, type);
        made.index = static_cast<std::uint32_t>(at);
        made.place = {.at = static_cast<std::uint32_t>(100 + at), .size = 1};
        return made;
    }
    void group(Expression value) {
        statement.group_by.push_back({.value = std::move(value), .name = "g"});
    }
    job::Aggregate& aggregate(AggregateFunction function, std::optional<Expression> input = {}) {
        job::Aggregate& made = statement.aggregates.emplace_back();
        made.function = function;
        made.input = std::move(input);
        return made;
    }
    std::unique_ptr<RecordReader> reader() const {
        auto made = make_record_reader(statement, no_zones);
        REQUIRE(made.has_value());
        return *std::move(made);
    }
};

std::string show(const StatementInput& input) {
    switch (input.kind) {
        case StatementInput::Kind::skip:
            return "skip";
        case StatementInput::Kind::present:
            return "present";
        case StatementInput::Kind::text:
            return "text " + std::string{input.text};
        case StatementInput::Kind::number:
        case StatementInput::Kind::boolean:
        case StatementInput::Kind::timestamp:
            return std::to_string(static_cast<std::int64_t>(input.units));
    }
    return "?";
}

std::string judged(RecordReader& reader, std::string_view record) {
    const RecordVerdict verdict = reader.read(record);
    if (verdict.filtered) {
        return "filtered";
    }
    if (!verdict.ok) {
        const std::string field{reader.field_name(verdict)};
        return std::string{bad_reason_name(verdict.reason)} + (field.empty() ? "" : " " + field);
    }
    std::string all;
    for (const GroupValue& value : reader.group().values) {
        all += std::string{static_cast<char>(value.type)} + ":" + std::string{value.text} + " ";
    }
    for (const StatementInput& input : reader.statement_inputs()) {
        all += "| " + show(input) + " ";
    }
    return all;
}

}  // namespace

TEST_CASE("WHERE comes first, then keys, then aggregates in order", "[reader][statement]") {
    Builder b;
    b.statement.where =
        call(Op::greater, ValueType::boolean, {b.field("w", ValueType::numeric), number("0")});
    b.group(b.field("k", ValueType::text));
    b.group(b.field("l", ValueType::scalar));
    b.aggregate(AggregateFunction::sum, b.field("v", ValueType::numeric));
    b.aggregate(AggregateFunction::count_all).filter =
        call(Op::equal, ValueType::boolean, {b.field("m", ValueType::text), text("pix")});
    b.statement.scale = 2;
    const auto reader = b.reader();
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":1.50,"v":2.5,"m":"pix"})") ==
          "s:a n:1.5 | 250 | present ");
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":true,"v":2.5,"m":"x"})") ==
          "s:a b:true | 250 | skip ");
    // What WHERE is not true of needs nothing else to be right.
    CHECK(judged(*reader, R"({"w":0,"k":1,"v":"x"})") == "filtered");
    CHECK(judged(*reader, R"({"k":1,"v":"x"})") == "filtered");
    CHECK(judged(*reader, R"({"w":null,"k":1,"v":"x"})") == "filtered");
    CHECK(judged(*reader, R"({"w":"1","k":1,"v":"x"})") == "number_type w");
    CHECK(judged(*reader, R"({"w":1,"w":1,"k":1,"v":"x"})") == "duplicate_field w");
    CHECK(judged(*reader, R"({"w":1,"k":1,"v":"x"})") == "text_type k");
    CHECK(judged(*reader, R"({"w":1,"l":{},"v":"x"})") == "missing_field k");
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":{},"v":"x"})") == "scalar_type l");
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":0.001,"v":"x"})") == "scale l");
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":0,"v":"x","m":1})") == "number_type v");
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":0,"m":1})") == "missing_field v");
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":0,"v":1,"m":1})") == "text_type m");
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":0,"v":1e40})") == "range v");
    CHECK(judged(*reader, R"({"w":1,"k":"a","l":0,"v":1e200})") == "range v");
    CHECK(judged(*reader, R"([1])") == "not_object");
    CHECK(judged(*reader, R"({"w":1)") == "json");
}

// Whole numbers are taken as they stand, others by way of their value: both have one text.
TEST_CASE("one number has one text in a key", "[reader][statement]") {
    for (const ValueType type : {ValueType::scalar, ValueType::numeric}) {
        Builder b;
        b.group(b.field("k", type));
        b.statement.scale = 20;
        const auto reader = b.reader();
        CHECK(judged(*reader, R"({"k":17})") == "n:17 ");
        CHECK(judged(*reader, R"({"k":17.0})") == "n:17 ");
        CHECK(judged(*reader, R"({"k":1.7e1})") == "n:17 ");
        CHECK(judged(*reader, R"({"k":0})") == "n:0 ");
        CHECK(judged(*reader, R"({"k":-0})") == "n:0 ");
        CHECK(judged(*reader, R"({"k":-17})") == "n:-17 ");
        // 10^38 units of 10^-20 and more: as far as 127 bits go.
        CHECK(judged(*reader, R"({"k":999999999999999999})") == "n:999999999999999999 ");
        CHECK(judged(*reader, R"({"k":1701411834604692317})") == "n:1701411834604692317 ");
        CHECK(judged(*reader, R"({"k":1701411834604692318})") == "range k");
        CHECK(judged(*reader, R"({"k":99999999999999999999})") == "range k");
    }
    Builder b;
    b.group(b.field("k", ValueType::numeric));
    CHECK(judged(*b.reader(), R"({"k":"17"})") == "number_type k");
}

TEST_CASE("a filter is the same for all that have it", "[reader][statement]") {
    Builder b;
    const auto over = [&b](std::string_view least) {
        return call(Op::greater, ValueType::boolean,
                    {b.field("v", ValueType::numeric), number(least)});
    };
    b.aggregate(AggregateFunction::count_all).filter = over("0");
    b.aggregate(AggregateFunction::count_all);
    b.aggregate(AggregateFunction::sum, b.field("v", ValueType::numeric)).filter = over("0");
    b.aggregate(AggregateFunction::count_all).filter = over("5");
    b.aggregate(AggregateFunction::sum, b.field("w", ValueType::numeric)).filter = over("0");
    b.aggregate(AggregateFunction::sum, b.field("w", ValueType::numeric)).filter = over("5");
    b.statement.scale = 0;
    const auto reader = b.reader();
    CHECK(judged(*reader, R"({"v":3,"w":1})") == "| present | present | 3 | skip | 1 | skip ");
    CHECK(judged(*reader, R"({"v":9,"w":2})") == "| present | present | 9 | present | 2 | 2 ");
    CHECK(judged(*reader, R"({"v":0})") == "| skip | present | skip | skip | skip | skip ");
    CHECK(judged(*reader, R"({"v":"x","w":1})") == "number_type v");
    CHECK(judged(*reader, R"({"v":3,"w":"x"})") == "number_type w");
    CHECK(judged(*reader, R"({"v":0,"w":"x"})") == "| skip | present | skip | skip | skip | skip ");
    CHECK(judged(*reader, R"({"v":null})") == "| skip | present | skip | skip | skip | skip ");
}

TEST_CASE("what is missing is bad where NULL is skipped", "[reader][statement]") {
    Builder b;
    const Expression v = b.field("v", ValueType::numeric);
    const Expression is_pix =
        call(Op::equal, ValueType::boolean, {b.field("m", ValueType::text), text("pix")});
    b.aggregate(AggregateFunction::sum, call(Op::case_when, ValueType::numeric, {is_pix, v}));
    b.aggregate(AggregateFunction::count, v);
    b.aggregate(AggregateFunction::max, call(Op::coalesce, ValueType::numeric, {v, number("-1")}));
    b.statement.scale = 0;
    const auto reader = b.reader();
    CHECK(judged(*reader, R"({"m":"pix","v":3})") == "| 3 | present | 3 ");
    CHECK(judged(*reader, R"({"m":"x","v":3})") == "| skip | present | 3 ");
    CHECK(judged(*reader, R"({"m":"x"})") == "| skip | skip | -1 ");
    CHECK(judged(*reader, R"({})") == "| skip | skip | -1 ");
    CHECK(judged(*reader, R"({"m":"pix"})") == "missing_field v");
    CHECK(judged(*reader, R"({"m":"pix","v":null})") == "missing_field v");
}

TEST_CASE("a key that is NULL is bad, and one may be computed", "[reader][statement]") {
    Builder b;
    const Expression k = b.field("k", ValueType::text);
    b.group(call(Op::nullif, ValueType::text, {k, text("")}));
    b.group(call(Op::parse_timestamp, ValueType::timestamp, {b.field("t", ValueType::text)}));
    b.aggregate(AggregateFunction::min, call(Op::upper, ValueType::text, {k}));
    const auto reader = b.reader();
    CHECK(judged(*reader, R"({"k":"a","t":"2024-05-14T09:00:00-03:00"})") ==
          "s:a s:2024-05-14T12:00:00Z | text A ");
    CHECK(judged(*reader, R"({"k":"b","t":"2024-05-14T09:00:00.1239Z"})") ==
          "s:b s:2024-05-14T09:00:00.123Z | text B ");
    CHECK(judged(*reader, R"({"k":"","t":"2024-05-14T09:00:00Z"})") == "group_null");
    CHECK(judged(*reader, R"({"k":"a","t":"yesterday"})") == "time_format");
    CHECK(judged(*reader, R"({"k":"a\u0000","t":"2024-05-14T09:00:00Z"})") == "text_nul k");
    const std::string longest(1024, 'x');
    CHECK(judged(*reader, R"({"k":")" + longest + R"(","t":"2024-05-14T09:00:00Z"})")
              .starts_with("s:xxx"));
    CHECK(judged(*reader, R"({"k":")" + longest + R"(x","t":"2024-05-14T09:00:00Z"})") ==
          "group_size");
}

TEST_CASE("Kafka's own fields stand beside those of the value", "[reader][statement]") {
    Builder b;
    const auto kafka = [&](job::FieldOrigin origin, ValueType type, std::string_view header = {}) {
        job::Field& made = b.statement.fields.emplace_back();
        made.origin = origin;
        made.type = type;
        made.header = header;
        made.spelling = "kafka";
        Expression of = leaf(Op::field, type);
        of.index = static_cast<std::uint32_t>(b.statement.fields.size() - 1);
        return of;
    };
    b.group(kafka(job::FieldOrigin::key, ValueType::text));
    b.group(b.field("k", ValueType::text));
    b.group(kafka(job::FieldOrigin::header, ValueType::text, "h"));
    b.aggregate(AggregateFunction::max, kafka(job::FieldOrigin::offset, ValueType::numeric));
    b.aggregate(AggregateFunction::min, kafka(job::FieldOrigin::partition, ValueType::numeric));
    b.aggregate(AggregateFunction::max, kafka(job::FieldOrigin::timestamp, ValueType::timestamp));
    b.statement.scale = 0;
    const auto reader = b.reader();
    REQUIRE(reader->wants_headers());
    const std::string_view value = R"({"k":"v"})";
    RecordView record;
    record.partition = PartitionId{3};
    record.record_offset = Offset{17};
    record.timestamp_ms = 5;
    record.key_data = "key";
    record.key_size = 3;
    record.value_data = value.data();
    record.value_size = static_cast<std::uint32_t>(value.size());
    const std::vector<HeaderView> headers{{"h", "first"}, {"h", "last"}, {"i", std::nullopt}};
    reader->set_headers(headers);
    REQUIRE(reader->read(record).ok);
    CHECK(reader->group().values[0].text == "key");
    CHECK(reader->group().values[1].text == "v");
    CHECK(reader->group().values[2].text == "last");
    CHECK(show(reader->statement_inputs()[0]) == "17");
    CHECK(show(reader->statement_inputs()[1]) == "3");
    CHECK(show(reader->statement_inputs()[2]) == "5");
    record.key_data = "\xff";
    record.key_size = 1;
    CHECK(reader->read(record).reason == BadReason::encoding);
    record.key_data = nullptr;
    CHECK(reader->read(record).reason == BadReason::missing_field);
}

TEST_CASE("an error tells its place in the statement", "[reader][statement]") {
    Builder b;
    Expression cast = call(Op::to_numeric, ValueType::numeric, {b.field("v", ValueType::text)});
    cast.place = {.at = 7, .size = 10};
    b.aggregate(AggregateFunction::sum, cast);
    const auto reader = b.reader();
    const RecordVerdict verdict = reader->read(R"({"v":"1,5"})");
    CHECK(verdict.reason == BadReason::text_to_number);
    CHECK(reader->place(verdict) == job::Place{.at = 7, .size = 10});
    CHECK(reader->field_name(verdict).empty());
    CHECK(reader->place(reader->read(R"({})")) == job::Place{.at = 100, .size = 1});
    CHECK_FALSE(reader->place(reader->read("{")));
}

TEST_CASE("a zone that there is not is an error of the job", "[reader][statement]") {
    Builder b;
    b.group(call(Op::date_trunc, ValueType::timestamp,
                 {text("day"),
                  call(Op::parse_timestamp, ValueType::timestamp, {b.field("t", ValueType::text)}),
                  text("America/Sao_Paolo")}));
    const auto made = make_record_reader(b.statement, no_zones);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().message.contains("America/Sao_Paolo"));
}

TEST_CASE("the fields that WHERE needs are searched in the first records", "[reader][statement]") {
    Builder b;
    b.statement.where = call(
        Op::logical_and, ValueType::boolean,
        {call(Op::greater, ValueType::boolean, {b.field("w", ValueType::numeric), number("0")}),
         call(Op::equal, ValueType::boolean, {b.field("x", ValueType::text), text("a")}),
         call(Op::is_null, ValueType::boolean, {b.field("gone", ValueType::scalar)})});
    b.group(b.field("k", ValueType::text));
    const auto reader = b.reader();
    CHECK(judged(*reader, "no json") != "filtered");
    CHECK(judged(*reader, R"({"y":1})") == "filtered");
    WhereSearch search = reader->take_where_search();
    CHECK(search.records == 1);
    CHECK(search.found.empty());
    CHECK(judged(*reader, R"({"w":0})") == "filtered");
    CHECK(judged(*reader, R"({"w":0,"x":null})") == "filtered");
    CHECK(judged(*reader, R"({})") == "filtered");  // all are found: nothing is searched
    search = reader->take_where_search();
    CHECK(search.records == 2);
    CHECK(search.found == std::vector<std::uint32_t>{0, 1});

    const auto other = b.reader();
    for (std::uint64_t i = 0; i < RecordReader::kSearched; ++i) {
        CHECK(judged(*other, R"({"w":0})") == "filtered");
    }
    CHECK(other->take_where_search().records == RecordReader::kSearched);
    CHECK(judged(*other, R"({"x":""})") == "filtered");
    search = other->take_where_search();
    CHECK(search.records == 0);
    CHECK(search.found.empty());
}

}  // namespace kstream
