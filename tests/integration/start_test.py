"""What a start makes, what it refuses, and what its last line says."""

from __future__ import annotations

from harness import cluster
from harness.case import IntegrationTest

PARALLEL = True


class MisspeltSource(IntegrationTest):
    """`aggregate -t does_not_exist --until end` made the topic, waited on it, and exited with 0."""

    def setUp(self) -> None:
        super().setUp()
        self.produce(1_000)
        self.typo = self.source.replace("source", "sorce")
        self.job = ["--application-id", self.application, "-t", self.typo,
                    "--output-topic", self.results]  # fmt: skip

    def test_it_is_not_made_and_the_nearest_is_named(self) -> None:
        for command, where in ((["aggregate", *self.job, "--until", "end"], "stderr"),
                               (["aggregate", *self.job, "--dry-run"], "stdout"),
                               (["audit", *self.job], "stderr")):  # fmt: skip
            with self.subTest(command[0], where=where):
                refused = self.start(*command).expect(3, 30)
                cause = getattr(refused, where)
                self.assertIn(f"{self.typo} does not exist, did you mean {self.source}", cause)
                self.assertNotIn("__consumer_offsets", cause)
        for topic in (self.typo, *self.topics()[2:]):
            self.assertFalse(cluster.exists(topic), topic)

    def test_create_topics_and_produce_make_it(self) -> None:
        self.addCleanup(cluster.delete_topics, [self.typo])
        self.start("create-topics", *self.job).expect(0)
        self.start("aggregate", *self.job, "--until", "end").expect(0)


class Reserved(IntegrationTest):
    def test_topics_of_kafka_and_of_the_application_are_no_ends(self) -> None:
        """They ended in "please report it"."""
        own = f"{self.application}-totals-changelog"
        for ends in (["-t", "__consumer_offsets"], ["--output-topic", "__transaction_state"],
                     ["-t", own], ["--output-topic", own], ["-t", self.results]):  # fmt: skip
            names = dict(zip(self.ends()[::2], self.ends()[1::2])) | {ends[0]: ends[1]}
            given = [text for pair in names.items() for text in pair]
            for command in ("aggregate", "audit", "create-topics"):
                with self.subTest(command, ends=ends):
                    refused = self.start(
                        command, "--application-id", self.application, *given
                    ).expect(2, 30)
                    self.assertIn(ends[1], refused.stderr.splitlines()[-1])


class ResultsTopic(IntegrationTest):
    """Two applications with one output topic: their rows mixed and replaced each other."""

    def test_it_belongs_to_one_application(self) -> None:
        self.create_topics()
        self.produce(20_000)
        self.settle()
        other = f"{self.application}-b"
        own = [f"{other}-{role}" for role in
               ("totals-repartition", "totals-changelog", "dead-letters")]  # fmt: skip
        self.addCleanup(cluster.delete_topics, own)
        second = ["aggregate", "--application-id", other, *self.ends(), "--until", "end",
                  "--group-by", "localizacao", "--count"]  # fmt: skip
        refused = self.start(*second).expect(78, 30)
        cause = refused.stderr.splitlines()[-1]
        self.assertIn(f"holds totals of application {self.application} (", cause)
        for option in ("--output-topic", "--application-id", "--results tombstone"):
            self.assertIn(option, cause)
        # The first one goes on as ever; when it has ended for good, the topic is free.
        self.settle()
        self.assert_exact(count=20_000)
        self.start("reset", "--application-id", self.application, "--output-topic", self.results,
                   "--results", "tombstone", "--yes").expect(0)  # fmt: skip
        self.start(*second).expect(0)
        self.start("reset", "--application-id", other, "--output-topic", self.results,
                   "--yes").expect(0)  # fmt: skip


class Policies(IntegrationTest):
    def test_a_policy_that_cannot_work_is_the_last_line(self) -> None:
        self.create_topics()
        for topic in (f"{self.application}-dead-letters", self.results):
            cluster.alter_topic(topic, {"cleanup.policy": "compact,delete"})
        refused = self.aggregate("--until", "end").expect(7, 30)
        lines = refused.stderr.splitlines()
        self.assertIn("set cleanup.policy=delete on it", lines[-1])
        self.assertTrue(any("results that do not change are forgotten" in l for l in lines[:-1]))

    def test_a_setting_that_the_cluster_refuses_can_be_left_out(self) -> None:
        ratio = "changelog.min.cleanable.dirty.ratio"
        refused = self.start("create-topics", *self.names(), "--topic-config", f"{ratio}=7")
        self.assertEqual(refused.wait(30), 2, refused.describe())
        cause = refused.stderr.splitlines()[-1]
        self.assertIn("--topic-config ROLE.KEY=broker-default", cause)
        self.assertIn("configuration min.cleanable.dirty.ratio", cause)
        made = self.start("create-topics", *self.names(), "--topic-config",
                          f"{ratio}=broker-default").expect(0)  # fmt: skip
        self.assertIn("is left to the brokers: the changelog is compacted later", made.stdout)
        self.produce(1_000)
        self.settle()
        self.assert_exact(count=1_000)
