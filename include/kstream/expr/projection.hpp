// What a statement's results say of a group, from its accumulators: whether HAVING lets it pass,
// and its columns.
#pragma once

#include "kstream/core/slot.hpp"
#include "kstream/error.hpp"
#include "kstream/expr/finish.hpp"
#include "kstream/expr/program.hpp"
#include "kstream/expr/value.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/plan.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/model/group_key.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace kstream::expr {

// Not thread-safe. Statement and plan outlive it.
class Projection {
public:
    // An error names a zone that there is not.
    [[nodiscard]] static Result<std::unique_ptr<Projection>> make(const job::Statement& statement,
                                                                  const job::Plan& plan,
                                                                  const ZoneFiles& zones);

    // The values of the columns, in their order: values, or NULL. A number beyond the bounds of
    // numbers is NULL as well: no record can be set aside for it. None where there is HAVING, and
    // it comes to anything but true: false, NULL, a number beyond the bounds. `group` is one that
    // the statement has made. Valid until the next call. `side` has what lies beside the slots: of
    // a statement that keeps such a thing.
    [[nodiscard]] std::optional<std::span<const Value>> row(const GroupKey& group,
                                                            std::span<const Slot> slots,
                                                            const SideValues* side = nullptr);

private:
    Projection(const job::Statement& statement, const job::Plan& plan,
               std::optional<Windows> windows);

    [[nodiscard]] Value group_value(const GroupValue& value, job::ValueType type);

    const job::Statement& statement_;
    const job::Plan& plan_;
    Program program_;
    std::vector<std::uint32_t> columns_;  // their nodes
    std::optional<std::uint32_t> having_;
    std::unique_ptr<Evaluator> evaluator_;
    std::vector<Value> groups_;
    std::vector<Value> aggregates_;
    std::optional<Windows> windows_;
    std::array<Value, 2> window_;  // start and end
    Leaves leaves_;                // these three
    std::vector<Value> row_;
};

}  // namespace kstream::expr
