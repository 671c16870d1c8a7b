#include "bench/figures/json_document.hpp"

#include <catch2/catch_test_macros.hpp>

using kstream::bench::JsonDocument;

TEST_CASE("values are found by their place") {
    const auto document =
        JsonDocument::read(R"({"a":{"b":[1,2.5,"x"]},"n":7,"t":"text","big":9007199254740993})");
    REQUIRE(document);
    CHECK(document->number("/n") == 7);
    CHECK(document->number("/a/b/1") == 2.5);
    CHECK(document->text("/a/b/2") == "x");
    CHECK(document->size("/a/b") == 3);
}

TEST_CASE("what does not exist, or of another type, is nothing") {
    const auto document = JsonDocument::read(R"({"n":7,"t":"text"})");
    REQUIRE(document);
    CHECK_FALSE(document->number("/t"));
    CHECK_FALSE(document->text("/n"));
    CHECK_FALSE(document->number("/nothing/at/all"));
    CHECK(document->size("/n") == 0);
}

TEST_CASE("what is not JSON is no document") {
    CHECK_FALSE(JsonDocument::read(""));
    CHECK_FALSE(JsonDocument::read("{\"a\":"));
    CHECK_FALSE(JsonDocument::read("kstream: error"));
}
