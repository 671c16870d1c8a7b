// What both loops of a worker know about the job: fixed from before the group is joined.
#pragma once

#include "kstream/check.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/core/key_table.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/statement_job.hpp"
#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/group_key.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream {

struct Job {
    std::string application_id;  // of the results' headers; without one, they do not say
    AggregationSpec spec;
    // Of a job that flags cannot say; its spec is the one above. The zones that it names are there:
    // that was seen at the start.
    std::shared_ptr<const job::StatementJob> statement;
    expr::ZoneFiles zones;
    std::string spec_text;             // canonical_text(spec)
    std::vector<AggregateKind> kinds;  // of spec.aggregates, in order
    Identity identity;
    std::uint64_t run_id = 0;     // random per loop and start
    std::uint64_t hash_seed = 0;  // random per process, for KeyTable
    // Fewer in tests, which have few keys: what is done for many has to be right as well.
    std::size_t cells_in_cache = KeyTable::kCellsInCache;
    // The same of keys whose windows were closed: so many have to be gone before a state moves the
    // others together.
    std::uint32_t least_gone_keys = 4096;

    // Whether a key may have a total and no result.
    [[nodiscard]] bool has_having() const {
        return statement != nullptr && statement->statement.having.has_value();
    }

    [[nodiscard]] const job::EventTime* event_time() const {
        return statement != nullptr && statement->statement.event_time
                   ? &*statement->statement.event_time
                   : nullptr;
    }
    // What its batches, totals and meta are stored as. Valid as long as the job.
    [[nodiscard]] StoredForm form() const {
        return {kinds, event_time() != nullptr, has_windows(), hops(), has_unique()};
    }
    [[nodiscard]] bool has_windows() const {
        return event_time() != nullptr && event_time()->has_windows();
    }
    // Its windows overlap: keys of its totals are panes, of which windows are whole numbers.
    [[nodiscard]] bool hops() const {
        return event_time() != nullptr && event_time()->window.kind == job::WindowKind::hop;
    }
    // Whether it looks for duplicates.
    [[nodiscard]] bool has_unique() const {
        return event_time() != nullptr && event_time()->unique_by.has_value();
    }
    [[nodiscard]] bool has_sessions() const {
        return event_time() != nullptr && event_time()->has_sessions();
    }
    [[nodiscard]] KeyShape key_shape() const {
        return {spec.group_by.size(), has_windows(), has_sessions()};
    }

    // None where there are no windows. The zone is there: that was seen at the start.
    [[nodiscard]] std::optional<expr::Windows> windows() const {
        if (!has_windows()) {
            return std::nullopt;
        }
        Result<expr::Windows> made = expr::Windows::make(event_time()->window, zones);
        KSTREAM_CHECK(made.has_value(), "the zone was looked for at the start");
        return std::move(*made);
    }

    static std::vector<AggregateKind> kinds_of(const AggregationSpec& spec) {
        std::vector<AggregateKind> kinds;
        for (const AggregateSpec& aggregate : spec.aggregates) {
            kinds.push_back(aggregate.kind);
        }
        return kinds;
    }
};

}  // namespace kstream
