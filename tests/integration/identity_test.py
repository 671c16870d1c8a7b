"""What was committed must belong to this job and these topics; what is gone is found or named.

Every test here stops the job, does something to what Kafka keeps of it, and starts it again.
"""

from __future__ import annotations

from harness import cluster
from harness.case import IntegrationTest, wait_for

PARALLEL = True


class Identity(IntegrationTest):
    def setUp(self) -> None:
        super().setUp()
        self.create_topics()
        self.produce(30_000)
        self.settle()

    def test_another_spec_is_refused(self) -> None:
        job = ["--group-by", "localizacao", "--sum", "valor", "--count"]
        refused = self.aggregate("--until", "end", *job).expect(78, 30)
        self.assertRegex(refused.stderr, "(?i)spec|job")
        self.assertIn("reset", refused.stderr)
        scaled = self.aggregate("--until", "end", "--scale", "2").expect(78, 30)
        self.assertIn("scale", scaled.stderr)
        # The right one is not in the way of anything.
        self.produce(1_000, "--seed", "2")
        self.settle()
        self.assert_exact(count=31_000)

    def test_another_source_topic_is_refused(self) -> None:
        other = f"{self.application}-other"
        self.addCleanup(cluster.delete_topics, [other])
        self.start("create-topics", "--application-id", self.application, "-t", other,
                   "--output-topic", self.results).expect(0)  # fmt: skip
        cluster.wait_until_known([other])
        refused = self.start("aggregate", "--application-id", self.application, "-t", other,
                             "--output-topic", self.results, "--until", "end")  # fmt: skip
        refused.expect(78, 30)

    def test_a_source_that_was_made_anew_is_refused(self) -> None:
        cluster.delete_topic(self.source)
        self.create_topics()
        for count in (0, 60_000):  # shorter than the old one, longer than the old one
            if count:
                self.produce(count)
            refused = self.aggregate("--until", "end").expect(78, 30)
            self.assertIn("source", refused.stderr)

    def test_a_changelog_that_was_made_anew_is_refused(self) -> None:
        cluster.delete_topic(f"{self.application}-totals-changelog")
        self.create_topics()
        refused = self.aggregate("--until", "end")
        refused.expect(78, 30)
        self.assertIn("changelog", refused.stderr)

    def test_a_changelog_that_is_gone_is_refused(self) -> None:
        cluster.delete_topic(f"{self.application}-totals-changelog")
        gone = self.aggregate("--until", "end")
        gone.expect(78, 60)
        self.assertIn("changelog", gone.stderr)


class Offsets(IntegrationTest):
    """Kafka's own memory of where the job was is lost."""

    def setUp(self) -> None:
        super().setUp()
        self.create_topics()
        self.produce(30_000)
        self.settle()

    def delete_offsets(self, stage: str, topic: str) -> None:
        said = cluster.tool(
            "kafka-consumer-groups", "--delete-offsets",
            "--group", f"{self.application}-{stage}", "--topic", topic,
        )  # fmt: skip
        self.assertNotIn("Error", said)

    def delete_group(self, stage: str) -> None:
        group = f"{self.application}-{stage}"
        said = cluster.tool("kafka-consumer-groups", "--delete", "--group", group)
        self.assertIn("successful", said)

    def go_on(self) -> None:
        self.produce(20_000, "--seed", "2")
        self.settle()
        self.assert_exact(count=50_000)

    def test_map_offsets_deleted(self) -> None:
        """It goes on where the chain in the repartition topic ends, not at the beginning."""
        self.delete_offsets("map", self.source)
        self.go_on()

    def test_map_group_deleted(self) -> None:
        self.delete_group("map")
        self.go_on()

    def test_totals_group_deleted(self) -> None:
        """It goes on from the position in the changelog's meta records."""
        self.delete_group("totals")
        self.go_on()

    def test_both_groups_deleted(self) -> None:
        self.delete_group("map")
        self.delete_group("totals")
        self.go_on()

    def test_changelog_truncated(self) -> None:
        """The state is gone and the offsets are not: going on would publish wrong totals."""
        topic = f"{self.application}-totals-changelog"
        # DeleteRecords needs a topic that is not compacted only.
        self.alter(topic, "cleanup.policy=delete")
        path = self.directory / "delete-records.json"
        rows = ",".join(f'{{"topic":"{topic}","partition":{p},"offset":-1}}' for p in range(6))
        path.write_text(f'{{"partitions":[{rows}],"version":1}}')
        cluster.tool("kafka-delete-records", "--offset-json-file", str(path))
        wait_for(
            lambda: all(e.start == e.end for e in cluster.extents(topic).values()),
            30,
            "the changelog is empty",
        )
        self.alter(topic, "cleanup.policy=compact")
        self.produce(20_000, "--seed", "2")
        stopped = self.aggregate("--until", "end")
        stopped.expect(70, 60)
        self.assertIn("changelog", stopped.stderr)

    def test_repartition_truncated_below_what_is_applied(self) -> None:
        """What the totals hold is not needed any more: the owner itself purges it."""
        topic = f"{self.application}-totals-repartition"
        path = self.directory / "delete-records.json"
        # What ends each log is the marker of a commit; whether its position was committed as well
        # is a matter of some milliseconds.
        rows = ",".join(
            f'{{"topic":"{topic}","partition":{p},"offset":{e.end - 1}}}'
            for p, e in cluster.extents(topic).items()
        )
        path.write_text(f'{{"partitions":[{rows}],"version":1}}')
        cluster.tool("kafka-delete-records", "--offset-json-file", str(path))
        self.go_on()

    def alter(self, topic: str, config: str) -> None:
        cluster.tool(
            "kafka-configs", "--alter", "--entity-type", "topics",
            "--entity-name", topic, "--add-config", config,
        )  # fmt: skip
