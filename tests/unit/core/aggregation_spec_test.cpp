// A job's identity and what makes it usable.
#include "kstream/model/aggregation_spec.hpp"

#include "kstream/codec/sha256.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/core/aggregates.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace kstream {
namespace {

using Problems = std::vector<std::string>;

const Problems kNone;

AggregationSpec default_spec() {
    return {.source_topic = "financial_transactions",
            .group_by = {"id_vendedor"},
            .aggregates = {{aggregate_named("sum"), "valor", "valor_total_por_vendedor"},
                           {aggregate_named("count"), "", "numero_transacoes"}},
            .scale = 9};
}

}  // namespace

// These two are stored by every running job: a change of them is a new format, with a way over.
TEST_CASE("golden: canonical text and hash of the default job", "[spec][golden]") {
    CHECK(canonical_text(default_spec()) ==
          "kstream-job 1\n"
          "source 22:financial_transactions\n"
          "scale 9\n"
          "group 11:id_vendedor\n"
          "aggregate 2 5:valor 24:valor_total_por_vendedor\n"
          "aggregate 1 0: 17:numero_transacoes\n");
    CHECK(spec_hash(default_spec()) == 0x4e34177047327ef5);
}

// json stands in no text, so what was stored before there was a format keeps its hash (above). No
// other format has been made: this one is never run.
TEST_CASE("a format other than json is part of the identity", "[spec]") {
    AggregationSpec other = default_spec();
    other.format = RecordFormat{99};
    CHECK(
        canonical_text(other).starts_with("kstream-job 1\nsource 22:financial_transactions\n"
                                          "format 99\nscale 9\n"));
    CHECK(spec_hash(other) != spec_hash(default_spec()));
    CHECK(problems(other) == Problems{"its records are of no known format"});
}

TEST_CASE("whatever changes the meaning of totals changes the identity", "[spec]") {
    std::vector<AggregationSpec> specs(10, default_spec());
    specs[1].source_topic = "other";
    specs[2].scale = 2;
    specs[3].group_by = {"id_usuario"};
    specs[4].group_by = {"id_vendedor", "moeda"};
    specs[5].group_by = {"moeda", "id_vendedor"};
    specs[6].aggregates[0].input_field = "valor2";
    specs[7].aggregates[0].output_name = "soma";
    specs[8].aggregates.pop_back();
    std::swap(specs[9].aggregates[0], specs[9].aggregates[1]);
    for (std::size_t i = 0; i < specs.size(); ++i) {
        for (std::size_t k = 0; k < specs.size(); ++k) {
            CHECK((canonical_text(specs[i]) == canonical_text(specs[k])) == (i == k));
            CHECK((spec_hash(specs[i]) == spec_hash(specs[k])) == (i == k));
        }
    }
}

TEST_CASE("no name can forge another part of the text", "[spec]") {
    AggregationSpec one = default_spec();
    AggregationSpec two = default_spec();
    one.group_by = {"a\ngroup 1:b"};
    two.group_by = {"a", "b"};
    CHECK(canonical_text(one) != canonical_text(two));
    one.group_by = {"a 1:b"};
    CHECK(canonical_text(one) != canonical_text(two));
    one.aggregates = {{aggregate_named("sum"), "a 1:b", "c"}};
    two.aggregates = {{aggregate_named("sum"), "a", "b 1:c"}};
    CHECK(canonical_text(one) != canonical_text(two));
}

TEST_CASE("a usable job has no problems", "[spec]") {
    CHECK(problems(default_spec()) == kNone);
    AggregationSpec spec = default_spec();
    spec.group_by = {"pa\xc3\xads", "emoji \xf0\x9f\x98\x80", std::string(255, 'x')};
    spec.aggregates = {{aggregate_named("sum"), "valor", "a"},
                       {aggregate_named("sum"), "valor", "b"},
                       {aggregate_named("sum"), "pa\xc3\xads", "c"}};
    spec.scale = 30;
    spec.source_topic = std::string(249, 't');
    CHECK(problems(spec) == kNone);
    spec.scale = 0;
    spec.source_topic = "A.b_c-0";
    CHECK(problems(spec) == kNone);
}

TEST_CASE("each problem is named, and all at once", "[spec]") {
    CHECK(problems(AggregationSpec{}) == Problems{"there is no source topic",
                                                  "there is no group-by field",
                                                  "there is no aggregate"});
    AggregationSpec spec = default_spec();
    spec.scale = 31;
    spec.group_by.emplace_back();
    spec.aggregates[0].input_field.clear();
    spec.aggregates[1].input_field = "valor";
    CHECK(problems(spec) ==
          Problems{"a group-by field has an empty name",
                   "the input field of aggregate 'valor_total_por_vendedor' has an empty name",
                   "aggregate 'numero_transacoes' takes no input field",
                   "the scale is 31, not 0 to 30"});
    spec = default_spec();
    spec.scale = -1;
    CHECK(problems(spec) == Problems{"the scale is -1, not 0 to 30"});
}

TEST_CASE("output fields have names of their own", "[spec]") {
    AggregationSpec spec = default_spec();
    spec.aggregates[1].output_name = "id_vendedor";
    CHECK(problems(spec) == Problems{"the output field 'id_vendedor' occurs more than once"});
    spec = default_spec();
    spec.group_by = {"a", "a", "a"};
    CHECK(problems(spec) == Problems{"the output field 'a' occurs more than once"});
    spec.group_by = {"b", "a", "b", "a"};
    CHECK(problems(spec) == Problems{"the output field 'a' occurs more than once",
                                     "the output field 'b' occurs more than once"});
}

TEST_CASE("names are text that can be written down", "[spec]") {
    const auto with_group = [](std::string name) {
        AggregationSpec spec = default_spec();
        spec.group_by = {std::move(name)};
        return problems(spec);
    };
    const Problems not_utf8{"a group-by field has a name that is not UTF-8"};
    for (const char* name : {"\x80", "\xc3", "\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                             "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff"}) {
        CHECK(with_group(name) == not_utf8);
    }
    for (const char* name : {"\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                             "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        CHECK(with_group(name) == kNone);
    }
    const Problems control{"a group-by field has a control character in its name"};
    CHECK(with_group("a\nb") == control);
    CHECK(with_group("\x7f") == control);
    CHECK(with_group(std::string{"\0", 1}) == control);
    CHECK(with_group(std::string(256, 'x')) ==
          Problems{"a group-by field has a name longer than 255 bytes"});

    AggregationSpec spec = default_spec();
    spec.aggregates[1] = {aggregate_named("count"), "x", "a\xc3\xa3\n"};
    CHECK(problems(spec) == Problems{"an aggregate's output has a control character in its name",
                                     "aggregate 'a\\xc3\\xa3\\x0a' takes no input field"});
}

TEST_CASE("source topics are names that Kafka takes", "[spec]") {
    for (const std::string& name :
         {std::string{"."}, std::string{".."}, std::string{"a b"}, std::string{"a/b"},
          std::string{"\xc3\xa3"}, std::string(250, 't')}) {
        AggregationSpec spec = default_spec();
        spec.source_topic = name;
        REQUIRE(problems(spec).size() == 1);
        CHECK(problems(spec)[0].starts_with(
            "the source topic is not a name of 1 to 249 of a-z A-Z 0-9 . _ -"));
    }
}

TEST_CASE("a job has a bounded size and known aggregates", "[spec]") {
    AggregationSpec spec = default_spec();
    for (int i = 0; i < 64; ++i) {
        spec.aggregates.push_back({aggregate_named("sum"), "valor", "x" + std::to_string(i)});
    }
    CHECK(problems(spec) == Problems{"there are more than 64 group-by fields or aggregates"});
    spec = default_spec();
    spec.aggregates[0].kind = static_cast<AggregateKind>(99);
    CHECK(problems(spec) == Problems{"aggregate 'valor_total_por_vendedor' is of no known kind"});
}

// The examples of FIPS 180-4.
TEST_CASE("SHA-256", "[sha256]") {
    const auto first = sha256("abc");
    CHECK(first[0] == 0xba);
    CHECK(first[31] == 0xad);
    const auto empty = sha256("");
    CHECK(empty[0] == 0xe3);
    CHECK(empty[31] == 0x55);
}

}  // namespace kstream
