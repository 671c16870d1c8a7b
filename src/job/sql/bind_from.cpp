// FROM: the topic, and where it stands in tumble, hop, session or events, the time of its records.
#include "job/names.hpp"
#include "job/sql/binder.hpp"
#include "job/sql/constants.hpp"
#include "job/times.hpp"
#include "text/kafka_name.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace kstream::job::sql {
namespace {

using std::string_view;

struct EventFunction {
    string_view name;
    std::size_t required = 0;  // arguments without names
    std::size_t arguments = 0;
    string_view usage;
};
constexpr auto kEventFunctions = std::to_array<EventFunction>({
    {"events", 2, 2, "write events(topic, time)"},
    {"hop", 4, 4,
     "write hop(topic, time, INTERVAL '1 minute', INTERVAL '10 minutes', grace => INTERVAL '5 "
     "minutes'), the slide before the size"},
    {"session", 3, 3,
     "write session(topic, time, INTERVAL '30 minutes', grace => INTERVAL '5 minutes')"},
    {"tumble", 3, 4,
     "write tumble(topic, time, INTERVAL '1 hour', grace => INTERVAL '5 minutes'), or 'day', "
     "'America/Sao_Paulo' for the interval"},
});

// The names of arguments. What has no windows takes the last three alone.
constexpr auto kWindowArguments =
    std::to_array<string_view>({"emit", "grace", "idle", "origin", "quiet"});
constexpr auto kOtherArguments = std::to_array<string_view>({"max_ahead", "unique_by", "within"});

constexpr string_view kSizeHint =
    "write INTERVAL '15 minutes'; for months 'month', 'America/Sao_Paulo'";

[[nodiscard]] bool is_text(const Node& argument) {
    return argument.is("A_Const") && argument.has("sval");
}

[[nodiscard]] string_view text_of(const Node& argument) {
    return argument.bare("sval").text("sval");
}

// The call of FROM f(...).
[[nodiscard]] Node call_of(const Node& range_function) {
    const std::vector<Node> functions = range_function.nodes("functions");
    const std::vector<Node> parts =
        functions.empty() ? std::vector<Node>{} : functions.front().nodes("items");
    return parts.empty() ? Node{} : parts.front();
}

[[nodiscard]] const Node* find(const std::map<string_view, Node>& named, string_view name) {
    const auto found = named.find(name);
    return found == named.end() ? nullptr : &found->second;
}

}  // namespace

// ---- the topic ----------------------------------------------------------------------------------

// Its name as it is spelled: the tree has it folded, and 63 bytes of it.
std::string Binder::topic_at(std::size_t token, bool qualified) {
    const std::uint32_t at = tokens_[token].at;
    std::string name;
    std::size_t last = token;
    for (std::size_t i = token; tokens_.is_name(i); i += 2) {
        name += (name.empty() ? "" : ".") + tokens_.name(i);
        last = i;
        if (!qualified || !tokens_.is_symbol(i + 1, ".")) {
            break;
        }
    }
    const Place place{at, tokens_[last].end() - at};
    if (qualified) {
        note(place, "topics have no schema",
             "write " + as_name(name) + ", in quotes: it is one name");
    } else if (const std::string problem = text::kafka_name_problem(name); !problem.empty()) {
        note(place, "a topic's name " + problem);
    }
    return name;
}

std::string Binder::topic(const Node& relation) {
    const std::size_t token = tokens_.from(place_of(relation).at);
    if (tokens_.is_name(token)) {
        return topic_at(token, relation.has("schemaname") || relation.has("catalogname"));
    }
    note(place_of(relation), "this name cannot be read", "write it in quotes");
    return {};
}

void Binder::bind_from(const Node& node) {
    const std::vector<Node> from = node.nodes("fromClause");
    static constexpr auto kSelect = std::to_array<string_view>({"select"});
    if (from.empty()) {
        note(keyword_place(kSelect), "FROM is missing", "name the topic to read: FROM topic");
        return;
    }
    const Node& first = from.front();
    if (first.is("JoinExpr") || from.size() > 1) {
        static constexpr auto kJoin = std::to_array<string_view>({"join"});
        const Place place = first.is("JoinExpr")          ? keyword_place(kJoin)
                            : from[1].is("RangeFunction") ? place_of(call_of(from[1]))
                                                          : place_of(from[1]);
        note(place, "joins are not supported", "a job reads one topic");
    } else if (first.is("RangeSubselect")) {
        static constexpr auto kFrom = std::to_array<string_view>({"from"});
        note(keyword_place(kFrom), "subqueries are not supported", "name one topic: FROM topic");
    } else if (first.is("RangeFunction")) {
        bind_function_in_from(first);
    } else if (first.is("RangeVar")) {
        source_topic_ = topic(first);
        if (source_topic_ == output_topic_) {
            note(place_of(first), "the results would be read again",
                 "INSERT INTO a topic other than the one in FROM");
        }
        if (first.has("alias")) {
            note(place_of(first), "FROM takes no alias",
                 "remove it: fields are written without the topic");
        }
        if (!first.flag("inh")) {
            note(place_of(first), "ONLY is not supported", "write only the topic");
        }
    } else {
        note(place_of(first), "FROM takes a topic", "name the topic: FROM topic");
    }
}

// ---- event time ---------------------------------------------------------------------------------

void Binder::bind_function_in_from(const Node& node) {
    const Node call = call_of(node);
    const Place place = place_of(call);
    const std::vector<string_view> names = call.names("funcname");
    const string_view name = names.size() == 1 ? names.front() : string_view{};
    if (std::ranges::find(kEventFunctions, name, &EventFunction::name) == kEventFunctions.end()) {
        note(place, "FROM takes a topic, not a function",
             "name the topic: FROM topic; of event time: tumble, hop, session or events");
        return;
    }
    if (node.nodes("functions").size() > 1 || node.flag("ordinality") || node.flag("is_rowsfrom") ||
        node.flag("lateral")) {
        note(place, "FROM takes one topic, once",
             "write FROM " + std::string{name} + "(topic, time, ...)");
    }
    if (node.has("alias") || node.has("coldeflist")) {
        note(place, "FROM takes no alias", "remove it: fields are written without the topic");
    }
    bind_event_time(name, call);
}

void Binder::bind_event_time(string_view function, const Node& call) {
    event_time_.emplace();
    event_time_->function = function;
    event_time_->place = place_of(call);
    if (refuse_decorations(function, call, false)) {
        return;
    }
    const EventFunction& row = *std::ranges::find(kEventFunctions, function, &EventFunction::name);
    std::vector<Node> positional;
    const Named named = split_arguments(call, positional);
    if (!positional.empty()) {
        const Node& topic = positional.front();
        if (topic.is("ColumnRef") && tokens_.is_name(tokens_.from(place_of(topic).at))) {
            source_topic_ =
                topic_at(tokens_.from(place_of(topic).at), topic.nodes("fields").size() > 1);
        } else {
            note(argument_place(topic), std::string{function} + " takes a topic first",
                 "write its name; in double quotes if it is an SQL keyword, has dots or dashes");
        }
        if (!source_topic_.empty() && source_topic_ == output_topic_) {
            note(place_of(topic), "the results would be read again",
                 "INSERT INTO a topic other than the one in FROM");
        }
    }
    if (positional.size() < row.required || positional.size() > row.arguments) {
        note(event_time_->place,
             std::string{function} + " takes " + std::to_string(row.required) +
                 (row.arguments > row.required ? " or " + std::to_string(row.arguments) : "") +
                 " arguments before those with names, not " + std::to_string(positional.size()),
             std::string{row.usage});
    }
    if (positional.size() > 1) {
        event_time_->time = bind_expression(positional[1]);
        static_cast<void>(require(*event_time_->time, ValueType::timestamp, function));
    }
    if (event_time_->has_windows()) {
        if (positional.size() >= row.required && positional.size() <= row.arguments) {
            bind_window(positional, named);
        }
        bind_emission(named);
    }
    bind_bounds(named);
}

// Those without a name come first.
Binder::Named Binder::split_arguments(const Node& call, std::vector<Node>& positional) {
    const std::string& function = event_time_->function;
    Named named;
    bool any_named = false;
    for (const Node& argument : call.nodes("args")) {
        const Place place = argument_place(argument);
        if (!argument.is("NamedArgExpr")) {
            if (any_named) {
                note(place, "an argument without a name after one that has a name",
                     "give it a name, or write it first");
            } else {
                positional.push_back(argument);
            }
            continue;
        }
        any_named = true;
        const string_view name = argument.text("name");
        const bool of_windows = std::ranges::find(kWindowArguments, name) != kWindowArguments.end();
        const bool other = std::ranges::find(kOtherArguments, name) != kOtherArguments.end();
        if (!other && !(of_windows && event_time_->has_windows())) {
            note(place, function + " has no argument " + std::string{name},
                 event_time_->has_windows()
                     ? "it has grace, emit, idle, quiet, max_ahead, unique_by, within and origin"
                     : "it has max_ahead, unique_by and within");
        } else if (!named.emplace(name, argument.node("arg")).second) {
            note(place, std::string{name} + " appears twice", "remove one of them");
        }
    }
    return named;
}

// Of a cast its value too: a constant of an INTERVAL has no place but of its parts.
Place Binder::argument_place(const Node& argument) const {
    if (!argument.is("TypeCast")) {
        return place_of(argument);
    }
    const Place type = token_place(argument.bare("typeName").location());
    const Place value = place_of(argument.node("arg"));
    const std::uint32_t at = std::min(type.at, value.at);
    return {at, std::max(type.at + type.size, value.at + value.size) - at};
}

std::optional<std::int64_t> Binder::interval(const Node& argument, string_view name,
                                             string_view hint) {
    std::optional<std::int64_t> length;
    if (argument.is("TypeCast")) {
        const Node type = argument.bare("typeName");
        const std::vector<string_view> names = type.names("names");
        if (!names.empty() && names.back() == "interval" && !type.has("typmods") &&
            is_text(argument.node("arg"))) {
            length = parse_interval(text_of(argument.node("arg")));
        }
    }
    const bool may_be_zero = name == "grace";
    if (!length || (*length == 0 && !may_be_zero)) {
        note(argument_place(argument),
             std::string{name} + " takes an INTERVAL of weeks or less" +
                 (may_be_zero ? "" : ", above 0"),
             std::string{hint});
        return std::nullopt;
    }
    return length;
}

void Binder::bind_window(std::span<const Node> positional, const Named& named) {
    Window& window = event_time_->rest.window;
    const string_view function = event_time_->function;
    const Node* const origin = find(named, "origin");
    if (function == "tumble" && is_text(positional[2])) {
        window.kind = WindowKind::calendar;
        bind_calendar(positional);
    } else if (function == "tumble") {
        window.kind = WindowKind::tumble;
        window.size = interval(positional[2], "the size", kSizeHint).value_or(0);
        if (positional.size() > 3) {
            note(argument_place(positional[3]), "a window of a fixed length has no time zone",
                 "write 'day' or another unit for the interval, or remove the zone");
        }
    } else if (function == "hop") {
        window.kind = WindowKind::hop;
        bind_hop(positional);
    } else {
        window.kind = WindowKind::session;
        window.size = interval(positional[2], "the gap", "write INTERVAL '30 minutes'").value_or(0);
    }
    if (origin != nullptr &&
        (window.kind == WindowKind::calendar || window.kind == WindowKind::session)) {
        note(argument_place(*origin),
             std::string{window.kind == WindowKind::calendar ? "windows of a calendar"
                                                             : "sessions"} +
                 " have no origin",
             "remove it");
    } else if (origin != nullptr) {
        bind_origin(*origin, window.kind == WindowKind::hop ? window.slide : window.size);
    }
}

void Binder::bind_calendar(std::span<const Node> positional) {
    Window& window = event_time_->rest.window;
    window.unit = folded(text_of(positional[2]));
    const Place unit = place_of(positional[2]);
    if (parse_interval(window.unit)) {
        note(unit, "the size is a text, not an interval", "write INTERVAL " + source(unit));
        return;
    }
    if (std::ranges::find(kCalendarUnits, window.unit) == kCalendarUnits.end()) {
        note(unit, "tumble does not know " + source(unit),
             "it knows 'day', 'week', 'month', 'quarter' and 'year'; others as INTERVAL '15 "
             "minutes'");
    }
    if (positional.size() < 4) {
        note(unit, "the time zone of this " + window.unit + " is missing",
             "write " + source(unit) + ", 'America/Sao_Paulo' or another time zone, or 'UTC'");
        return;
    }
    const Node& zone = positional[3];
    if (!is_text(zone) || !is_zone_name(text_of(zone))) {
        note(argument_place(zone), "a time zone is a name in quotes",
             "write 'UTC' or a name such as 'America/Sao_Paulo'");
        return;
    }
    window.zone = text_of(zone);
    const std::optional<std::uint64_t> clocks =
        options_.zones ? options_.zones(window.zone) : std::nullopt;
    if (!clocks) {
        note(place_of(zone), "there is no time zone " + window.zone + " here",
             "zones are named as in America/Sao_Paulo, and come with the package tzdata");
    }
    window.zone_fingerprint = clocks.value_or(0);
}

void Binder::bind_hop(std::span<const Node> positional) {
    Window& window = event_time_->rest.window;
    const auto slide = interval(positional[2], "the slide", "write INTERVAL '1 minute'");
    const auto size = interval(positional[3], "the size", "write INTERVAL '10 minutes'");
    if (!slide || !size) {
        return;
    }
    window.slide = *slide;
    window.size = *size;
    const std::int64_t panes = window.size / std::gcd(window.size, window.slide);
    if (window.slide > window.size) {
        note(argument_place(positional[2]),
             "the slide is longer than the size, so some records are in no window",
             "the slide comes first: hop(topic, time, slide, size)");
    } else if (panes > kMaxPanes) {
        note(argument_place(positional[2]),
             "a window would consist of " + std::to_string(panes) + " panes, at most " +
                 std::to_string(kMaxPanes) + " are supported",
             "write a longer slide, or one that divides the size");
    }
}

// Windows repeat, so any of their starts says the same: the first one of 1970 stands for all.
void Binder::bind_origin(const Node& argument, std::int64_t length) {
    const Draft draft = bind_expression(argument);
    if (types_.is_broken(draft.slot)) {
        return;
    }
    if (draft.op != Op::literal || types_.type(draft.slot) != ValueType::timestamp) {
        note(argument_place(argument), "origin takes a timestamp, as a constant",
             "write TIMESTAMPTZ '2000-01-01T00:00:00Z'");
    } else if (length > 0) {
        event_time_->rest.window.origin = draft.literal.milliseconds % length;
    }
}

void Binder::bind_emission(const Named& named) {
    EventTime& made = event_time_->rest;
    if (const Node* const grace = find(named, "grace")) {
        made.grace = interval(*grace, "grace", "write INTERVAL '5 minutes'").value_or(0);
    } else {
        note(event_time_->place, "grace is missing",
             "write grace => INTERVAL '5 minutes': a record is late when its window ended longer "
             "ago");
    }
    const Node* const emit = find(named, "emit");
    if (emit != nullptr) {
        const std::string text = is_text(*emit) ? folded(text_of(*emit)) : std::string{};
        made.emit = text == "final" ? Emit::final_only : Emit::updates;
        if (text != "final" && text != "updates") {
            note(argument_place(*emit), "emit takes 'updates' or 'final'",
                 "'updates' publishes what has changed, 'final' each window once");
        }
    }
    const Node* const idle = find(named, "idle");
    const bool never = idle != nullptr && is_text(*idle) && folded(text_of(*idle)) == "never";
    if (idle != nullptr && !never) {
        made.idle = interval(*idle, "idle", "write INTERVAL '1 minute' or 'never'");
    } else if (idle == nullptr && made.emit == Emit::final_only) {
        note(argument_place(*emit), "idle is missing: emit => 'final' needs it",
             "write idle => INTERVAL '1 minute', or 'never': a partition without records then "
             "holds up all windows");
    }
    if (const Node* const quiet = find(named, "quiet")) {
        if (!is_text(*quiet) || folded(text_of(*quiet)) != "wall") {
            note(argument_place(*quiet), "quiet takes 'wall'",
                 "without it time stands still while all partitions are idle");
        } else if (idle == nullptr || never) {
            note(argument_place(*quiet), "quiet needs an interval as idle",
                 "write idle => INTERVAL '1 minute'");
        }
        made.quiet_wall = true;
    }
}

void Binder::bind_bounds(const Named& named) {
    EventTime& made = event_time_->rest;
    if (const Node* const ahead = find(named, "max_ahead")) {
        const bool never = is_text(*ahead) && folded(text_of(*ahead)) == "never";
        made.max_ahead = never
                             ? std::nullopt
                             : interval(*ahead, "max_ahead", "write INTERVAL '1 hour' or 'never'");
    }
    const Node* const unique = find(named, "unique_by");
    const Node* const within = find(named, "within");
    if (unique != nullptr) {
        event_time_->unique_by = bind_expression(*unique);
    }
    if (within != nullptr) {
        made.within = interval(*within, "within", "write INTERVAL '1 day'").value_or(0);
    }
    if ((unique == nullptr) != (within == nullptr)) {
        note(argument_place(unique != nullptr ? *unique : *within),
             unique != nullptr ? "unique_by needs within" : "within needs unique_by",
             unique != nullptr ? "write within => INTERVAL '1 day': how long values are remembered"
                               : "write unique_by => id");
    }
}

}  // namespace kstream::job::sql
