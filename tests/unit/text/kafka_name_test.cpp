#include "text/kafka_name.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace kstream::text {

TEST_CASE("A name is what Kafka takes for one, and the reason says what it would take") {
    for (const std::string& good :
         {std::string("a.b_c-9"), std::string("..."), std::string(249, 'a')}) {
        CHECK(kafka_name_problem(good).empty());
    }
    for (const std::string& bad : {std::string(), std::string("a b"), std::string("a/b"),
                                   std::string("caf\xc3\xa9"), std::string(250, 'a')}) {
        CHECK(kafka_name_problem(bad) == "is not a name of 1 to 249 of a-z A-Z 0-9 . _ -");
    }
    for (const char* dots : {".", ".."}) {
        CHECK(kafka_name_problem(dots).ends_with(", which may not be . or .."));
    }
    CHECK(kafka_name_problem("abc", 3).empty());
    CHECK(kafka_name_problem("abcd", 3).starts_with("is not a name of 1 to 3 of"));
}

TEST_CASE("The longest application id leaves room for its topics, and none more") {
    STATIC_CHECK(kMaxApplicationIdBytes == 230);
    const std::string id(kMaxApplicationIdBytes, 'a');
    bool full = false;
    for (const std::string_view ending :
         {kRepartitionEnding, kChangelogEnding, kDeadLettersEnding, kLateEnding}) {
        CHECK(kafka_name_problem(id + std::string(ending)).empty());
        full = full || !kafka_name_problem(id + "a" + std::string(ending)).empty();
    }
    CHECK(full);
}

}  // namespace kstream::text
