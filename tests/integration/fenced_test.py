"""All brokers are fenced, as when a cluster has stood still or is starting: each of them answers
that there are none. Such answers come from the proxy here; they took a client's last broker from
it, for good, and ended a process with an assertion of the client library."""

from __future__ import annotations

from harness import proxy
from harness.case import IntegrationTest, wait_for
from harness.proxy import METADATA, Rule


# The version in which librdkafka asks about the cluster; about topics it asks in a later one.
DESCRIBE_CLUSTER = 10


class Fenced(IntegrationTest):
    def setUp(self) -> None:
        super().setUp()
        proxy.shared()  # listens from now on

    def no_brokers(self, client: str, count: int, version: int = -1) -> Rule:
        rule = Rule("no-brokers", METADATA, True, client, version=version, count=count)
        self.addCleanup(proxy.shared().remove, proxy.shared().add(rule))
        return rule

    def test_a_question_about_the_cluster_is_asked_again(self) -> None:
        fenced = self.no_brokers("kstream-admin", 2, DESCRIBE_CLUSTER)
        self.start("create-topics", *self.names(), "--brokers", proxy.BROKERS).expect(0)
        self.assertEqual(len(fenced.hits), 2)

    def test_a_producer_goes_on(self) -> None:
        self.create_topics()
        producer = self.start_produce("--brokers", proxy.BROKERS, "--rate", "1000",
                                      "-X", "topic.metadata.refresh.interval.ms=500")  # fmt: skip
        wait_for(lambda: self.source_end() > 0, 30, "it produces")
        fenced = self.no_brokers("kstream-produce", 4)
        wait_for(lambda: len(fenced.hits) == 4, 30, "it was told four times that there are none")
        least = self.source_end() + 3000
        wait_for(lambda: self.source_end() >= least, 60, "it goes on")
        producer.terminate(15)
