#include "app/peer_watch.hpp"

#include "app/advertised.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace kstream::app {
namespace {

constexpr Duration kBetweenAnswers = std::chrono::seconds(5);
constexpr Duration kIdleWait = std::chrono::minutes(10);
constexpr std::chrono::milliseconds kPatience{10000};

}  // namespace

telemetry::Peers peers_of(const kafka::GroupInfo& group, const std::string& application_id,
                          const std::string& own, Instant asked) {
    telemetry::Peers peers{.list = {}, .asked = asked};
    for (const kafka::GroupMember& member : group.members) {
        const std::string http = address_in(member.client_id, application_id).value_or("");
        auto peer = std::ranges::find_if(peers.list, [&http](const telemetry::Peer& known) {
            return !http.empty() && known.http == http;
        });
        if (peer == peers.list.end()) {
            // Brokers write an address as Java does: /127.0.0.1
            std::string host = member.host.starts_with('/') ? member.host.substr(1) : member.host;
            peers.list.push_back({.http = http,
                                  .host = std::move(host),
                                  .self = !http.empty() && http == own,
                                  .partitions = {}});
            peer = peers.list.end() - 1;
        }
        for (const kafka::TopicPartition& of : member.assignment) {
            peer->partitions.push_back(of.partition);
        }
    }
    for (telemetry::Peer& peer : peers.list) {
        std::ranges::sort(peer.partitions);
    }
    std::ranges::sort(peers.list, {},
                      [](const telemetry::Peer& peer) { return std::pair{peer.http, peer.host}; });
    return peers;
}

PeerWatch::PeerWatch(Settings settings, telemetry::PeerBoard& board, const Clock& clock, Log& log)
    : settings_(std::move(settings)), board_(board), clock_(clock), log_(log), thread_([this] {
          run();
      }) {}

PeerWatch::~PeerWatch() {
    closing_ = true;
    board_.wake();
    thread_.join();
}

void PeerWatch::run() {
    std::optional<kafka::Admin> admin;
    Instant asked;
    bool reported = false;
    while (!closing_) {
        if (!board_.wait_wanted(kIdleWait)) {
            continue;
        }
        if (admin && clock_.now() - asked < kBetweenAnswers) {
            continue;  // the last answer is still good
        }
        if (!admin) {
            const kafka::ClientConfig client{settings_.common.brokers, "kstream-peers",
                                             settings_.common.client_properties, &log_};
            auto made = kafka::Admin::make(
                client, {.timeout = kPatience, .canceled = [this] { return closing_.load(); }});
            if (!made) {
                return;  // the loops' clients are made of the same properties and say what is wrong
            }
            admin.emplace(std::move(*made));
        }
        asked = clock_.now();
        const auto groups = admin->describe_groups({settings_.totals_group});
        if (groups && !groups->front().error) {
            board_.publish(
                peers_of(groups->front(), settings_.application_id, settings_.own, asked));
            reported = false;
        } else if (!closing_ && !reported) {
            const Error& error = groups ? *groups->front().error : groups.error();
            log_.write(LogLevel::warn, "cannot find the other processes of this job",
                       {{"reason", error.message}});
            reported = true;
        }
    }
}

}  // namespace kstream::app
