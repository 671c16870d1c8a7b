#include "kstream/audit/ids.hpp"

namespace kstream::audit {

bool Ids::take(const std::string& id, Offset at, std::int64_t time) {
    forget();
    const std::int64_t before = seen_;
    pass(time);
    const bool duplicate = !newest_.insert_or_assign(id, seen_).second;
    records_.push_back({.id = id, .at = {.offset = at, .seen = before}, .seen = seen_});
    return duplicate;
}

Horizon Ids::horizon(Offset position) {
    forget();
    return records_.empty() ? Horizon{.offset = position, .seen = seen_} : records_.front().at;
}

// What is too old for the next record; of an id that has come again the last one counts.
void Ids::forget() {
    while (!records_.empty() && seen_ - records_.front().seen > within_) {
        const auto newest = newest_.find(records_.front().id);
        if (newest != newest_.end() && newest->second == records_.front().seen) {
            newest_.erase(newest);
        }
        records_.pop_front();
    }
}

}  // namespace kstream::audit
