"""`kstream results`: what a person sees of the committed totals."""

from __future__ import annotations

import csv
import io
import json
import re

from harness import cluster, proxy
from harness.case import IntegrationTest, acknowledged_by, assigned, wait_for
from harness.proxy import JOIN_GROUP, Rule
from harness.records import Wanted, write

PARALLEL = True


class Results(IntegrationTest):
    def results_of(self, *options: str, code: int = 0) -> str:
        return self.start("results", *self.names(), *options).expect(code, 60).stdout

    def test_table_json_and_csv_agree_with_the_topic(self) -> None:
        self.create_topics()
        self.produce(20_000, "--sellers", "50")
        printed = self.aggregate("--until", "end", "--print", name="printed").expect(0, 90).stdout
        self.assert_exact(count=20_000)
        table = self.results_of()
        self.assertEqual(printed, table)
        self.assertEqual(table.splitlines()[-1], "(50 rows)")
        lines = self.results_of("--json").splitlines()
        rows = [json.loads(line, parse_float=str) for line in lines]
        self.assertEqual(len(rows), 50)
        self.assertEqual(sum(row["numero_transacoes"] for row in rows), 20_000)
        self.assertEqual([row["id_vendedor"] for row in rows],
                         sorted(row["id_vendedor"] for row in rows))  # fmt: skip
        read = list(csv.DictReader(io.StringIO(self.results_of("--csv"), newline="")))
        self.assertEqual(read, [{name: str(cell) for name, cell in row.items()} for row in rows])
        words = [line.split() for line in table.splitlines()]
        self.assertEqual(words[0], list(rows[0]))
        self.assertEqual(words[2:-1], [[str(cell) for cell in row.values()] for row in rows])
        # One key; and one that nobody has.
        one = json.loads(self.results_of("--json", "--key", "vendedor_7"), parse_float=str)
        self.assertEqual(one, next(row for row in rows if row["id_vendedor"] == "vendedor_7"))
        self.start("results", *self.names(), "--key", "nobody").expect(3, 60)
        # Memory for a part of the rows only: all of them still, each once.
        parts = self.results_of("--json", "--memory", "1M").splitlines()
        self.assertEqual(sorted(parts), sorted(self.results_of("--json").splitlines()))

    def test_more_keys_than_the_bound_on_memory_holds(self) -> None:
        self.create_topics()
        self.produce(60_000, "--sellers", "30000")
        self.settle()
        whole = self.results_of("--json").splitlines()
        self.assertGreater(len(whole), 20_000)
        parts = self.results_of("--json", "--memory", "1M").splitlines()
        self.assertNotEqual(parts, whole)  # in several parts, each in order
        self.assertEqual(sorted(parts), whole)

    def test_follow_shows_what_is_committed_later(self) -> None:
        self.create_topics()
        self.produce(1_000)
        worker = self.aggregate()
        self.settle()
        follower = self.start("results", *self.names(), "--json", "--follow")
        wait_for(lambda: follower.stdout.count("\n") >= 3, 30, "the totals that are there")
        self.produce(500, "--seed", "2")

        def count() -> int:
            latest = {}
            for line in follower.stdout.split("\n")[:-1]:  # the last may be half a line
                row = json.loads(line)
                latest[row["id_vendedor"]] = row["numero_transacoes"]
            return sum(latest.values())

        wait_for(lambda: count() == 1_500, 30, "the later totals")
        follower.terminate()
        worker.terminate()

    def test_a_recreated_topic_gets_all_results_again(self) -> None:
        """A key gets its row when it changes, and most do not change any more."""
        self.create_topics()
        self.produce(40_000, "--sellers", "3000")
        self.settle()
        before = self.results_of("--json")
        cluster.delete_topic(self.results)
        refused = self.aggregate("--until", "end").expect(78)
        self.assertIn("create-topics --results-partitions 6", refused.stderr)
        self.assertIn("aggregate --republish", refused.stderr)
        self.create_topics("--results-partitions", "6")
        self.assertIn("--republish", self.aggregate("--until", "end").expect(0).stderr)
        self.assertEqual(self.results_of("--json"), "")
        # Killed on its way; what is published has been published, and it begins anew.
        killed = self.aggregate("--republish", "--instance-id", "a")
        killed.wait_for_log("results are published again")
        killed.kill()
        self.published_again(before)
        self.published_again(before)  # all rows once more, and they are the same
        self.produce(1_000, "--seed", "2")
        self.settle()
        self.assert_exact(count=41_000)

    def published_again(self, rows: str) -> None:
        again = self.aggregate("--until", "end", "--republish", "--workers", "3",
                               "--instance-id", "a").expect(0, 90)  # fmt: skip
        # A partition that moves between two workers at the start is published by both.
        said = re.search(r"all results are published again keys=(\d+) partitions=6", again.stderr)
        assert said, again.describe()
        self.assertGreaterEqual(int(said[1]), 3000)
        self.assertNotIn("has no row", again.stderr)
        self.assertEqual(self.results_of("--json"), rows)
        self.assert_exact()
        audit = self.start("audit", *self.names(), "--json").expect(0, 60)
        self.assertEqual(json.loads(audit.stdout)["proved"], "full")

    def test_results_are_published_again_beside_new_records(self) -> None:
        """By two processes, of which one leaves, while records come."""
        self.create_topics()
        self.produce(40_000, "--sellers", "3000")
        self.settle()
        cluster.delete_topic(self.results)
        self.create_topics("--results-partitions", "6")
        producer = self.start_produce("--rate", "2000", "--sellers", "3000", "--seed", "3")
        one, other = self.replicas(2, "--republish")
        one.wait_for_log("results are published again")
        one.terminate()
        other.wait_for_log("all results are published again")
        producer.terminate(15)
        self.settle()
        self.assert_exact(count=40_000 + acknowledged_by(producer))
        audit = self.start("audit", *self.names(), "--json").expect(0, 60)
        self.assertEqual(json.loads(audit.stdout)["proved"], "full")
        other.terminate()

    def test_partitions_of_a_process_that_leaves_are_published_again(self) -> None:
        """What was another process's and not waited for is said when it has come after all."""
        self.create_topics()
        self.produce(4_000, "--sellers", "300")
        self.settle()
        cluster.delete_topic(self.results)
        self.create_topics("--results-partitions", "6")
        first = self.aggregate()
        # Else the other one may be the first to have any, and publishes all of them.
        wait_for(lambda: len(assigned(first)["totals"]) == 6, 30, "the first has all partitions")
        other = self.aggregate("--republish", "--instance-id", "other")
        other.wait_for_log("another process's to publish again")
        first.terminate()
        other.wait_for_log("all results are published again keys=300 partitions=6")
        self.assert_exact(count=4_000)
        other.terminate()

    def test_partitions_of_a_process_that_has_just_died_are_published_again(self) -> None:
        """Its group has it until its session is over, and the next one may ask before it joins:
        that one took the dead one's partitions for another process's, and left them."""
        self.create_topics()
        self.produce(4_000, "--sellers", "300")
        self.settle()
        cluster.delete_topic(self.results)
        self.create_topics("--results-partitions", "6")
        dead = self.aggregate("--session-timeout", "10s")
        wait_for(lambda: len(assigned(dead)["totals"]) == 6, 30, "it has all partitions")
        dead.kill()
        late = Rule("delay", JOIN_GROUP, client=f"{self.application}-totals", count=9, seconds=3)
        self.addCleanup(proxy.shared().remove, proxy.shared().add(late))
        again = self.aggregate("--until", "end", "--republish", "--brokers", proxy.BROKERS)
        again.expect(0)
        self.assertTrue(late.hits)
        self.assertRegex(again.stderr, "all results are published again keys=300 partitions=6")
        self.assert_exact(count=4_000)

    def test_records_of_others_are_left_out_and_end_the_run(self) -> None:
        self.create_topics()
        self.produce(1_000)
        self.settle()
        before = self.results_of("--json")
        write(self.results, 0, [Wanted(b"garbage", key=b"vendedor_1")])
        for partition in range(6):  # in one of them it has its place, and other columns
            write(self.results, partition, [Wanted(b'{"other":1}', key=b"vendedor_9")])
        left_out = self.start("results", *self.names(), "--json").expect(78, 60)
        self.assertEqual(left_out.stdout, before)
        self.assertIn("7 record(s)", left_out.stderr.splitlines()[-1])
        # A job that is named: the rows are of another.
        other = self.start("results", *self.names(), "--group-by", "loja", "--count")
        self.assertEqual(other.expect(78, 60).stdout, "(0 rows)\n")

    def test_a_topic_that_does_not_exist(self) -> None:
        gone = self.start("results", *self.names()).expect(3, 60)
        self.assertIn("does not exist", gone.stderr.splitlines()[-1])
