"""What the README promises, as it stands there: default names, nothing made beforehand."""

from __future__ import annotations

from harness import cluster
from harness.case import IntegrationTest

TOPICS = [
    "financial_transactions",
    "aggregated_transactions",
    "kstream-totals-repartition",
    "kstream-totals-changelog",
    "kstream-dead-letters",
]


class Examples(IntegrationTest):
    """Uses the default names: it deletes what a person has there on this development cluster."""

    def setUp(self) -> None:
        super().setUp()
        self.application = "kstream"
        self.source, self.results = TOPICS[:2]
        self.wipe()

    def topics(self) -> list[str]:
        return list(TOPICS)

    def wipe(self) -> None:
        there = [topic for topic in TOPICS if cluster.exists(topic)]
        for topic in there:
            cluster.delete_topic(topic)
        for group in ("kstream-map", "kstream-totals"):
            cluster.delete_group(group)

    def test_produce_then_aggregate(self) -> None:
        self.start("produce", "--count", "200000", "--seed", "7").expect(0)
        self.start("aggregate", "--until", "end", "--workers", "2").expect(0)
        self.assert_exact(count=200_000)

    def test_three_processes_each_killed_in_turn(self) -> None:
        """Each when it has partitions; another one that is to reach the end takes its place."""
        self.start("produce", "--count", "200000", "--seed", "7").expect(0)
        victims = [self.start("aggregate", "--workers", "2") for _ in range(3)]
        successors = []
        for victim in victims:
            victim.wait_for_log("partitions assigned")
            victim.kill()
            successors.append(self.start("aggregate", "--until", "end", "--workers", "2"))
        for successor in successors:
            successor.expect(0, 120)
        self.assert_exact(count=200_000)
