// How processes find each other: addresses in client ids, and peers in a group's description.
#include "app/advertised.hpp"

#include "app/peer_watch.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

namespace kstream::app {
namespace {

kafka::GroupMember member(std::string client_id, std::vector<std::int32_t> partitions) {
    kafka::GroupMember made;
    made.client_id = std::move(client_id);
    made.host = "/10.0.0.7";
    for (const std::int32_t partition : partitions) {
        made.assignment.push_back({"kstream-totals-repartition", PartitionId{partition}});
    }
    return made;
}

}  // namespace

TEST_CASE("What is advertised is what was said, else where it listens, else the host's name") {
    CHECK(advertised_address("public:80", "127.0.0.1:1", 1) == "public:80");
    CHECK(advertised_address("", "127.0.0.1:0", 4711) == "127.0.0.1:4711");
    CHECK(advertised_address("", "[::1]:5", 5) == "[::1]:5");
    for (const char* everywhere : {"0.0.0.0:9404", "[::]:9404"}) {
        const std::string found = advertised_address("", everywhere, 9404);
        CHECK(found.ends_with(":9404"));
        CHECK_FALSE(found.contains("0.0.0.0"));
        CHECK_FALSE(found.contains("::"));
    }
}

TEST_CASE("An address goes into a client.id and comes out again") {
    for (const std::string address : {"127.0.0.1:9404", "worker-1.kstream-http-2.svc:80", "[::1]:1",
                                      "[fe80::1:2]:65535", "my_host:9404", "a:1"}) {
        CAPTURE(address);
        const std::string id = "my-http-app-totals-12-consumer" + client_id_suffix(address);
        CHECK(std::ranges::all_of(id, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                   c == '-';
        }));
        CHECK(address_in(id, "my-http-app") == address);
    }
    CHECK(client_id_suffix("").empty());
}

TEST_CASE("What is no client.id of this job has no address") {
    for (const char* id :
         {"", "kstream-totals-0-consumer", "kstream-totals-0-consumer-http-", "rdkafka",
          "kstream-map-0-consumer-http-h-1", "other-totals-0-consumer-http-h-1",
          "kstream-totals-0-consumer-http-h-0", "kstream-totals-0-consumer-http-h-70000",
          "kstream-totals-0-consumer-http-h", "kstream-totals-0-consumer-http-<b>-1",
          "kstream-totals-0-consumer-http6-zz-1", "kstream-totals-0-producer-http-h-1"}) {
        INFO(id);
        CHECK_FALSE(address_in(id, "kstream"));
    }
}

TEST_CASE("Members of one process are one peer, members without an address stay apart") {
    kafka::GroupInfo group;
    group.members = {member("kstream-totals-1-consumer-http-b-1", {5, 1}),
                     member("kstream-totals-0-consumer-http-a-1", {2}),
                     member("kstream-totals-0-consumer-http-b-1", {0}),
                     member("kstream-totals-0-consumer", {3}),
                     member("kstream-totals-0-consumer", {}),
                     member("kstream-totals-0-consumer-http-c-1", {})};
    const telemetry::Peers peers = peers_of(group, "kstream", "b:1", Instant{7});
    REQUIRE(peers.list.size() == 5);
    CHECK(peers.asked == Instant{7});
    CHECK(peers.list[0].http.empty());
    CHECK(peers.list[0].host == "10.0.0.7");
    CHECK(peers.list[2].http == "a:1");
    CHECK_FALSE(peers.list[2].self);
    CHECK(peers.list[3].http == "b:1");
    CHECK(peers.list[3].self);
    CHECK(peers.list[3].partitions ==
          std::vector<PartitionId>{PartitionId{0}, PartitionId{1}, PartitionId{5}});
    CHECK(peers.list[4].partitions.empty());
    CHECK(peers.owner_of(PartitionId{2})->http == "a:1");
    CHECK(peers.owner_of(PartitionId{3})->http.empty());
    CHECK(peers.owner_of(PartitionId{4}) == nullptr);
}

}  // namespace kstream::app
