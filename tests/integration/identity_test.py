"""What was committed must belong to this job and these topics; what is gone is found or named.

Every test here stops the job, does something to what Kafka keeps of it, and starts it again.
"""

from __future__ import annotations

import time

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
        # The last line is the cause, in the words of the options, with all that has to change.
        cause = refused.stderr.splitlines()[-1]
        self.assertIn("--group-by was id_vendedor, is localizacao", cause)
        for option in ("--application-id", "--output-topic", "reset"):
            self.assertIn(option, cause)
        scaled = self.aggregate("--until", "end", "--scale", "2").expect(78, 30)
        self.assertIn("--scale was 9, is 2", scaled.stderr)
        dry = self.aggregate("--dry-run", "--scale", "2").expect(78, 30)
        self.assertIn("--scale was 9, is 2", dry.stdout)
        # The right one is not in the way of anything.
        self.produce(1_000, "--seed", "2")
        self.settle()
        self.assert_exact(count=31_000)

    def test_another_source_topic_is_refused(self) -> None:
        other = f"{self.application}-other"
        self.addCleanup(cluster.delete_topics, [other])
        # Nor is it made under this name: whatever it was, it would be no topic of this application.
        self.start("create-topics", "--application-id", self.application, "-t", other,
                   "--output-topic", self.results).expect(78)  # fmt: skip
        self.assertFalse(cluster.exists(other))
        self.make_topic(other)
        refused = self.start("aggregate", "--application-id", self.application, "-t", other,
                             "--output-topic", self.results, "--until", "end")  # fmt: skip
        refused.expect(78, 30)
        self.assertIn(f"--topic was {self.source}, is {other}", refused.stderr)

    def make_topic(self, topic: str) -> None:
        """As somebody does by hand."""
        cluster.tool("kafka-topics", "--create", "--topic", topic, "--partitions", "6",
                     "--replication-factor", "3")  # fmt: skip
        cluster.wait_until_known([topic])

    def test_a_source_that_was_made_anew_is_refused(self) -> None:
        cluster.delete_topic(self.source)
        self.make_topic(self.source)
        for count in (0, 60_000):  # shorter than the old one, longer than the old one
            if count:
                self.produce(count)
            refused = self.aggregate("--until", "end").expect(78, 30)
            self.assertIn(f"topic {self.source} was deleted and re-created", refused.stderr)

    def test_logs_of_its_own_that_were_made_anew_are_refused(self) -> None:
        for role in ("totals-changelog", "totals-repartition"):
            topic = f"{self.application}-{role}"
            cluster.delete_topic(topic)
            self.make_topic(topic)
            # As a hand makes it, which lacks what it needs (once that was 7); and as it should be.
            policy = "compact" if role.endswith("changelog") else "delete"
            for config in (None, {"retention.ms": "-1", "cleanup.policy": policy}):
                if config:
                    cluster.alter_topic(topic, config)
                refused = self.aggregate("--until", "end").expect(78, 30)
                said = f"topic {topic} was deleted and re-created"
                self.assertIn(said, refused.stderr.splitlines()[-1])


class Gone(IntegrationTest):
    """Topics that were deleted between two starts: kstream used to make the source itself, and then
    refused it; its hint led to `create-topics`, which made it too."""

    def setUp(self) -> None:
        super().setUp()
        self.create_topics()
        self.produce(30_000)
        self.settle()

    def refused(self, topic: str, *words: str) -> None:
        """By aggregate with and without --dry-run, and by create-topics; and nothing is made."""
        before = time.monotonic()
        gone = self.aggregate("--until", "end").expect(78, 30)
        self.note(f"refused after {time.monotonic() - before:.1f} s")
        cause = gone.stderr.splitlines()[-1]
        for word in (topic, "does not exist", *words):
            self.assertIn(word, cause)
        self.assertIn(topic, self.aggregate("--dry-run").expect(78, 30).stdout.splitlines()[-2])
        if topic != self.results:
            self.assertNotIn("create-topics", gone.stderr)
            refused = self.start("create-topics", *self.names()).expect(78, 30)
            self.assertIn(topic, refused.stderr.splitlines()[-1])
        self.assertFalse(cluster.exists(topic))

    def test_the_source(self) -> None:
        cluster.delete_topic(self.source)
        self.refused(self.source, "reset")

    def test_the_source_and_all_offsets(self) -> None:
        """What is left is the changelog, and it tells."""
        for stage in ("map", "totals"):
            cluster.delete_group(f"{self.application}-{stage}")
        cluster.delete_topic(self.source)
        self.refused(self.source, "reset")

    def test_the_changelog(self) -> None:
        topic = f"{self.application}-totals-changelog"
        cluster.delete_topic(topic)
        self.refused(topic, "reset")

    def test_the_repartition_topic(self) -> None:
        topic = f"{self.application}-totals-repartition"
        cluster.delete_topic(topic)
        self.refused(topic, "reset")

    def test_the_results(self) -> None:
        """Also what a changed --output-topic looks like. Whoever means it says so, and is told what
        the new topic lacks."""
        cluster.delete_topic(self.results)
        self.refused(self.results, "--output-topic", "create-topics --results-partitions 6",
                     "--republish")  # fmt: skip
        other = self.start("create-topics", *self.names(), "--results-partitions", "3")
        other.expect(78, 30)
        self.assertIn("--results-partitions 6", other.stderr)
        self.assertFalse(cluster.exists(self.results))
        made = self.create_topics()
        self.assertIn("its old rows are not in it", made.stdout)
        told = self.aggregate("--until", "end").expect(0)
        self.assertRegex(told.stderr, "has no row, but application .* has totals of 3 keys")
        # Each of the three keys changes, and has its row.
        self.produce(1_000, "--seed", "2")
        self.settle()
        self.assert_exact(count=31_000)
        self.assertNotIn("has no row", self.aggregate("--until", "end").expect(0).stderr)

    def test_the_dead_letters(self) -> None:
        topic = f"{self.application}-dead-letters"
        cluster.delete_topic(topic)
        self.produce(1_000, "--seed", "2")
        told = self.aggregate("--until", "end").expect(0)
        self.assertRegex(told.stderr, "the dead letters in it are lost")
        self.assertTrue(cluster.exists(topic))
        self.assert_exact(count=31_000)


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

    def test_offsets_set_by_hand(self) -> None:
        """The hint names the cure that loses nothing, and it is exact."""
        self.produce(5_000, "--seed", "3")
        for stage, topic in (("map", self.source),
                             ("totals", f"{self.application}-totals-repartition")):  # fmt: skip
            group = f"{self.application}-{stage}"
            cluster.tool("kafka-consumer-groups", "--reset-offsets", "--to-earliest", "--execute",
                         "--group", group, "--topic", topic)  # fmt: skip
            refused = self.aggregate("--until", "end").expect(78, 30)
            self.assertIn(f"kafka-consumer-groups --delete --group {group}",
                          refused.stderr.splitlines()[-1])  # fmt: skip
            self.delete_group(stage)
            self.settle()
            self.assert_exact(count=35_000)
        self.produce(20_000, "--seed", "2")
        self.settle()
        self.assert_exact(count=55_000)

    def test_changelog_truncated(self) -> None:
        """The state is gone and the offsets are not: going on would publish wrong totals."""
        topic = f"{self.application}-totals-changelog"
        # DeleteRecords needs a topic that is not compacted only.
        cluster.alter_topic(topic, {"cleanup.policy": "delete"})
        path = self.directory / "delete-records.json"
        rows = ",".join(f'{{"topic":"{topic}","partition":{p},"offset":-1}}' for p in range(6))
        path.write_text(f'{{"partitions":[{rows}],"version":1}}')
        cluster.tool("kafka-delete-records", "--offset-json-file", str(path))
        wait_for(
            lambda: all(e.start == e.end for e in cluster.extents(topic).values()),
            30,
            "the changelog is empty",
        )
        cluster.alter_topic(topic, {"cleanup.policy": "compact"})
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
