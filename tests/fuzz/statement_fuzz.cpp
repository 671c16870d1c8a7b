// A statement's text: there is a statement, which its own SELECT is again, or there are problems
// that can be shown. Nothing crashes, and nothing takes long: the bounds are the parser's own.
#include "fuzz/fuzz_target.hpp"
#include "kstream/job/flags.hpp"
#include "kstream/job/parse.hpp"
#include "kstream/job/statement_text.hpp"

#include <optional>
#include <string_view>

KSTREAM_FUZZ_TARGET(statement) {
    using namespace kstream::job;
    ParseOptions options;
    options.zones = [](std::string_view name) { return std::optional{name.size()}; };
    const auto parsed = parse(input, options);
    if (!parsed) {
        KSTREAM_CHECK(!parsed.error().empty(), "a refusal says why");
        for (const Problem& problem : parsed.error()) {
            KSTREAM_CHECK(!problem.message.empty(), "in words");
            KSTREAM_CHECK(problem.place.at <= input.size(), "and where");
            KSTREAM_CHECK(show(problem, input, "job.sql").ends_with('\n'), "as whole lines");
        }
        return;
    }
    const std::string sql = to_sql(*parsed);
    if (sql.size() > kMaxStatementBytes) {
        return;  // CASE x WHEN y is longer than it was written
    }
    const auto again = parse(sql, options);
    KSTREAM_CHECK(again.has_value(), "the canonical SELECT is a statement");
    KSTREAM_CHECK(same(*again, *parsed), "and the same one");
    if (const auto spec = spec_of(*parsed)) {
        KSTREAM_CHECK(canonical_text(statement_of(*spec)) == canonical_text(*parsed),
                      "flags say the same job");
    }
}
