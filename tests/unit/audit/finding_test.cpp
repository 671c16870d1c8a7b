#include "kstream/audit/finding.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace kstream::audit {

TEST_CASE("All findings are counted, and as many as the bound are kept") {
    Findings findings;
    for (std::size_t i = 0; i < Findings::kMaxKept + 100; ++i) {
        findings.add(FindingKind::damaged, std::to_string(i), "a total", "none");
    }
    CHECK(findings.count() == Findings::kMaxKept + 100);
    CHECK(findings.kept().size() == Findings::kMaxKept);
    CHECK(findings.kept().back().what == std::to_string(Findings::kMaxKept - 1));
}

}  // namespace kstream::audit
