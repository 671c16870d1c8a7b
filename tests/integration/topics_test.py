"""create-topics and reset, against the real cluster."""

from __future__ import annotations

from harness import cluster, proxy
from harness.case import IntegrationTest
from harness.proxy import PRODUCE, Rule

PARALLEL = True

ROLES = ("source", "repartition", "changelog", "results", "dead-letters")


class CreateTopics(IntegrationTest):
    def states(self, text: str) -> dict[str, str]:
        """Role -> state, of the table that create-topics prints."""
        rows = [line.split() for line in text.splitlines() if line.startswith(self.application)]
        return {row[1]: row[4] for row in rows}

    def test_created_then_same(self) -> None:
        made = self.start("create-topics", *self.names()).expect(0)
        self.assertEqual(self.states(made.stdout), dict.fromkeys(ROLES, "created"))
        cluster.wait_until_known(self.topics())
        again = self.start("create-topics", *self.names()).expect(0)
        self.assertEqual(self.states(again.stdout), dict.fromkeys(ROLES, "same"))

    def test_differs(self) -> None:
        self.create_topics()
        changelog = f"{self.application}-totals-changelog"
        cluster.alter_topic(changelog, {"cleanup.policy": "delete"})
        other = self.start("create-topics", *self.names(), "--partitions", "3").expect(7)
        states = self.states(other.stdout)
        self.assertEqual(set(states.values()), {"differs"}, other.stdout)
        self.assertIn("cleanup.policy", other.stdout)
        # Compared, never changed.
        self.assertEqual(len(cluster.extents(self.source)), 6)
        same = self.start("create-topics", *self.names()).expect(7)
        self.assertEqual(self.states(same.stdout)["changelog"], "differs")
        self.assertEqual(self.states(same.stdout)["source"], "same")

    def test_times_that_brokers_refuse_are_a_question_about_the_clock(self) -> None:
        """As with a clock that is far off; here by topics that take no time but the brokers' own,
        and requests that take their time."""
        through = proxy.shared()
        both = r"clock right\? it says \d{4}-.* the brokers wrote last at \d{4}-\d\d-\d\dT"
        self.create_topics()
        self.produce(1_000)
        for topic in (self.source, f"{self.application}-totals-repartition"):
            cluster.alter_topic(topic, {"message.timestamp.before.max.ms": "0"})
        for count in ("1", "1000"):  # of several records in a batch librdkafka knows no reason
            late = through.add(Rule("delay", PRODUCE, client="produce", count=1000, seconds=0.1))
            refused = self.start_produce("--count", count, "--brokers", proxy.BROKERS).expect(6)
            through.remove(late)
            last = refused.stderr.splitlines()[-1]
            self.assertRegex(last, both)
            self.assertRegex(last, r"INVALID_(TIMESTAMP|RECORD)")
            self.assertTrue(last.isascii() and "\\u" not in last, last)
        # The producer was replaced again and again, and the reason was never said.
        client = f"{self.application}-map-0-producer"
        late = through.add(Rule("delay", PRODUCE, client=client, count=1000, seconds=0.1))
        self.addCleanup(through.remove, late)
        stopped = self.aggregate("--until", "end", "--brokers", proxy.BROKERS).expect(4, 60)
        where = rf"error writing to topic {self.application}-totals-repartition partition \d: "
        self.assertRegex(stopped.stderr, where + r".*INVALID_TIMESTAMP.*" + both)

    def test_dry_run(self) -> None:
        dry = self.start("create-topics", *self.names(), "--dry-run").expect(0)
        self.assertEqual(set(self.states(dry.stdout)), set(ROLES), dry.stdout)
        for topic in self.topics():
            self.assertFalse(cluster.exists(topic), topic)

    def test_what_it_made_can_be_used_at_once(self) -> None:
        """Brokers learn of a topic one after the other; nobody who types `&&` knows that."""
        self.start("create-topics", *self.names()).expect(0)
        self.produce(1_000)
        self.settle()
        self.assert_exact(count=1_000)

    def test_what_it_made_can_be_aggregated_at_once(self) -> None:
        self.start("create-topics", *self.names()).expect(0)
        self.settle()
        self.assert_exact(count=0)

    def test_partition_counts_of_each_topic(self) -> None:
        self.create_topics(
            "--source-partitions", "5", "--repartition-partitions", "2", "--results-partitions", "3"
        )
        counts = [len(cluster.extents(topic)) for topic in self.topics()]
        self.assertEqual(counts[:4], [5, 3, 2, 2])
        self.produce(20_000)
        self.settle()
        self.assert_exact(count=20_000)


class Reset(IntegrationTest):
    def reset(self, *options: str) -> list[str]:
        return ["reset", "--application-id", self.application, "--output-topic", self.results,
                *options]  # fmt: skip

    def test_reset_begins_anew(self) -> None:
        self.create_topics()
        self.produce(50_000)
        running = self.replicas(1)[0]
        self.settle()

        refused = self.start(*self.reset("--yes"))
        self.assertNotEqual(refused.wait(30), 0, refused.stderr)
        self.assertTrue(running.is_running())
        running.terminate()
        self.assert_exact(count=50_000)

        # Shows what it would do, and does nothing.
        self.start(*self.reset()).expect(0)
        self.settle()
        self.assert_exact(count=50_000)

        self.start(*self.reset("--yes", "--results", "tombstone")).expect(0)
        self.assertTrue(cluster.exists(self.source))
        self.assertTrue(cluster.exists(self.results))
        report = self.check()
        self.assertEqual(report.figures["published_count"], 0)
        # Recomputed from scratch, with what has come since.
        self.produce(10_000, "--seed", "2")
        self.create_topics()
        self.settle()
        self.assert_exact(count=60_000)

    def test_another_job_after_a_reset_that_keeps_results(self) -> None:
        self.create_topics()
        self.produce(20_000)
        self.settle()
        before = cluster.record_count(self.results)
        self.start(*self.reset("--yes", "--results", "keep")).expect(0)
        self.assertEqual(cluster.record_count(self.results), before)
        self.create_topics()
        job = ["--group-by", "localizacao", "--sum", "valor=total", "--count", "n"]
        self.settle(60, *job)
        # The sellers' old totals stand beside those of the locations: the keys are others.
        report = self.check(*job)
        left_over = [d for d in report.differences if "has a result and no records" in d]
        self.assertEqual(len(left_over), 3)
        counted = "of all keys sum to 0"
        rest = [d for d in report.differences if d not in left_over and "n is None" not in d]
        self.assertEqual([d for d in rest if counted not in d], [], report.differences)

    def test_a_name_without_a_job(self) -> None:
        nothing = self.start(
            "reset", "--application-id", self.application, "--output-topic", self.results, "--yes"
        )
        self.assertEqual(nothing.expect(0, 30).stdout, "nothing to do\n")
