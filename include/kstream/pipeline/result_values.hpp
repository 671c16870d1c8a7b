// What the results say of a key: of a job of the flags its aggregates as they are, of a statement
// its columns.
#pragma once

#include "kstream/core/slot.hpp"
#include "kstream/core/text_store.hpp"
#include "kstream/core/value_sets.hpp"
#include "kstream/expr/projection.hpp"
#include "kstream/model/group_key.hpp"
#include "kstream/pipeline/job.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kstream {

// The multisets of what is published: of a job that has any.
struct KeyValues {
    const ValueSets* sets = nullptr;
    // Of the key; of a window that is made of panes, theirs. Whoever makes it keeps them.
    std::span<const std::uint64_t> numbers{};
};

class ResultValues {
public:
    // `job` outlives it.
    explicit ResultValues(const Job& job);

    // Whether the key has a result; one that HAVING does not let pass has none. Appends the value
    // of its record where it has. `texts` has those of the slots, `values` the multisets.
    [[nodiscard]] bool append(std::string& out, const GroupKey& group, std::span<const Slot> slots,
                              const TextStore& texts, KeyValues values = {});

    // Whether a column of a statement is one for graphs.
    [[nodiscard]] static bool is_graph(const job::Column& column);
    // For graphs: the names, and for each of them the value as a double. Of a statement its columns
    // that are numbers and no groups; NULL is not a number, nor is any of a key without a result.
    [[nodiscard]] const std::vector<std::string>& graph_names() const { return graph_names_; }
    // A percentile is one of the multiset as it stands in memory, which may be two steps ahead of
    // the slots.
    [[nodiscard]] std::vector<double> graph_values(const GroupKey& group,
                                                   std::span<const Slot> slots,
                                                   const TextStore& texts,
                                                   KeyValues multisets = {});

private:
    const Job& job_;
    std::unique_ptr<expr::Projection> projection_;  // of a statement
    expr::Arena texts_;
    std::vector<std::string> graph_names_;
    std::vector<std::size_t> graph_columns_;  // of a statement
};

}  // namespace kstream
