// Whose totals a results topic holds.

#include "topics/results_owner.hpp"

#include "kstream/codec/result_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace kstream::topics {

Findings results_owner_findings(const ResultsFacts& facts) {
    const auto of_another = std::ranges::find_if(facts.last, [&](const LastResult& last) {
        return last.application && *last.application != facts.application_id;
    });
    if (of_another != facts.last.end()) {
        return {Finding::error(
            ExitCode::identity,
            fmt::format("results topic {} holds totals of application {} (partition {} offset {}): "
                        "rows of two applications would mix and replace each other",
                        facts.topic, *of_another->application, of_another->partition.value,
                        of_another->offset.value),
            fmt::format("choose another --output-topic; or change --application-id back; or, if {} "
                        "has ended for good, 'kstream reset --application-id {} --output-topic {} "
                        "--results tombstone' removes its rows",
                        *of_another->application, *of_another->application, facts.topic))};
    }
    const auto foreign = std::ranges::find_if(
        facts.last, [](const LastResult& last) { return !last.is_tombstone && !last.is_result; });
    if (foreign != facts.last.end()) {
        return {Finding::warn(
            fmt::format("results topic {} holds records that kstream did not write (partition {} "
                        "offset {}): totals mix with them and replace those with equal keys",
                        facts.topic, foreign->partition.value, foreign->offset.value),
            "choose another --output-topic unless that is meant")};
    }
    const bool has_rows =
        std::ranges::any_of(facts.last, [](const LastResult& last) { return !last.is_tombstone; });
    if (!has_rows && facts.totals > 0 && !facts.republish) {
        return {Finding::warn(
            fmt::format("results topic {} has no row, but application {} has totals of {} keys: it "
                        "was emptied or re-created, or --output-topic was changed",
                        facts.topic, facts.application_id, facts.totals),
            "a key gets its row when it changes, others get none; a start with --republish brings "
            "all")};
    }
    return {};
}

Result<std::vector<LastResult>> last_results(const TailSources& from,
                                             const kafka::TopicInfo& results) {
    std::map<PartitionId, LastResult> last;
    const auto note = [&last](const kafka::TopicReader& reader, const RecordView& record) {
        LastResult& one = last[record.partition];
        one = {record.partition, record.record_offset, record.is_tombstone(),
               reader.header(record, kTransactionHeader.data()).has_value(), std::nullopt};
        if (const auto application = reader.header(record, kApplicationHeader.data())) {
            one.application = std::string(*application);
        }
        return true;
    };
    if (auto read = read_tails(from, TopicRole::results, results, note); !read) {
        return std::unexpected(std::move(read.error()));
    }
    std::vector<LastResult> all;
    all.reserve(last.size());
    for (auto& [partition, one] : last) {
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace kstream::topics
