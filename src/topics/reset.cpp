#include "topics/reset.hpp"

#include "kafka/error_map.hpp"
#include "kafka/tombstones.hpp"
#include "topics/facts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

namespace kstream::topics {
namespace {

constexpr std::chrono::milliseconds kReach{5000};
// Deletion goes on after the controller has answered, one broker after the other.
constexpr std::chrono::milliseconds kUntilGone{30000};
constexpr std::chrono::milliseconds kBetweenLooks{100};

struct GroupState {
    kafka::GroupInfo info;
    std::size_t committed = 0;  // partitions with a committed offset
};

struct JobState {
    Names names;
    std::vector<GroupState> groups;        // map, totals
    std::vector<kafka::TopicInfo> topics;  // of topics_of_reset()

    [[nodiscard]] const kafka::TopicInfo& results() const { return topics.back(); }
};

class Reset {
public:
    Reset(const cli::ResetConfig& config, kafka::Admin& admin, Log& log,
          const process::StopSignal& stop, const SayLine& say_line)
        : config_(config), admin_(admin), log_(log), stop_(stop), say_line_(say_line) {}

    Result<void> run() {
        if (auto done = look(); !done) {
            return done;
        }
        if (!config_.yes) {
            return show();
        }
        if (auto done = check_groups_empty(); !done) {
            return done;
        }
        if (auto done = delete_groups(); !done) {
            return done;
        }
        if (auto done = delete_topics(); !done) {
            return done;
        }
        if (auto done = clear_results(); !done) {
            return done;
        }
        say("{}", done_something_ ? "done" : "nothing to do");
        return {};
    }

private:
    template <typename... Args>
    void say(fmt::format_string<Args...> format, Args&&... args) const {
        say_line_(fmt::format(format, std::forward<Args>(args)...));
    }

    Result<void> look() {
        Result<Names> names = make_names(config_.application_id, config_.results_topic,
                                         late_topic_if(config_.windows));
        if (!names) {
            return std::unexpected(std::move(names.error()));
        }
        state_.names = std::move(*names);
        if (auto cluster = admin_.wait_for_cluster(1, kReach); !cluster) {
            return std::unexpected(std::move(cluster.error()));
        }
        for (const std::string& name : {state_.names.map_group, state_.names.totals_group}) {
            if (auto done = look_at_group(name); !done) {
                return done;
            }
        }
        std::vector<std::string> asked;
        for (const TopicRole role : topics_of_reset(state_.names)) {
            asked.push_back(state_.names.topic(role));
        }
        auto topics = admin_.describe_topics(asked);
        if (!topics) {
            return std::unexpected(std::move(topics.error()));
        }
        for (const kafka::TopicInfo& topic : *topics) {
            if (auto allowed = check_rights(topic); !allowed) {
                return allowed;
            }
        }
        state_.topics = std::move(*topics);
        return {};
    }

    Result<void> check_rights(const kafka::TopicInfo& topic) const {
        using enum kafka::Operation;
        if (topic.name == state_.names.dead_letters || topic.name == state_.names.late) {
            return require_rights(topic, "topic", {describe});
        }
        if (topic.name != state_.names.results) {
            return require_rights(topic, "topic", {remove});
        }
        return config_.results == cli::ResultsOnReset::keep
                   ? require_rights(topic, "topic", {read})
                   : require_rights(topic, "topic", {read, write});
    }

    Result<void> look_at_group(const std::string& name) {
        auto groups = admin_.describe_groups({name});
        if (!groups) {
            return std::unexpected(std::move(groups.error()));
        }
        GroupState group{std::move(groups->front()), 0};
        if (auto allowed = require_rights(group.info, "group", {kafka::Operation::remove});
            !allowed) {
            return allowed;
        }
        if (group.info.exists) {
            const auto offsets = admin_.group_offsets(name, {}, kafka::Admin::Stability::any);
            if (!offsets) {
                return std::unexpected(offsets.error());
            }
            group.committed = offsets->size();
        }
        state_.groups.push_back(std::move(group));
        return {};
    }

    static std::string members_text(const kafka::GroupInfo& group) {
        std::vector<std::string> members;
        members.reserve(group.members.size());
        for (const kafka::GroupMember& member : group.members) {
            members.push_back(fmt::format("{} at {}", member.client_id, member.host));
        }
        return fmt::format("{}", fmt::join(members, ", "));
    }

    Result<void> check_groups_empty() const {
        for (const GroupState& group : state_.groups) {
            if (!group.info.members.empty()) {
                return fail(ExitCode::try_again,
                            fmt::format("group {} has {} member(s): {}", group.info.name,
                                        group.info.members.size(), members_text(group.info)),
                            "stop every 'kstream aggregate' of this application first; the broker "
                            "drops one that was killed after its session timeout");
            }
        }
        return {};
    }

    Result<void> show() {
        for (const GroupState& group : state_.groups) {
            if (!group.info.exists) {
                say("group {}: does not exist", group.info.name);
                continue;
            }
            say("group {}: {}, {} member(s), {} committed offset(s): would be deleted",
                group.info.name, group.info.state, group.info.members.size(), group.committed);
        }
        for (const kafka::TopicInfo& topic : state_.topics) {
            const bool internal =
                topic.name == state_.names.repartition || topic.name == state_.names.changelog;
            if (!topic.exists) {
                say("topic {}: does not exist", topic.name);
            } else if (internal) {
                say("topic {}: {} partition(s): would be deleted", topic.name,
                    topic.partitions.size());
            } else if (topic.name == state_.names.dead_letters) {
                say("topic {}: {} partition(s): would be kept, with its dead letters", topic.name,
                    topic.partitions.size());
            } else if (topic.name == state_.names.late) {
                say("topic {}: {} partition(s): would be kept, with its late records", topic.name,
                    topic.partitions.size());
            }
        }
        if (state_.results().exists) {
            const Result<kafka::TombstoneCounts> counts = tombstones(false);
            if (!counts) {
                return std::unexpected(counts.error());
            }
            say("topic {}: {} key(s): would be {}", state_.results().name, counts->live_keys,
                config_.results == cli::ResultsOnReset::keep ? "kept" : "given tombstones");
        }
        if (auto empty = check_groups_empty(); !empty) {
            say("it cannot be done now: {}", empty.error().message);
        }
        say("nothing was done; --yes does it");
        return {};
    }

    Result<void> delete_groups() {
        std::vector<std::string> names;
        for (const GroupState& group : state_.groups) {
            if (group.info.exists) {
                names.push_back(group.info.name);
            }
        }
        const auto outcomes = admin_.delete_groups(names);
        if (!outcomes) {
            return std::unexpected(outcomes.error());
        }
        for (const kafka::Outcome& outcome : *outcomes) {
            if (outcome.error && !outcome.is_not_there()) {
                return std::unexpected(*outcome.error);
            }
            done_something_ = true;
            say("group {}: deleted, with its committed offsets", outcome.name);
        }
        return {};
    }

    Result<void> delete_topics() {
        std::vector<std::string> names;
        for (const kafka::TopicInfo& topic : state_.topics) {
            const bool internal =
                topic.name == state_.names.repartition || topic.name == state_.names.changelog;
            if (topic.exists && internal) {
                names.push_back(topic.name);
            }
        }
        const auto outcomes = admin_.delete_topics(names);
        if (!outcomes) {
            return std::unexpected(outcomes.error());
        }
        for (const kafka::Outcome& outcome : *outcomes) {
            if (outcome.error && !outcome.is_not_there()) {
                return std::unexpected(*outcome.error);
            }
        }
        if (auto gone = wait_until_gone(names); !gone) {
            return gone;
        }
        for (const std::string& name : names) {
            done_something_ = true;
            say("topic {}: deleted", name);
        }
        return {};
    }

    Result<void> wait_until_gone(const std::vector<std::string>& names) {
        if (names.empty()) {
            return {};
        }
        const auto deadline = std::chrono::steady_clock::now() + kUntilGone;
        while (true) {
            const auto topics = admin_.describe_topics(names);
            if (topics && std::ranges::none_of(*topics, &kafka::TopicInfo::exists)) {
                return {};
            }
            if (std::chrono::steady_clock::now() >= deadline || stop_.wait_for(kBetweenLooks)) {
                return fail(ExitCode::try_again,
                            fmt::format("the cluster is still deleting {}", fmt::join(names, ", ")),
                            "give the command again");
            }
        }
    }

    Result<void> clear_results() {
        const kafka::TopicInfo& results = state_.results();
        if (!results.exists) {
            return {};
        }
        if (config_.results == cli::ResultsOnReset::keep) {
            say("topic {}: kept", results.name);
            return {};
        }
        const Result<kafka::TombstoneCounts> counts = tombstones(true);
        if (!counts) {
            return std::unexpected(counts.error());
        }
        done_something_ = done_something_ || counts->tombstones > 0;
        say("topic {}: {} tombstone(s) for {} key(s)", results.name, counts->tombstones,
            counts->live_keys);
        return {};
    }

    Result<kafka::TombstoneCounts> tombstones(bool write) {
        const kafka::ClientConfig client{config_.common.brokers, "kstream-reset",
                                         config_.common.client_properties, &log_};
        return kafka::tombstone_keys(client, admin_,
                                     {.topic = state_.results().name,
                                      .reader_group = config_.application_id + "-reset",
                                      .write = write,
                                      .canceled = [this] { return stop_.requested(); }});
    }

    const cli::ResetConfig& config_;
    kafka::Admin& admin_;
    Log& log_;
    const process::StopSignal& stop_;
    const SayLine& say_line_;
    JobState state_;
    bool done_something_ = false;
};

}  // namespace

std::vector<TopicRole> topics_of_reset(const Names& names) {
    std::vector<TopicRole> roles = names.roles();
    std::erase_if(roles, [](TopicRole role) {
        return role == TopicRole::source || role == TopicRole::results;
    });
    roles.push_back(TopicRole::results);
    return roles;
}

Result<void> reset(const cli::ResetConfig& config, kafka::Admin& admin, Log& log,
                   const process::StopSignal& stop, const SayLine& say_line) {
    return Reset(config, admin, log, stop, say_line).run();
}

}  // namespace kstream::topics
