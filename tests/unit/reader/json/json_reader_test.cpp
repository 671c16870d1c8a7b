// The reader against docs/RECORDS.md: its rules one by one, hostile values in every place where a
// value can stand, and every text that is close to a good record, against a slow reference.
#include "reader/json/json_reader.hpp"

#include "kstream/core/aggregates.hpp"
#include "support/json_cases.hpp"
#include "support/json_reference.hpp"
#include "support/reader_result.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace kstream {
namespace {

using namespace std::string_view_literals;
using testing::ReferenceResult;

AggregationSpec default_spec() {
    return {.source_topic = "financial_transactions",
            .group_by = {"id_vendedor"},
            .aggregates = {{aggregate_named("sum"), "valor", "valor_total_por_vendedor"},
                           {aggregate_named("count"), "", "numero_transacoes"}},
            .scale = 9};
}

constexpr std::string_view kRecord =
    R"({"id_transacao": "3f2b8c1e-5a77-4d0b-9c55-0e5f1f6a9b3d", "id_usuario": "user_517", )"
    R"("valor": 74210.35, "hora_transacao": 1747238400, "id_vendedor": "vendedor_2", )"
    R"("tipo_transacao": "compra", "localizacao": "localizacao_31", "metodo_pagamento": "pix", )"
    R"("compra_internacional": false, "moeda": "BRL"})";

std::string show(const ReferenceResult& result) {
    std::string text = result.reason.empty() ? "ok" : result.reason + ":" + result.field;
    for (const std::string& group : result.groups) {
        text += " " + group;
    }
    for (const Int128 input : result.inputs) {
        text += " ";
        append_decimal(text, Decimal{input}, 0, 0);
    }
    return text;
}

// "ok", or the reason.
std::string verdict_on(JsonReader& reader, std::string_view value) {
    const RecordVerdict verdict = reader.read(value);
    return verdict.ok ? "ok" : std::string{bad_reason_name(verdict.reason)};
}

std::string verdict_on(std::string_view value) {
    JsonReader reader{default_spec()};
    return verdict_on(reader, value);
}

// Decoder and reference on one text; collects what they differ about, so that a test asserts once.
class Comparison {
public:
    explicit Comparison(const AggregationSpec& spec) : spec_(spec), reader_(spec) {}

    void check(const std::string& value) {
        ++checked;
        const ReferenceResult got = testing::result_of(reader_, value);
        const ReferenceResult expected = testing::reference_decode(spec_, value);
        good += got.reason.empty() ? 1U : 0U;
        if (got != expected && differences.size() < 5) {
            differences.push_back(value + "\n  reader: " + show(got) +
                                  "\n  reference: " + show(expected));
        }
    }

    std::size_t checked = 0;
    std::size_t good = 0;
    std::vector<std::string> differences;

private:
    AggregationSpec spec_;
    JsonReader reader_;
};

const std::vector<std::string> kNone;

std::string record_with(std::string_view unwanted) {
    return R"({"id_vendedor":"a","x":)" + std::string{unwanted} + R"(,"valor":1})";
}

}  // namespace

TEST_CASE("a good record gives its group and its input", "[reader]") {
    JsonReader reader{default_spec()};
    REQUIRE(reader.read(kRecord).ok);
    REQUIRE(reader.group().values.size() == 1);
    CHECK(reader.group().values[0].type == GroupValueType::string);
    CHECK(reader.group().values[0].text == "vendedor_2");
    REQUIRE(reader.inputs().size() == 2);
    CHECK(reader.inputs()[0] == Decimal{Int128{74210350000000}});
    CHECK(reader.inputs()[1] == Decimal{});
}

TEST_CASE("clean strings are views into the record", "[reader]") {
    JsonReader reader{default_spec()};
    REQUIRE(reader.read(kRecord).ok);
    const char* const at = reader.group().values[0].text.data();
    CHECK(at >= kRecord.data());
    CHECK(at < kRecord.data() + kRecord.size());
}

TEST_CASE("hostile values are judged alike in every place", "[reader][hostile]") {
    const auto places = [](std::string_view v) {
        const std::string value{v};
        return std::vector<std::string>{
            record_with(value),
            record_with("[" + value + "]"),
            record_with("[1, " + value + " ]"),
            record_with(R"({"y":)" + value + "}"),
            record_with(R"([{"y":[)" + value + "]}]"),
            R"({"x":)" + value + R"(,"id_vendedor":"a","valor":1})",
            R"({"id_vendedor":"a","valor":1,"x":)" + value + "}",
        };
    };
    JsonReader reader{default_spec()};
    Comparison comparison{default_spec()};
    for (const std::string_view value : testing::kValidValues) {
        for (const std::string& record : places(value)) {
            INFO(record);
            CHECK(verdict_on(reader, record) == "ok");
            comparison.check(record);
        }
    }
    for (const std::string_view value : testing::kInvalidValues) {
        // Within brackets some of them are another, valid text: nothing is an empty array there.
        INFO(value);
        CHECK(verdict_on(reader, record_with(value)) == "json");
        for (const std::string& record : places(value)) {
            comparison.check(record);
        }
    }
    for (const std::string_view value : testing::kLoneSurrogates) {
        for (const std::string& record : places(value)) {
            INFO(record);
            CHECK(verdict_on(reader, record) == "encoding");
            comparison.check(record);
        }
    }
    CHECK(comparison.differences == kNone);
}

TEST_CASE("hostile values as the whole text", "[reader][hostile]") {
    Comparison comparison{default_spec()};
    for (const std::string_view value : testing::kValidValues) {
        INFO(value);
        CHECK(verdict_on(value) == (value.front() == '{' ? "missing_field" : "not_object"));
        comparison.check(std::string{value});
        comparison.check(" \t\r\n" + std::string{value} + " \t\r\n");
    }
    for (const std::string_view value : testing::kInvalidValues) {
        INFO(value);
        CHECK(verdict_on(value) == "json");
        comparison.check(std::string{value});
    }
    for (const std::string_view value : testing::kLoneSurrogates) {
        CHECK(verdict_on(value) == "encoding");
    }
    CHECK(comparison.differences == kNone);
}

TEST_CASE("hostile values in wanted fields", "[reader][hostile]") {
    Comparison comparison{default_spec()};
    const auto check_all = [&](const auto& values) {
        for (const std::string_view v : values) {
            const std::string value{v};
            comparison.check(R"({"id_vendedor":)" + value + R"(,"valor":1})");
            comparison.check(R"({"id_vendedor":"a","valor":)" + value + "}");
            std::string both = R"({"id_vendedor" : )" + value;
            both += R"( , "valor" : )" + value + " } ";
            comparison.check(both);
            comparison.check(R"({"x":1,)" + value + R"(:1,"id_vendedor":"a","valor":1})");
        }
    };
    check_all(testing::kValidValues);
    check_all(testing::kInvalidValues);
    check_all(testing::kLoneSurrogates);
    check_all(testing::kNotUtf8);
    CHECK(comparison.differences == kNone);
}

TEST_CASE("bytes that are not UTF-8 are refused wherever they stand", "[reader][hostile]") {
    for (const std::string_view bytes : testing::kNotUtf8) {
        const std::string bad{bytes};
        CHECK(verdict_on(record_with("\"" + bad + "\"")) == "encoding");
        CHECK(verdict_on(R"({")" + bad + R"(":1,"id_vendedor":"a","valor":1})") == "encoding");
        CHECK(verdict_on(R"({"id_vendedor":")" + bad + R"(","valor":1})") == "encoding");
        CHECK(verdict_on(record_with("1") + bad) == "encoding");
        CHECK(verdict_on(bad + record_with("1")) == "encoding");
        CHECK(verdict_on(bad) == "encoding");
        // The 64-byte blocks of the index: a sequence across their edge.
        for (std::size_t fill = 30; fill < 40; ++fill) {
            CHECK(verdict_on(record_with("\"" + std::string(fill, 'x') + bad + "\"")) ==
                  "encoding");
        }
    }
}

TEST_CASE("a text has nothing around its value but whitespace", "[reader]") {
    const std::string record{kRecord};
    CHECK(verdict_on(" \t\r\n" + record + "\n\n\t ") == "ok");
    CHECK(verdict_on("") == "json");
    CHECK(verdict_on("   ") == "json");
    CHECK(verdict_on("\xef\xbb\xbf" + record) == "json");
    CHECK(verdict_on(record + '\0') == "json");
    CHECK(verdict_on('\0' + record) == "json");
    CHECK(verdict_on(record + record) == "json");
    CHECK(verdict_on(record + "," + record) == "json");
    CHECK(verdict_on(record + "}") == "json");
    CHECK(verdict_on(record + "x") == "json");
    CHECK(verdict_on(record + "\x0c") == "json");
}

TEST_CASE("depth counts brackets up to 64", "[reader]") {
    const auto nested = [](std::size_t depth) {
        return record_with(std::string(depth, '[') + std::string(depth, ']'));
    };
    CHECK(verdict_on(nested(63)) == "ok");
    CHECK(verdict_on(nested(64)) == "depth");
    CHECK(verdict_on(nested(100'000)) == "depth");
    std::string objects = "1";
    for (int i = 0; i < 63; ++i) {
        objects.insert(0, R"({"a":)");
        objects += "}";
    }
    CHECK(verdict_on(record_with(objects)) == "ok");
    CHECK(verdict_on(record_with("[" + objects + "]")) == "depth");
    CHECK(verdict_on(std::string(64, '[') + std::string(64, ']')) == "not_object");
    CHECK(verdict_on(std::string(65, '[') + std::string(65, ']')) == "depth");
    // Depth comes before grammar, and brackets in strings are text.
    CHECK(verdict_on(std::string(100'000, '[')) == "depth");
    CHECK(verdict_on(std::string(64, '[')) == "json");
    CHECK(verdict_on(std::string(100'000, ']') + std::string(100'000, '[')) == "json");
    CHECK(verdict_on(record_with("\"" + std::string(100, '[') + "\"")) == "ok");
    CHECK(verdict_on(record_with("\"\\\"" + std::string(100, '[') + "\"")) == "ok");
    CHECK(verdict_on(record_with("\"" + std::string(100, '['))) == "json");
    CHECK(verdict_on(record_with("\"\\\"" + std::string(100, '[') + "\"") + "x") == "json");
    // Many containers, none deep.
    std::string wide = "[[]";
    for (int i = 0; i < 1000; ++i) {
        wide += R"(,[{}],{"a":[]})";
    }
    CHECK(verdict_on(record_with(wide + "]")) == "ok");
}

TEST_CASE("reasons come in the order of docs/RECORDS.md", "[reader]") {
    // Each text has the flaws of its own line and of all lines below that can go with it.
    const std::string deep = std::string(70, '[') + std::string(70, ']');
    CHECK(verdict_on("[\xff" + deep + R"("\ud800" 01)") == "encoding");
    CHECK(verdict_on("[" + deep + R"("\ud800" 01)") == "depth");
    CHECK(verdict_on(R"(["\ud800" 01)") == "json");
    CHECK(verdict_on(R"(["\ud800"])") == "encoding");
    CHECK(verdict_on(R"({"valor":1,"valor":1,"x":"\ud800"})") == "encoding");
    CHECK(verdict_on(R"([{"valor":1,"valor":1}])") == "not_object");
    CHECK(verdict_on(R"({"valor":"","valor":1e400})") == "duplicate_field");
    CHECK(verdict_on(R"({"valor":""})") == "missing_field");
    CHECK(verdict_on(R"({"valor":"","id_vendedor":null})") == "group_type");
    CHECK(verdict_on(R"({"valor":"","id_vendedor":1e400})") == "range");
    CHECK(verdict_on(R"({"valor":"","id_vendedor":1e-400})") == "scale");
    CHECK(verdict_on(R"({"valor":"","id_vendedor":")" + std::string(1025, 'x') + "\"}") ==
          "group_size");
    CHECK(verdict_on(R"({"valor":"","id_vendedor":1})") == "number_type");
    CHECK(verdict_on(R"({"valor":1e-400,"id_vendedor":1})") == "scale");
    CHECK(verdict_on(R"({"valor":1e400,"id_vendedor":1})") == "range");
}

TEST_CASE("problems of one field come before those of the next", "[reader]") {
    JsonReader reader{{.source_topic = "t",
                       .group_by = {"g", "h"},
                       .aggregates = {{aggregate_named("sum"), "a", "x"},
                                      {aggregate_named("count"), "", "n"},
                                      {aggregate_named("sum"), "b", "y"}},
                       .scale = 2}};
    CHECK(verdict_on(reader, R"({"h":[],"g":1e-3,"a":1,"b":1})") == "scale");
    CHECK(verdict_on(reader, R"({"h":1e-3,"g":[],"a":1,"b":1})") == "group_type");
    CHECK(verdict_on(reader, R"({"h":1,"g":1,"a":0.001,"b":""})") == "scale");
    CHECK(verdict_on(reader, R"({"h":1,"g":1,"a":"","b":0.001})") == "number_type");
    CHECK(verdict_on(reader, R"({"h":null,"g":1,"a":"","b":1e40})") == "group_type");
}

TEST_CASE("wanted fields stand once, under any spelling of their name", "[reader]") {
    CHECK(verdict_on(R"({"id_v\u0065ndedor":"a","valor":1})") == "ok");
    CHECK(verdict_on(R"({"id_vendedor":"a","\u0076\u0061\u006C\u006f\u0072":1})") == "ok");
    CHECK(verdict_on(R"({"id_vendedor":"a","valor":1,"v\u0061lor":2})") == "duplicate_field");
    CHECK(verdict_on(R"({"id_vendedor":"a","valor":1,"valor":1})") == "duplicate_field");
    CHECK(verdict_on(R"({"id_vendedor":"a","valor":1,"x":1,"x":2})") == "ok");
    CHECK(verdict_on(R"({"id_vendedor":"a","valor":1,"x":{"valor":1,"valor":2}})") == "ok");
    CHECK(verdict_on(R"({"id_vendedor":"a","x":{"valor":1}})") == "missing_field");
    CHECK(verdict_on(R"({"id_vendedor":"a","Valor":1})") == "missing_field");
    CHECK(verdict_on(R"({"id_vendedor":"a","valor ":1})") == "missing_field");
    CHECK(verdict_on(R"({"id_vendedor":"a","valor\u0000":1})") == "missing_field");
    CHECK(verdict_on(R"({"id_vendedor":"valor"})") == "missing_field");
    CHECK(verdict_on(R"({})") == "missing_field");
}

TEST_CASE("group strings are unescaped, and limited after that", "[reader]") {
    JsonReader reader{default_spec()};
    const auto group = [&](const std::string& raw) {
        const ReferenceResult result =
            testing::result_of(reader, R"({"valor":1,"id_vendedor":")" + raw + "\"}");
        return result.reason.empty() ? result.groups[0] : result.reason;
    };
    CHECK(group(R"(a\"\\\/\b\f\n\r\tz)") == "s:a\"\\/\b\f\n\r\tz");
    CHECK(group(R"(\u00e3\u20AC\ud83d\uDE00)") == "s:\xc3\xa3\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK(group(R"(x\u0000y)") == std::string{"s:x\0y", 5});
    CHECK(group("") == "s:");
    CHECK(group(std::string(1024, 'x')) == "s:" + std::string(1024, 'x'));
    CHECK(group(std::string(1025, 'x')) == "group_size");
    std::string escaped;
    for (int i = 0; i < 1024; ++i) {
        escaped += "\\u0078";
    }
    CHECK(group(escaped) == "s:" + std::string(1024, 'x'));
    CHECK(group(escaped + "x") == "group_size");
    CHECK(group(escaped + "\\u0078") == "group_size");
    CHECK(group(std::string(1'000'000, 'x')) == "group_size");
}

TEST_CASE("group numbers and booleans have one form, and their type is part of them", "[reader]") {
    JsonReader reader{default_spec()};
    const auto group = [&](const std::string& token) {
        const ReferenceResult result =
            testing::result_of(reader, R"({"valor":1,"id_vendedor":)" + token + "}");
        return result.reason.empty() ? result.groups[0] : result.reason;
    };
    for (const char* one : {"1", "1.0", "1e0", "10e-1", "0.1E+1", "1.000000000000000"}) {
        CHECK(group(one) == "n:1");
    }
    CHECK(group("\"1\"") == "s:1");
    CHECK(group("-0") == "n:0");
    CHECK(group("-0.50") == "n:-0.5");
    CHECK(group("1e3") == "n:1000");
    CHECK(group("0.1234567891") == "scale");
    CHECK(group("1e30") == "range");
    CHECK(group("true") == "b:true");
    CHECK(group("false ") == "b:false");
    CHECK(group("\"true\"") == "s:true");
    CHECK(group("null") == "group_type");
    CHECK(group("{}") == "group_type");
    CHECK(group("[\"a\"]") == "group_type");
}

TEST_CASE("summed fields are number tokens", "[reader]") {
    JsonReader reader{default_spec()};
    const auto units = [&](const std::string& token) {
        const ReferenceResult result =
            testing::result_of(reader, R"({"id_vendedor":"a","valor":)" + token + R"(,"z":0})");
        return result.reason.empty() ? show({"", "", {}, {result.inputs[0]}}) : result.reason;
    };
    CHECK(units("1") == "ok 1000000000");
    CHECK(units(" -1.5 ") == "ok -1500000000");
    CHECK(units("1E2") == "ok 100000000000");
    CHECK(units("0.1") == "ok 100000000");
    CHECK(units("0e999999999") == "ok 0");
    CHECK(units("1e400") == "range");
    CHECK(units("0.0000000001") == "scale");
    CHECK(units("01") == "json");
    for (const char* other : {"\"1\"", "null", "true", "false", "[1]", "{\"a\":1}", "\"\""}) {
        CHECK(units(other) == "number_type");
    }
}

TEST_CASE("a field may be grouped by and summed, and summed twice", "[reader]") {
    const AggregationSpec spec{.source_topic = "t",
                               .group_by = {"a", "b", "a"},
                               .aggregates = {{aggregate_named("sum"), "a", "x"},
                                              {aggregate_named("count"), "", "n"},
                                              {aggregate_named("sum"), "a", "y"}},
                               .scale = 1};
    JsonReader reader{spec};
    CHECK(show(testing::result_of(reader, R"({"a":1.50,"b":"q"})")) ==
          "ok n:1.5 s:q n:1.5 15 0 15");
    CHECK(verdict_on(reader, R"({"a":"1.5","b":"q"})") == "number_type");
    CHECK(verdict_on(reader, R"({"a":1.55,"b":"q"})") == "scale");
    CHECK(verdict_on(reader, R"({"a":1,"b":"q","a":1})") == "duplicate_field");
}

TEST_CASE("a job may want no number at all", "[reader]") {
    JsonReader reader{{.source_topic = "t",
                       .group_by = {"a"},
                       .aggregates = {{aggregate_named("count"), "", "n"}},
                       .scale = 0}};
    CHECK(show(testing::result_of(reader, R"({"a":"x","valor":"y"})")) == "ok s:x 0");
}

TEST_CASE("what one record taught about keys never misleads the next", "[reader]") {
    Comparison comparison{default_spec()};
    const std::string long_key(100, 'k');
    std::string many = "{";
    for (int i = 0; i < 200; ++i) {
        many += R"("f)" + std::to_string(i) + R"(":1,)";
    }
    const std::vector<std::string> records{
        std::string{kRecord},
        R"({"id_vendedor":"a","valor":1})",
        R"({"valor":1,"id_vendedor":"a"})",
        R"({"valor":1,"id_vendedor\":":2,"id_vendedor":"a"})",
        R"({"valor":1,"id_vendedor\\":2,"id_vendedor":"a"})",
        R"({"valor" :1,"id_vendedor"  : "a"})",
        R"({"valo":1,"id_vendedor":"a","valor":2})",
        R"({"valorx":1,"id_vendedor":"a","valor":2})",
        R"({"v\u0061lor":1,"id_vendedor":"a"})",
        R"({"v\u0061lox":1,"id_vendedor":"a"})",
        R"({"v\u00g1lor":1,"id_vendedor":"a"})",
        R"({"v\ud800lor":1,"id_vendedor":"a"})",
        R"({"":1,"id_vendedor":"a","valor":1})",
        R"({"valor":1,"":"a"})",
        R"({})",
        R"({"valor"})",
        R"({"valor":1,"id_vendedor":"a)",
        R"({"valor":1,"id_vendedor"x:"a"})",
        R"({")" + long_key + R"(":1,"valor":1,"id_vendedor":"a"})",
        R"({")" + long_key + R"(x":1,"valor":1,"id_vendedor":"a"})",
        R"({"0123456789012345678901234567890":1,"valor":1,"id_vendedor":"a"})",
        R"({"01234567890123456789012345678901":1,"valor":1,"id_vendedor":"a"})",
        many + R"("valor":3,"id_vendedor":"b"})",
        many + R"("valor":3,"id_vendedor":"b","valor":4})",
        many + R"("valox":3,"id_vendedor":"b"})",
    };
    for (const std::string& first : records) {
        for (const std::string& second : records) {
            comparison.check(first);
            comparison.check(second);
            comparison.check(first);
        }
    }
    CHECK(comparison.differences == kNone);
    CHECK(comparison.good > 100);
}

TEST_CASE("what one record taught about its form never misleads the next", "[reader]") {
    const std::string long_text(40, 'x');
    std::string array = "[";
    for (int i = 0; i < 300; ++i) {
        array += std::to_string(i) + ",";
    }
    array += "0]";
    std::vector<std::string> records{
        R"({"a":[1,{"b":"c"},null],"valor":1.5,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":-2,"id_vendedor":"b"} )",
        R"({"a":[1,{"b":"c"},true],"valor":0.0,"id_vendedor":""})",
        R"({"a":[1,{"b":"c"},[]],"valor":1,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"}],"valor":1,"id_vendedor":"a"})",
        R"({"a":[01,{"b":"c"},null],"valor":1,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},nul],"valor":1,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},nope],"valor":1,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},frue],"valor":1,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},nulls],"valor":1,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":"1","id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":null,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":true,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":1.0000000001,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":1e40,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":1e2,"id_vendedor":7})",
        R"({"a":[1,{"b":"c"},null],"valor":,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":1,"id_vendedor":"a"}x)",
        R"({"a":[1,{"b":"c"},null],"valor":1,"id_vendedor":"a")",
        R"({"a":[1,{"b":"c"},null],"valor":1,"id_vendedor":"a)",
        R"({"a":[1,{"b":"c"},null],"valor":1,"id_vendedor":"a\"})",
        R"({"a":[1,{"b":"c"},null],"valor":1,"id_vendedor":"a\\"})",
        R"({"a":[1,{"b":"c\"},null],"valor":1,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c\"},null],\"valor\":1,\"id_vendedor\":\"a"})",
        R"({"a":[1,{"b":"\u00e3\n\"\\"},null],"valor":1,"id_vendedor":"\u00e3\u0000"})",
        R"({"a":[1,{"b":"\ud800"},null],"valor":1,"id_vendedor":"a"})",
        R"({"a":[1,{"b":"c"},null],"valor":1,"id_vendedor":"\ud83d\ude00"})",
        "{\"a\":[1,{\"b\":\"S\xc3\xa3o\"},null],\"valor\":1,\"id_vendedor\":\"Jo\xc3\xa3o\"}",
        "{\"a\":[1,{\"b\":\"S\xc3\"},null],\"valor\":1,\"id_vendedor\":\"a\"}",
        "{\"a\":[1,{\"b\":\"c\x1f\"},null],\"valor\":1,\"id_vendedor\":\"a\"}",
        "{\"a\":[1,{\"b\":\"" + long_text + "\\t\n\"},null],\"valor\":1,\"id_vendedor\":\"a\"}",
        R"({"a":[1,{"b":")" + long_text + R"("},null],"valor":1,"id_vendedor":")" + long_text +
            R"("})",
        R"({"valor":1,"a":)" + array + R"(,"id_vendedor":"a"})",
        R"({"id_vendedor":{"x":1},"valor":1})",
        R"({"id_vendedor":"x","valor":[1]})",
        R"({"id_vendedor":"x","valor":1})",
        R"(["id_vendedor","valor"])",
    };
    // Values of every length, so that each place is met with each number of bytes after it.
    for (std::size_t size = 0; size < 34; ++size) {
        records.push_back(R"({"valor":1,"id_vendedor":")" + std::string(size, 'v') + R"("})");
    }
    // A reader of its own for each, which learns its form and keeps it.
    std::size_t good = 0;
    for (const std::string& first : records) {
        Comparison comparison{default_spec()};
        comparison.check(first);
        for (const std::string& second : records) {
            comparison.check(second);
            comparison.check(first);
        }
        CHECK(comparison.differences == kNone);
        good += static_cast<std::size_t>(comparison.good);
    }
    CHECK(good > 1000);
}

TEST_CASE("keys that differ only at their end are distinguished at any length", "[reader]") {
    for (std::size_t size = 1; size <= 70; ++size) {
        const std::string name(size, 'k');
        Comparison comparison{{.source_topic = "t",
                               .group_by = {name},
                               .aggregates = {{aggregate_named("count"), "", "n"}},
                               .scale = 0}};
        std::string last_differs = name;
        last_differs.back() = 'x';
        for (const std::string& key : {name, last_differs, name + "k", name.substr(1), name}) {
            // Close to the end of the record, and far from it.
            comparison.check("{\"" + key + "\":1}");
            comparison.check("{\"" + key + "\":1" + std::string(100, ' ') + "}");
        }
        CHECK(comparison.differences == kNone);
        CHECK(comparison.good == 4);
    }
}

TEST_CASE("a wanted name may hold anything that JSON can spell", "[reader]") {
    Comparison comparison{{.source_topic = "t",
                           .group_by = {"a\"b\\c", "\xc3\xa3", std::string(300, 'k')},
                           .aggregates = {{aggregate_named("sum"), "x\ny", "s"}},
                           .scale = 3}};
    const std::string tail = ",\"" + std::string(300, 'k') + R"(":true,"x\ny":2})";
    comparison.check(R"({"a\"b\\c":1,"\u00e3":"z")" + tail);
    comparison.check("{\"a\\u0022b\\\\c\":1,\"\xc3\xa3\":\"z\"" + tail);
    CHECK(comparison.good == 2);
    comparison.check(R"({"a\"b\\c":1,"\u00e3":"z","\u00E3":2)" + tail);
    comparison.check("{\"a\\u0022b\\\\c\":1,\"a\xcc\x83\":\"z\"" + tail);
    CHECK(comparison.good == 2);
    CHECK(comparison.differences == kNone);
}

TEST_CASE("a record cut short at any byte", "[reader][hostile]") {
    Comparison comparison{default_spec()};
    const std::string escaped =
        R"({"a\u0041":[1,{"b":"\ud83d\ude00"},-1.5e+3,null],"id_vendedor":"\u0061","valor":1.50 })";
    for (const std::string& record : {std::string{kRecord}, escaped}) {
        for (std::size_t size = 0; size <= record.size(); ++size) {
            comparison.check(record.substr(0, size));
            comparison.check(record.substr(size));
            comparison.check(record.substr(0, size) + " " + record.substr(size));
        }
    }
    CHECK(comparison.differences == kNone);
}

TEST_CASE("a record with any one byte changed", "[reader][hostile]") {
    Comparison comparison{default_spec()};
    const std::string escaped =
        R"({"a\u0041":[1,{"b":"\ud83d\ude00"},-1.5e+3,null],"id_vendedor":"\u0061","valor":1.50 })";
    for (const std::string& record : {std::string{kRecord}, escaped}) {
        for (std::size_t at = 0; at < record.size(); ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string changed = record;
                changed[at] = static_cast<char>(byte);
                comparison.check(changed);
            }
            std::string without = record;
            without.erase(at, 1);
            comparison.check(without);
            std::string doubled = record;
            doubled.insert(at, 1, record[at]);
            comparison.check(doubled);
        }
    }
    CHECK(comparison.differences == kNone);
    // Neither all good nor all bad, or the test shows nothing.
    CHECK(comparison.good > comparison.checked / 10);
    CHECK(comparison.good < comparison.checked * 9 / 10);
}

TEST_CASE("nothing is read outside of the record", "[reader][hostile]") {
    // The record ends where the next page may not be read.
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* const pages =
        ::mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    char* const begin = static_cast<char*>(pages) + page;
    REQUIRE(::mprotect(pages, page, PROT_NONE) == 0);
    REQUIRE(::mprotect(begin + page, page, PROT_NONE) == 0);

    JsonReader reader{default_spec()};
    REQUIRE(reader.read(kRecord).ok);  // so that its keys are guessed
    const std::string nested = R"({"valor":1e5,"id_vendedor":"\u0061\n","x":{"y":[{},{"z":2}]}})";
    for (const std::string& record : {std::string{kRecord}, nested}) {
        for (std::size_t size = 0; size <= record.size(); ++size) {
            char* const at_end = begin + page - size;
            std::memcpy(at_end, record.data(), size);
            CHECK(verdict_on(reader, {at_end, size}) == (size == record.size() ? "ok" : "json"));
            std::memcpy(begin, record.data(), size);
            CHECK(verdict_on(reader, {begin, size}) == (size == record.size() ? "ok" : "json"));
        }
    }
    // Shorter than the keys that are remembered from the record before.
    for (const std::string_view record : {R"({"i":1})"sv, R"({"":1})"sv, R"({"id_transacao":1})"sv,
                                          R"({"id_transacao":1,"i":1})"sv, "{}"sv, "{"sv, "1"sv}) {
        REQUIRE(reader.read(kRecord).ok);
        char* const at_end = begin + page - record.size();
        std::memcpy(at_end, record.data(), record.size());
        CHECK(verdict_on(reader, {at_end, record.size()}) != "ok");
    }
    ::munmap(pages, 3 * page);
}

TEST_CASE("large records are decoded like small ones", "[reader][hostile]") {
    JsonReader reader{default_spec()};
    const std::string million(1'000'000, 'x');
    CHECK(verdict_on(reader, record_with("\"" + million + "\"")) == "ok");
    CHECK(verdict_on(reader, record_with(std::string(1'000'000, '1'))) == "ok");
    CHECK(verdict_on(reader, R"({"id_vendedor":"a","valor":1)" + std::string(1'000'000, '0') +
                                 "}") == "range");
    CHECK(verdict_on(reader, R"({"id_vendedor":"a","valor":1)" + std::string(1'000'000, '0') +
                                 "e-1000000}") == "ok");
    std::string numbers = "[0";
    while (numbers.size() < 3'000'000) {
        numbers += ",1";
    }
    CHECK(verdict_on(reader, record_with(numbers + "]")) == "ok");
    CHECK(verdict_on(reader, record_with(numbers)) == "json");
    CHECK(verdict_on(reader, record_with(numbers + "}")) == "json");
    CHECK(verdict_on(reader, std::string(3'000'000, ' ')) == "json");
    CHECK(verdict_on(reader, std::string(3'000'000, '{')) == "depth");
    CHECK(verdict_on(reader, std::string(3'000'000, '\\')) == "json");
    CHECK(verdict_on(reader, std::string(3'000'000, '"')) == "json");
    std::string escapes;
    while (escapes.size() < 3'000'000) {
        escapes += "\\n";
    }
    CHECK(verdict_on(reader, record_with("\"" + escapes + "\"")) == "ok");
    CHECK(verdict_on(reader, kRecord) == "ok");
}

TEST_CASE("each reason has a name of its own", "[reader]") {
    std::vector<std::string> names;
    names.reserve(kBadReasonCount);
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        names.emplace_back(bad_reason_name(static_cast<BadReason>(i)));
    }
    CHECK(
        names ==
        std::vector<std::string>{
            "json",           "encoding",    "depth",        "not_object",       "duplicate_field",
            "missing_field",  "group_type",  "group_size",   "number_type",      "scale",
            "range",          "text_type",   "boolean_type", "scalar_type",      "text_nul",
            "text_to_number", "time_format", "time_range",   "division_by_zero", "group_null",
            "text_size",      "time_null",   "time_future",  "unique_null"});
}

// cases: "--group-by customer.id", and 100 records of which nobody said what was wrong with them.
TEST_CASE("a verdict names its field, the first one in the order of the job") {
    const auto about = [](std::string_view value) {
        // Twice, so that a record of a known shape has its turn.
        JsonReader reader{
            {.source_topic = "t",
             .group_by = {"a", "b"},
             .aggregates = {{aggregate_named("sum"), "v", "x"}, {aggregate_named("sum"), "a", "y"}},
             .scale = 2}};
        CHECK(testing::result_of(reader, R"({"a":1,"b":"x","v":1})").reason.empty());
        CHECK(testing::result_of(reader, R"({"a":2,"b":"y","v":2})").reason.empty());
        return show(testing::result_of(reader, value));
    };
    CHECK(about(R"({"x":1})") == "missing_field:a");
    CHECK(about(R"({"v":1,"a":1})") == "missing_field:b");
    CHECK(about(R"({"v":1,"v":1,"b":1,"b":1})") == "duplicate_field:b");
    CHECK(about(R"({"v":1,"v":1,"v":1,"a":1,"b":1})") == "duplicate_field:v");
    CHECK(about(R"({"a":1,"b":null,"v":1})") == "group_type:b");
    CHECK(about(R"({"a":1,"b":")" + std::string(1025, 'x') + R"(","v":1})") == "group_size:b");
    CHECK(about(R"({"a":1,"b":"x","v":"1"})") == "number_type:v");
    CHECK(about(R"({"a":"1","b":"x","v":1})") == "number_type:a");
    CHECK(about(R"({"a":0.001,"b":"x","v":1})") == "scale:a");
    CHECK(about(R"({"a":1,"b":"x","v":0.001})") == "scale:v");
    CHECK(about(R"({"a":1,"b":"x","v":1e99})") == "range:v");
    CHECK(about(R"({"a":1)") == "json:");
    CHECK(about("[]") == "not_object:");
}

TEST_CASE("a record that is bad for its scale says the smallest one that takes it") {
    const auto needed = [](std::string_view value) -> int {
        JsonReader reader{{.source_topic = "t",
                           .group_by = {"g"},
                           .aggregates = {{aggregate_named("sum"), "v", "x"}},
                           .scale = 2}};
        CHECK(testing::result_of(reader, R"({"g":1,"v":1})").reason.empty());
        CHECK(testing::result_of(reader, value).reason == "scale");
        return reader.scale_needed().value_or(-1);
    };
    CHECK(needed(R"({"g":"a","v":11.100000000000001})") == 15);
    CHECK(needed(R"({"g":1,"v":0.001})") == 3);
    CHECK(needed(R"({"g":0.12345,"v":0.001})") == 5);
    CHECK(needed(R"({"g":1,"v":1e-30})") == 30);
    CHECK(needed(R"({"g":1,"v":1e-31})") == -1);
    // At 21 the number itself does not fit any more; the other field is bad at every scale.
    CHECK(needed(R"({"g":1,"v":1000000000000000000.000000000000000000001})") == -1);
    CHECK(needed(R"({"g":0.001,"v":"1"})") == -1);
}

}  // namespace kstream
