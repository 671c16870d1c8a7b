// One question after another to the cluster, from code that is stepped and never blocks.
#pragma once

#include "kstream/ports/cluster_queries.hpp"

#include <optional>
#include <utility>

namespace kstream {

class Question {
public:
    explicit Question(ClusterQueries& queries) : queries_(queries) {}

    // Asks on the first call; on later ones gives the answer once it is there. No value: call again
    // with the same query. A retriable error is asked again by the next call.
    [[nodiscard]] Result<std::optional<QueryAnswer>> ask(Query query) {
        if (stale_ && !drain()) {
            return std::nullopt;
        }
        if (!asked_) {
            queries_.ask(std::move(query));
            asked_ = true;
            return std::nullopt;
        }
        std::optional<Result<QueryAnswer>> answer = queries_.take();
        if (!answer) {
            return std::nullopt;
        }
        asked_ = false;
        if (*answer) {
            return std::optional{std::move(**answer)};
        }
        if (answer->error().disposition == Disposition::stop) {
            return std::unexpected(std::move(answer->error()));
        }
        return std::nullopt;
    }

    // The open question, if any, does not matter any more; its answer is thrown away when it comes.
    void forget() {
        stale_ = stale_ || asked_;
        asked_ = false;
    }

private:
    bool drain() {
        stale_ = !queries_.take().has_value();
        return !stale_;
    }

    ClusterQueries& queries_;
    bool asked_ = false;
    bool stale_ = false;
};

}  // namespace kstream
