// The page's policy, and the rules that the page keeps so that the policy can be strict.
#include "telemetry/status_page.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

namespace kstream::telemetry {

TEST_CASE("A content hash is the base64 of the SHA-256 of what stands between the tags") {
    // printf 'a{}' | openssl dgst -sha256 -binary | base64
    CHECK(content_hash("<style>a{}</style>", "style") ==
          "sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk=");
}

TEST_CASE("The page allows its own style and script and nothing else") {
    const telemetry::HttpResponse page = status_page();
    CHECK(page.status == 200);
    CHECK(page.content_type == "text/html; charset=utf-8");
    const auto policy = std::ranges::find(page.headers, "Content-Security-Policy",
                                          &std::pair<std::string, std::string>::first);
    REQUIRE(policy != page.headers.end());
    CHECK(policy->second.starts_with("default-src 'none'; style-src 'sha256-"));
    CHECK(policy->second.contains("script-src '" + content_hash(page.body, "script") + "'"));
    CHECK_FALSE(policy->second.contains("unsafe"));
}

TEST_CASE("The page brings everything along and puts nothing of others into its HTML") {
    const std::string page = status_page().body;
    for (const char* never : {"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(",
                              " onclick", " onload", " onerror", " style=", "javascript:", "src=",
                              "https://", "@import", "url(", "<link rel=\"stylesheet\""}) {
        INFO(never);
        CHECK_FALSE(page.contains(never));
    }
    // The only address in it is the name of SVG.
    std::size_t addresses = 0;
    for (std::size_t at = page.find("http://"); at != std::string::npos;
         at = page.find("http://", at + 1)) {
        const std::string_view rest = std::string_view(page).substr(at);
        CHECK((rest.starts_with("http://www.w3.org/2000/svg") || rest.starts_with("http://'")));
        ++addresses;
    }
    CHECK(addresses == 2);
    CHECK(std::ranges::all_of(page, [](char c) { return c > 0; }));
    CHECK(page.size() < 64U << 10);
}

}  // namespace kstream::telemetry
