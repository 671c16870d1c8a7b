// Questions go to every totals loop of the process; their answers are put together here.
#include "telemetry/state_pages.hpp"

#include "text/json_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>

namespace kstream::telemetry {
namespace {

using text::JsonWriter;

constexpr std::string_view kKeyPath = "/state/";

HttpResponse json_response(int status, JsonWriter& json) {
    return {.status = status, .content_type = kJsonType, .body = json.take() + "\n"};
}

HttpResponse problem(int status, std::string_view text) {
    JsonWriter json;
    json.begin_object().field("error", text).end_object();
    return json_response(status, json);
}

// As a path segment of a link: everything but what RFC 3986 calls unreserved is encoded.
std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

template <typename T>
bool read_number(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

std::vector<PartitionId> restoring_partitions(const SnapshotStore& snapshots) {
    std::vector<PartitionId> all;
    for (const auto& snapshot : snapshots.read().loops) {
        for (const PartitionStatus& partition : snapshot.status->member.partitions) {
            if (snapshot.status->stage == Stage::totals && partition.restoring) {
                all.push_back(partition.partition);
            }
        }
    }
    std::ranges::sort(all);
    return all;
}

void write_numbers(JsonWriter& json, std::string_view name,
                   const std::vector<PartitionId>& partitions) {
    json.array(name, partitions,
               [&json](const PartitionId partition) { json.value(partition.value); });
}

void write_peers(JsonWriter& json, const Peers* peers, Instant now) {
    json.key("peers");
    if (peers == nullptr) {
        json.null().key("peers_age_seconds").null();
        return;
    }
    json.begin_array();
    for (const Peer& peer : peers->list) {
        json.begin_object();
        json.field("http", peer.http.empty() ? std::nullopt : std::optional(peer.http));
        json.field("host", peer.host).field("self", peer.self);
        write_numbers(json, "partitions", peer.partitions);
        json.end_object();
    }
    json.end_array();
    json.field("peers_age_seconds", std::chrono::duration<double>(now - peers->asked).count());
}

// The answers of all totals loops of the process, as they come in.
class Gathering {
public:
    Gathering(const StateSources& sources, const StateQuestion& question)
        : deadline_(sources.clock.now() + kStatePatience) {
        for (QuestionDesk* const desk : sources.board.desks()) {
            waiting_.push_back(desk->ask(question));
            refused_ = refused_ || waiting_.back() == nullptr;
        }
    }

    [[nodiscard]] bool refused() const { return refused_; }
    [[nodiscard]] bool overdue(Instant now) const { return now >= deadline_; }
    [[nodiscard]] std::vector<StateAnswer>& answers() { return answers_; }

    // Whether all have answered.
    bool look() {
        std::erase_if(waiting_, [this](const std::shared_ptr<QuestionDesk::Ticket>& ticket) {
            std::optional<StateAnswer> answer = ticket->take();
            if (answer) {
                answers_.push_back(std::move(*answer));
            }
            return answer.has_value();
        });
        return waiting_.empty();
    }

private:
    Instant deadline_;
    bool refused_ = false;
    std::vector<std::shared_ptr<QuestionDesk::Ticket>> waiting_;
    std::vector<StateAnswer> answers_;
};

using Assemble = std::function<std::optional<HttpResponse>(std::vector<StateAnswer>&, bool last)>;

// Asks, waits, and has the answer put together; `assemble` may want to be asked again, until the
// deadline.
HttpReply gather(const StateSources& sources, const StateQuestion& question, Assemble assemble) {
    if (sources.board.desks().empty()) {
        return problem(503, "starting: no totals loop runs yet");
    }
    auto gathering = std::make_shared<Gathering>(sources, question);
    if (gathering->refused()) {
        return problem(503, "too many questions wait for a totals loop");
    }
    return HttpPending(
        [sources, gathering, assemble = std::move(assemble)]() -> std::optional<HttpResponse> {
            const bool overdue = gathering->overdue(sources.clock.now());
            if (gathering->look()) {
                return assemble(gathering->answers(), overdue);
            }
            if (overdue) {
                return problem(503,
                               fmt::format("a totals loop has not answered within {} ms: ask again",
                                           kStatePatience.count()));
            }
            return std::nullopt;
        });
}

// Whether what is known of the peers is worth waiting for a newer answer, which is under way.
bool is_stale(const Peers* peers, Instant now) {
    constexpr Duration kGoodFor = std::chrono::seconds(10);
    return peers == nullptr || now - peers->asked > kGoodFor;
}

// ---- /state -------------------------------------------------------------------------------------

// In the order of partition and index, cut at what one answer may hold.
struct Merged {
    std::vector<StateEntry> entries;
    std::vector<StatePartition> partitions;
    std::optional<std::string> next;
};

Merged merge(std::vector<StateAnswer>& answers, std::size_t max_entries) {
    Merged merged;
    bool more = false;
    // A loop whose list was cut has keys after its last one: nothing beyond that place is sure.
    std::optional<std::pair<PartitionId, std::uint32_t>> sure;
    for (StateAnswer& answer : answers) {
        if (answer.more && !answer.entries.empty()) {
            const std::pair end{answer.entries.back().partition, answer.entries.back().index};
            sure = sure ? std::min(*sure, end) : end;
            more = true;
        }
        std::ranges::move(answer.entries, std::back_inserter(merged.entries));
        std::ranges::move(answer.partitions, std::back_inserter(merged.partitions));
    }
    const auto place = [](const StateEntry& entry) {
        return std::pair{entry.partition, entry.index};
    };
    std::ranges::sort(merged.entries, {}, place);
    std::ranges::sort(merged.partitions, {}, &StatePartition::partition);
    std::size_t kept = 0;
    std::size_t bytes = 0;
    for (const StateEntry& entry : merged.entries) {
        bytes += entry.key.size() + entry.value.size();
        if (kept == max_entries || (kept > 0 && bytes > kMaxStateBytes) ||
            (sure && place(entry) > *sure)) {
            more = true;
            break;
        }
        ++kept;
    }
    merged.entries.resize(kept);
    if (more && kept > 0) {
        const StateEntry& last = merged.entries.back();
        merged.next = fmt::format("{}.{}", last.partition.value, last.index + 1);
    }
    return merged;
}

// ---- windows in /state --------------------------------------------------------------------------

// What the loops of this process have counted of windows since it started, and which of the source
// partitions that it reads are idle.
struct WindowCounts {
    std::uint64_t closed = 0;
    std::uint64_t late = 0;
    std::uint64_t future = 0;
    std::map<PartitionId, bool> idle;
};

WindowCounts window_counts(const SnapshotStore& snapshots) {
    WindowCounts counts;
    for (const auto& snapshot : snapshots.read().loops) {
        const LoopStatus& loop = *snapshot.status;
        counts.closed += loop.fold.keys_closed;
        counts.late += loop.fold.late;
        counts.future += loop.fold.bad_records[static_cast<std::size_t>(BadReason::time_future)];
        for (const PartitionStatus& partition : loop.member.partitions) {
            if (partition.idle) {
                counts.idle[partition.partition] = *partition.idle;
            }
        }
    }
    return counts;
}

// As far as all of these state partitions have each source partition.
std::map<PartitionId, std::int64_t> source_watermarks(
    const std::vector<StatePartition>& partitions) {
    std::map<PartitionId, std::int64_t> watermarks;
    for (const StatePartition& partition : partitions) {
        for (const SourceWatermark& source : partition.sources) {
            const auto [at, is_new] = watermarks.try_emplace(source.partition, source.watermark);
            at->second = std::min(at->second, source.watermark);
        }
    }
    return watermarks;
}

std::optional<double> unix_seconds(std::int64_t time_ms) {
    return time_ms == kNoTime ? std::nullopt : std::optional(static_cast<double>(time_ms) / 1000.0);
}

// null of a job without windows, and while no state partition is here.
void write_windows(JsonWriter& json, const StateSources& sources,
                   const std::vector<StatePartition>& partitions, std::uint64_t keys) {
    json.key("windows");
    const std::map<PartitionId, std::int64_t> watermarks = source_watermarks(partitions);
    if (watermarks.empty()) {
        json.null();
        return;
    }
    const WindowCounts counts = window_counts(sources.snapshots);
    // No time is less than any.
    const auto earliest = std::ranges::min_element(partitions, {}, &StatePartition::clock);
    const auto least = std::ranges::min_element(
        watermarks, {}, &std::map<PartitionId, std::int64_t>::value_type::second);
    json.begin_object().field("open", keys).field("closed", counts.closed);
    json.field("late", counts.late).field("future", counts.future);
    json.field("clock", unix_seconds(earliest->clock));
    json.field("held_back_by", least->first.value);
    json.array("sources", watermarks, [&](const auto& source) {
        const auto& [partition, watermark] = source;
        json.begin_object().field("partition", partition.value);
        json.field("watermark", unix_seconds(watermark));
        const auto idle = counts.idle.find(partition);
        json.field("idle", idle == counts.idle.end() ? std::nullopt : std::optional(idle->second));
        json.end_object();
    });
    json.end_object();
}

std::optional<HttpResponse> list_response(const StateSources& sources,
                                          std::vector<StateAnswer>& answers, std::size_t limit,
                                          bool last) {
    const auto peers = sources.board.peers().read();
    if (is_stale(peers.get(), sources.clock.now()) && !last) {
        return std::nullopt;
    }
    const Merged merged = merge(answers, limit);
    const std::uint32_t state_partitions = sources.board.state_partitions();
    std::uint64_t keys = 0;
    JsonWriter json;
    json.begin_object();
    json.field("partial", merged.partitions.size() < state_partitions);
    json.field("state_partitions", state_partitions);
    json.key("partitions").begin_array();
    for (const StatePartition& partition : merged.partitions) {
        json.begin_object().field("partition", partition.partition.value);
        json.field("keys", partition.keys).end_object();
        keys += partition.keys;
    }
    json.end_array();
    json.field("keys", keys);
    write_numbers(json, "restoring", restoring_partitions(sources.snapshots));
    write_windows(json, sources, merged.partitions, keys);
    json.array("group_by", sources.facts.group_by);
    json.array("aggregates", sources.facts.aggregates);
    json.key("graph");
    if (sources.facts.graph.empty()) {
        json.null();
    } else {
        json.value(sources.facts.graph);
    }
    json.array("entries", merged.entries, [&json](const StateEntry& entry) {
        json.begin_object().field("key", entry.key).field("partition", entry.partition.value);
        json.key("total").raw(entry.value).end_object();
    });
    json.field("next", merged.next);
    write_peers(json, peers.get(), sources.clock.now());
    json.end_object();
    return json_response(200, json);
}

// ---- /state/KEY ---------------------------------------------------------------------------------

HttpResponse found_response(const StateEntry& entry) {
    JsonWriter json;
    json.begin_object().field("key", entry.key).field("partition", entry.partition.value);
    json.key("total").raw(entry.value).end_object();
    return json_response(200, json);
}

HttpResponse not_here(int status, std::string_view error, const std::string& key,
                      PartitionId partition, const Peer* owner) {
    JsonWriter json;
    json.begin_object().field("error", error).field("key", key);
    json.field("partition", partition.value).key("owner");
    if (owner == nullptr) {
        json.null();
    } else {
        json.begin_object().field("host", owner->host).key("http");
        if (owner->http.empty()) {
            json.null().key("url").null();
        } else {
            json.value(owner->http);
            json.field("url", fmt::format("http://{}/state/{}", owner->http, percent_encoded(key)));
        }
        json.end_object();
    }
    json.end_object();
    return json_response(status, json);
}

std::optional<HttpResponse> find_response(const StateSources& sources, const std::string& key,
                                          const std::vector<StateAnswer>& answers, bool last) {
    const std::optional<PartitionId> partition = answers.front().key_partition;
    if (!partition) {
        return problem(404, "no group of this job has such a key");
    }
    for (const StateAnswer& answer : answers) {
        if (!answer.entries.empty()) {
            return found_response(answer.entries.front());
        }
        if (std::ranges::find(answer.partitions, *partition, &StatePartition::partition) !=
            answer.partitions.end()) {
            return not_here(404, "this key has no committed total", key, *partition, nullptr);
        }
    }
    if (std::ranges::binary_search(restoring_partitions(sources.snapshots), *partition)) {
        return not_here(503, "the partition of this key is being restored", key, *partition,
                        nullptr);
    }
    const auto peers = sources.board.peers().read();
    if (is_stale(peers.get(), sources.clock.now()) && !last) {
        return std::nullopt;
    }
    const Peer* const owner = peers == nullptr ? nullptr : peers->owner_of(*partition);
    if (owner != nullptr && !owner->self) {
        return not_here(404, "another process has the partition of this key", key, *partition,
                        owner);
    }
    return not_here(503, "the owner of this key's partition is not known yet: ask again", key,
                    *partition, nullptr);
}

}  // namespace

HttpReply list_state(const StateSources& sources, const HttpRequest& request) {
    StateQuestion question;
    std::size_t limit = kDefaultStateKeys;
    if (const auto text = query_value(request.query, "limit");
        text && (!read_number(*text, limit) || limit < 1 || limit > kMaxStateKeys)) {
        return problem(400, fmt::format("limit is not a number from 1 to {}", kMaxStateKeys));
    }
    if (const auto text = query_value(request.query, "after")) {
        const std::size_t dot = text->find('.');
        if (dot == std::string::npos ||
            !read_number(std::string_view(*text).substr(0, dot), question.from_partition.value) ||
            !read_number(std::string_view(*text).substr(dot + 1), question.from_index) ||
            question.from_partition.value < 0) {
            return problem(400, "after is not the `next` of an answer");
        }
    }
    question.max_entries = limit;
    question.max_bytes = kMaxStateBytes;
    return gather(sources, question,
                  [sources, limit](std::vector<StateAnswer>& answers, bool last) {
                      return list_response(sources, answers, limit, last);
                  });
}

HttpReply find_state(const StateSources& sources, const HttpRequest& request) {
    const auto key = percent_decoded(std::string_view(request.path).substr(kKeyPath.size()));
    if (!key) {
        return problem(400, "a % in the path is not followed by two hexadecimal digits");
    }
    StateQuestion question;
    question.kind = StateQuestion::Kind::find;
    question.key = *key;
    return gather(sources, question,
                  [sources, key = *key](std::vector<StateAnswer>& answers, bool last) {
                      return find_response(sources, key, answers, last);
                  });
}

}  // namespace kstream::telemetry
