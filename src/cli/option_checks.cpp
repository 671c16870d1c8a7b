// What Kafka, librdkafka and the job's own naming allow, so that a typing error ends here and not
// as a broker's error much later.
#include "cli/option_checks.hpp"

#include "cli/listen_address.hpp"
#include "cli/values.hpp"
#include "kstream/model/names.hpp"
#include "kstream/model/property_rules.hpp"
#include "text/kafka_name.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace kstream::cli {
namespace {

constexpr std::size_t kMaxInstanceIdBytes = 100;
constexpr std::size_t kMaxFieldBytes = 255;

Check check_name(std::string_view text, std::size_t max_bytes) {
    const std::string problem = text::kafka_name_problem(text, max_bytes);
    return problem.empty() ? std::nullopt
                           : Check(fmt::format("{} {}", text::in_quotes(text), problem));
}

// "host:port" or "host", with an IPv6 address in brackets.
bool is_broker(std::string_view text) {
    const std::size_t bracket = text.rfind(']');
    const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    const std::string_view host = text.substr(0, colon);
    const auto visible = [](char c) { return c > ' ' && c < 0x7f && c != ','; };
    if (host.empty() || !std::ranges::all_of(host, visible)) {
        return false;
    }
    if (colon == std::string_view::npos) {
        return true;
    }
    const auto port = read_unsigned(text.substr(colon + 1));
    return port && *port >= 1 && *port <= 65'535;
}

}  // namespace

Check check_topic(std::string_view text) {
    // __consumer_offsets, __transaction_state, and what providers and tools keep in the same way:
    // to read or write one as a topic of records ended in "please report it".
    if (text.starts_with("__")) {
        return fmt::format("{} is one of Kafka's own: names that begin with __ are reserved",
                           text::in_quotes(text));
    }
    return check_name(text, text::kMaxTopicNameBytes);
}

Check check_application_id(std::string_view text) {
    return check_name(text, text::kMaxApplicationIdBytes);
}

Check check_instance_id(std::string_view text) {
    return check_name(text, kMaxInstanceIdBytes);
}

Check check_field(std::string_view text) {
    if (text.size() > kMaxFieldBytes) {
        return fmt::format("{} is longer than {} bytes", text::in_quotes(text), kMaxFieldBytes);
    }
    return std::nullopt;
}

Check check_brokers(std::string_view text) {
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.size(), text.find(',', begin));
        const std::string_view one = text.substr(begin, end - begin);
        if (!is_broker(one)) {
            return fmt::format("{} is not HOST:PORT", text::in_quotes(one));
        }
        begin = end + 1;
    }
    return std::nullopt;
}

Check check_http_address(std::string_view text) {
    const auto address = read_listen_address(text);
    return address ? std::nullopt : Check(address.error());
}

Check check_advertised_address(std::string_view text) {
    if (!is_advertisable(text)) {
        return fmt::format("{} is not HOST:PORT with a host name or an address and a port from 1",
                           text::in_quotes(text));
    }
    return std::nullopt;
}

Check check_client_property(std::string_view text) {
    const std::string_view name = text.substr(0, text.find('='));
    if (!text::kafka_name_problem(name, kMaxFieldBytes).empty()) {
        return fmt::format("{} is not the name of a property", text::in_quotes(name));
    }
    if (const std::string_view reason = refusal_reason(name); !reason.empty()) {
        return fmt::format("{} cannot be set: {}", name, reason);
    }
    return std::nullopt;
}

Check check_topic_config(std::string_view text) {
    const std::size_t dot = text.find('.');
    const std::string_view role = text.substr(0, dot);
    if (const auto found = read_choice(role, kTopicRoleNames); !found) {
        return "the role " + found.error();
    }
    const std::string_view rest = dot == std::string_view::npos ? "" : text.substr(dot + 1);
    if (rest.empty() || rest.starts_with('=')) {
        return fmt::format("{} is not ROLE.KEY=VALUE", text::in_quotes(text));
    }
    return std::nullopt;
}

}  // namespace kstream::cli
