// Questions to a coordinator that is away and comes back, against librdkafka's mock cluster.
#include "kafka/admin.hpp"

#include <catch2/catch_test_macros.hpp>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <memory>
#include <string>

namespace kstream::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kGroup = "app-map";
constexpr std::int32_t kCoordinator = 2;

class MockCluster {
public:
    MockCluster() {
        char reason[256];
        handle_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason));
        REQUIRE(handle_ != nullptr);
        cluster_.reset(rd_kafka_mock_cluster_new(handle_.get(), 3));
        REQUIRE(cluster_ != nullptr);
        rd_kafka_mock_coordinator_set(cluster_.get(), "group", kGroup, kCoordinator);
    }
    [[nodiscard]] std::string bootstraps() const {
        return rd_kafka_mock_cluster_bootstraps(cluster_.get());
    }
    void set_down() { rd_kafka_mock_broker_set_down(cluster_.get(), kCoordinator); }
    void set_up() { rd_kafka_mock_broker_set_up(cluster_.get(), kCoordinator); }

private:
    HandlePtr handle_;
    std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>> cluster_;
};

// rd_kafka_enq_once_del_source_return: Assertion `eonce->refcnt > 0' failed.
TEST_CASE("a coordinator that comes back after a question was given up does no harm") {
    MockCluster cluster;
    AdminSettings settings;
    settings.timeout = milliseconds{1500};
    auto admin = Admin::make({cluster.bootstraps(), "test", {}, nullptr}, settings);
    REQUIRE(admin);
    REQUIRE(admin->group_offsets(kGroup, {}, Admin::Stability::any));
    cluster.set_down();
    REQUIRE_FALSE(admin->group_offsets(kGroup, {}, Admin::Stability::any));
    cluster.set_up();
    const auto deadline = steady_clock::now() + seconds{20};
    auto answer = admin->group_offsets(kGroup, {}, Admin::Stability::any);
    while (!answer && steady_clock::now() < deadline) {
        answer = admin->group_offsets(kGroup, {}, Admin::Stability::any);
    }
    REQUIRE(answer);
}

}  // namespace
}  // namespace kstream::kafka
