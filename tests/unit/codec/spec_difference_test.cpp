#include "kstream/codec/spec_difference.hpp"

#include "kstream/core/aggregates.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <utility>
#include <vector>

using kstream::aggregate_named;
using kstream::AggregationSpec;
using kstream::canonical_text;
using kstream::parse_canonical_text;
using kstream::spec_differences;
using Texts = std::vector<std::string>;

namespace {

AggregationSpec job() {
    return {.source_topic = "sales",
            .group_by = {"cust"},
            .aggregates = {{aggregate_named("sum"), "amount", "sum_amount"},
                           {aggregate_named("count"), "", "count"}}};
}

Texts differences(const AggregationSpec& was, const AggregationSpec& is) {
    return spec_differences(canonical_text(was), canonical_text(is));
}

}  // namespace

TEST_CASE("a canonical text names its job") {
    AggregationSpec odd = job();
    odd.scale = 0;
    odd.group_by = {"a 3:b", "\ngroup 1:x", "caf\xc3\xa9"};  // no name can forge another
    odd.aggregates.push_back({aggregate_named("sum"), "x", "\naggregate 1 0: 1:y"});
    for (const AggregationSpec& spec : {job(), odd}) {
        const auto parsed = parse_canonical_text(canonical_text(spec));
        REQUIRE(parsed);
        CHECK(*parsed == spec);
    }
}

TEST_CASE("a canonical text that is not one names nothing") {
    const std::string text = canonical_text(job());
    for (std::size_t size = 0; size < text.size(); ++size) {
        // Cut after a line it is the text of a smaller job.
        CHECK(parse_canonical_text(text.substr(0, size)).has_value() ==
              (text.substr(0, size).ends_with('\n') && size > text.find("scale")));
    }
    for (const char* other : {"kstream-job 2\nsource 1:a\nscale 9\n", "the old job",
                              "kstream-job 1\nsource 01:a\nscale 9\n",
                              "kstream-job 1\nsource 99999999999999999999:a\nscale 9\n",
                              "kstream-job 1\nsource 1:a\nscale 9\naggregate 255 1:a 1:b\n",
                              "kstream-job 1\nsource 1:a\nscale 9\naggregate 257 0: 1:b\n"}) {
        INFO(other);
        CHECK_FALSE(parse_canonical_text(other));
    }
    CHECK_FALSE(parse_canonical_text(text + "x"));
}

TEST_CASE("the option that differs is named, with what it was and what it is") {
    CHECK(differences(job(), job()).empty());
    AggregationSpec other = job();
    other.aggregates[0] = {aggregate_named("sum"), "fee", "sum_fee"};
    CHECK(differences(job(), other) == Texts{"--sum was amount, is fee"});
    other.aggregates.erase(other.aggregates.begin());
    CHECK(differences(job(), other) == Texts{"--sum was amount, is not given"});
    CHECK(differences(other, job()) == Texts{"--sum was not given, is amount"});
    other = job();
    other.aggregates[0].output_name = "total";
    other.aggregates[1].output_name = "n";
    CHECK(differences(job(), other) ==
          Texts{"--sum was amount, is amount=total", "--count was given, is n"});
    other = job();
    other.source_topic = "returns";
    other.group_by = {"cust", "caf\xc3\xa9\n"};
    other.scale = 2;
    CHECK(differences(job(), other) == Texts{"--topic was sales, is returns",
                                             "--group-by was cust, is cust, caf\\xc3\\xa9\\x0a",
                                             "--scale was 9, is 2"});
}

TEST_CASE("two jobs with the same options in another order differ by it") {
    AggregationSpec other = job();
    std::swap(other.aggregates[0], other.aggregates[1]);
    CHECK(differences(job(), other) ==
          Texts{"the order was --sum amount --count, is --count --sum amount"});
}

TEST_CASE("of two statements the parts that differ are shown") {
    const std::string head = "kstream-job 2\nsource 1:t\nscale 9\n";
    const std::string one = head + "where (a)\ngroup (b)\ncolumn 1:n (c)\n";
    CHECK(spec_differences(one, one).empty());
    CHECK(spec_differences(one, head + "where (d)\ngroup (b)\ncolumn 1:n (c)\n") ==
          Texts{"no longer there is where (a)", "new is where (d)"});
    CHECK(spec_differences(one, head + "group (b)\nwhere (a)\ncolumn 1:n (c)\n") ==
          Texts{"the same parts stand in another order"});
}

TEST_CASE("a stored text of another form is shown as it is") {
    CHECK(spec_differences("kstream-job 2\n...", canonical_text(job())).size() == 1);
    CHECK(spec_differences("kstream-job 2\n...", canonical_text(job()))[0].starts_with(
        "the job was kstream-job 2\\x0a..., is "));
}
