#include "kstream/codec/identity.hpp"

#include "text/base64.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace kstream {

namespace {

constexpr std::string_view kPrefix = "ks1 ";
constexpr std::string_view kMarkedPrefix = "ks2 ";  // with an OffsetMark
constexpr std::string_view kAnyPrefix = "ks";
constexpr std::string_view kNoTimeText = "none";

// Takes the value of `name=` from the front of `text`, which is a list of name=value with blanks
// between them in a fixed order.
bool take_value(std::string_view& text, std::string_view name, std::string_view& value) {
    if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != '=') {
        return false;
    }
    text.remove_prefix(name.size() + 1);
    const std::size_t end = text.find(' ');
    value = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return !value.empty();
}

template <typename T>
bool take_number(std::string_view& text, std::string_view name, T& number, int base = 10) {
    std::string_view value;
    if (!take_value(text, name, value)) {
        return false;
    }
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), number, base);
    return error == std::errc{} && end == value.data() + value.size();
}

bool take_topic_id(std::string_view& text, std::string_view name, TopicId& id) {
    std::string_view value;
    return take_value(text, name, value) && parse_topic_id_text(value, id);
}

// Takes them from the front of `text`.
bool take_identity(std::string_view& text, Identity& identity) {
    std::string_view partitioner;
    return take_number(text, "spec", identity.spec_hash, 16) &&
           take_number(text, "scale", identity.scale) &&
           take_value(text, "partitioner", partitioner) && partitioner == "murmur2" &&
           take_number(text, "state", identity.state_partitions) &&
           take_number(text, "results", identity.results_partitions) &&
           take_number(text, "first", identity.initial_source_partitions) &&
           take_topic_id(text, "source", identity.source_id) &&
           take_topic_id(text, "repartition", identity.repartition_id) &&
           take_topic_id(text, "changelog", identity.changelog_id);
}

bool take_time(std::string_view& text, std::string_view name, std::int64_t& time) {
    std::string_view value;
    std::string_view rest = text;
    if (take_value(rest, name, value) && value == kNoTimeText) {
        text = rest;
        return true;
    }
    return take_number(text, name, time) && time >= 0;
}

bool take_horizon(std::string_view& text, Horizon& horizon) {
    return take_number(text, "horizon", horizon.offset.value) && horizon.offset.value >= 0 &&
           take_time(text, "seen", horizon.seen);
}

bool take_mark(std::string_view& text, OffsetMark& mark) {
    if (!take_number(text, "step", mark.step) || text.empty()) {
        return mark.step > 0;
    }
    SourceMark& source = mark.source.emplace();
    if (!take_time(text, "w", source.watermark)) {
        return false;
    }
    unsigned idle = 0;
    if (!take_number(text, "idle", idle)) {
        return false;
    }
    source.idle = idle == 1;
    return mark.step > 0 && (text.empty() || take_horizon(text, source.horizon.emplace()));
}

std::string time_text(std::int64_t time) {
    return time == kNoTime ? std::string{kNoTimeText} : fmt::format("{}", time);
}

// Everything after the prefix.
std::string fields_text(const Identity& identity) {
    return fmt::format(
        "spec={:016x} scale={} partitioner=murmur2 state={} results={} first={} source={} "
        "repartition={} changelog={}",
        identity.spec_hash, identity.scale, identity.state_partitions, identity.results_partitions,
        identity.initial_source_partitions, topic_id_text(identity.source_id),
        topic_id_text(identity.repartition_id), topic_id_text(identity.changelog_id));
}

}  // namespace

std::string topic_id_text(const TopicId& id) {
    return text::base64url(id.bytes);
}

bool parse_topic_id_text(std::string_view text, TopicId& id) {
    return text::read_base64url(text, id.bytes);
}

std::string identity_text(const Identity& identity) {
    return fmt::format("{}{}", kPrefix, fields_text(identity));
}

std::string offset_metadata_text(const OffsetMetadata& metadata) {
    if (!metadata.mark) {
        return identity_text(metadata.identity);
    }
    std::string text = fmt::format("{}{} step={}", kMarkedPrefix, fields_text(metadata.identity),
                                   metadata.mark->step);
    if (const std::optional<SourceMark>& source = metadata.mark->source) {
        text += fmt::format(" w={} idle={}", time_text(source->watermark), source->idle ? 1 : 0);
        if (const std::optional<Horizon>& horizon = source->horizon) {
            text +=
                fmt::format(" horizon={} seen={}", horizon->offset.value, time_text(horizon->seen));
        }
    }
    return text;
}

bool is_identity_text(std::string_view text) {
    return text.starts_with(kAnyPrefix);
}

Result<OffsetMetadata> parse_offset_metadata(std::string_view text) {
    OffsetMetadata metadata;
    const bool marked = text.starts_with(kMarkedPrefix);
    if (!marked && !text.starts_with(kPrefix)) {
        return fail(ExitCode::identity,
                    "a committed offset carries no kstream identity (or one of a newer version)",
                    "if offsets were set by hand: stop every worker and delete the group; its "
                    "positions are found again in the logs, nothing is lost or counted twice. If "
                    "another program uses the group: choose another --application-id and another "
                    "--output-topic");
    }
    // One spelling for each identity: no leading zeros, no capitals, nothing after it.
    std::string_view left = text.substr(kPrefix.size());
    const bool parsed = take_identity(left, metadata.identity) &&
                        (!marked || take_mark(left, metadata.mark.emplace()));
    if (!parsed || !left.empty() || offset_metadata_text(metadata) != text) {
        return fail(ExitCode::identity,
                    fmt::format("the identity of a committed offset cannot be read: '{}'", text),
                    "it was written by a newer kstream: upgrade, or run `kstream reset`");
    }
    return metadata;
}

Result<Identity> parse_identity_text(std::string_view text) {
    Result<OffsetMetadata> metadata = parse_offset_metadata(text);
    if (!metadata) {
        return std::unexpected(std::move(metadata.error()));
    }
    return metadata->identity;
}

std::vector<std::string> identity_differences(const Identity& stored, const Identity& now) {
    std::vector<std::string> differences;
    if (stored == now) {
        return differences;  // asked for each batch of deltas: no texts for nothing
    }
    const auto compare = [&differences](std::string_view what, const auto& a, const auto& b) {
        if (a != b) {
            differences.push_back(fmt::format("{}: stored {}, now {}", what, a, b));
        }
    };
    compare("specification", fmt::format("{:016x}", stored.spec_hash),
            fmt::format("{:016x}", now.spec_hash));
    compare("decimal scale", stored.scale, now.scale);
    compare("partitioner", static_cast<int>(stored.partitioner), static_cast<int>(now.partitioner));
    compare("repartition and changelog partitions", stored.state_partitions, now.state_partitions);
    compare("results partitions", stored.results_partitions, now.results_partitions);
    compare("source topic id", topic_id_text(stored.source_id), topic_id_text(now.source_id));
    compare("repartition topic id", topic_id_text(stored.repartition_id),
            topic_id_text(now.repartition_id));
    compare("changelog topic id", topic_id_text(stored.changelog_id),
            topic_id_text(now.changelog_id));
    return differences;
}

}  // namespace kstream
