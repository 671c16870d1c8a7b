"""Topics that are deleted, re-created, emptied or enlarged while the job runs.

Nothing of another topic may be counted under the name of the one that the job began with, and a
topic that is gone is said within seconds, whoever is asked.
"""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request

from harness import cluster
from harness.case import ConsoleConsumer, IntegrationTest, parse, pause, wait_for
from harness.cluster import BROKERS
from harness.process import Process
from harness.records import Wanted, write
from harness.requests import Client, add_partitions, create_topic

PARALLEL = True

JOB = ["--group-by", "cust", "--sum", "amount=total", "--count", "n"]
# From the deletion, or the making, to the end of the process: two rounds of questions, the time for
# which a topic may be missing from what brokers know, and an orderly stop.
NOTICED_SECONDS = 20.0
SAID_SECONDS = 5.0
NEW_PARTITION_SECONDS = 10.0


def record(amount: int, cust: str = "c1") -> Wanted:
    return Wanted(json.dumps({"cust": cust, "amount": amount}).encode(), b"k")


def ask(process: Process, path: str) -> tuple[int, str]:
    port = process.wait_for_log(r"http server listens host=127\.0\.0\.1 port=(\d+)")[1]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def state(process: Process) -> tuple[int, int] | None:
    """The committed total and count of c1, as its owner has it in memory."""
    status, answer = ask(process, "/state/c1")
    if status != 200:
        return None
    total = json.loads(answer)["total"]
    return int(total["total"]), total["n"]


def unassigned(process: Process) -> dict[int, int]:
    """Records in partitions that were added and that nobody has yet."""
    status = json.loads(ask(process, "/status")[1])
    return {one["partition"]: one["lag_records"] for one in status["unassigned"]}


class Recreate(IntegrationTest):
    def setUp(self) -> None:
        super().setUp()
        self.create_topics("--partitions", "1")

    def job(self, *options: str) -> Process:
        """Three records of one customer are in the totals, and it goes on."""
        write(self.source, 0, [record(1), record(2), record(4)])
        running = self.aggregate("--http", "127.0.0.1:0", *JOB, *options)
        wait_for(lambda: state(running) == (7, 3), 30, "the three records are in the totals")
        wait_for(lambda: ask(running, "/readyz")[0] == 200, 20, "ready")
        return running

    def make_again(self, topic: str) -> None:
        """At once, and waits until no broker takes the old one's name for it any more: what a test
        writes then is in the new one."""
        before = cluster.topic_ids(topic)
        cluster.delete_topics([topic])
        create_topic(topic, 1)
        wait_for(
            lambda: len(now := cluster.topic_ids(topic)) == 1 and b"" not in now and now != before,
            30,
            f"all brokers have the new {topic}",
        )

    def published(self) -> tuple[int, int]:
        """The last result of c1, when nobody writes any more."""
        found: tuple[int, int] | None = None
        last = cluster.extents(self.results)[0].end
        deadline = time.monotonic() + 60
        with ConsoleConsumer(BROKERS, self.results) as consumer:
            for lines in consumer.lines(0.5):
                for line in lines:
                    one = parse(line, consumer.null)
                    total = json.loads(one.value)
                    found = int(total["total"]), total["n"]
                    # What ends a transaction is a marker.
                    if one.offset >= last - 2:
                        return found
                assert time.monotonic() < deadline, f"{found}, and the log ends at {last}"
        raise AssertionError("no results")

    def expect_stop(self, running: Process, topic: str, word: str, code: int = 78) -> None:
        running.expect(code, NOTICED_SECONDS)
        # The cause is the last line.
        last = [line for line in running.stderr.splitlines() if "exit=" in line][-1]
        self.assertIn(topic, last)
        self.assertIn(word, last)

    def test_source_re_created_with_more_records_than_were_read(self) -> None:
        """Its offsets fit: nothing but the topic's id tells it from the old one."""
        running = self.job()
        self.make_again(self.source)
        write(self.source, 0, [record(100 + n) for n in range(5)])
        self.expect_stop(running, self.source, "replaced")
        self.assertEqual(self.published(), (7, 3))

    def test_source_re_created_while_records_come(self) -> None:
        """The same, with steps of the old topic in the middle of their transactions."""
        running = self.job()
        amount, count = 7, 3
        for n in range(40):
            write(self.source, 0, [record(1)])
            amount, count = amount + 1, count + 1
        self.make_again(self.source)
        for n in range(80):
            write(self.source, 0, [record(1_000_000)])
            if not running.is_running():
                break
        self.expect_stop(running, self.source, "replaced")
        total, counted = self.published()
        # What was read of the old one before it went, to the record, and nothing of the new one.
        self.assertLessEqual(counted, count)
        self.assertEqual(total, amount - (count - counted))

    def test_source_deleted(self) -> None:
        self.check_deleted(self.source)

    def test_results_deleted(self) -> None:
        self.check_deleted(self.results)

    def test_repartition_deleted(self) -> None:
        self.check_deleted(f"{self.application}-totals-repartition")

    def test_changelog_deleted(self) -> None:
        self.check_deleted(f"{self.application}-totals-changelog")

    def test_dead_letters_deleted(self) -> None:
        self.check_deleted(f"{self.application}-dead-letters", 3)

    def check_deleted(self, topic: str, code: int = 78) -> None:
        running = self.job()
        cluster.delete_topics([topic])
        said = wait_for(
            lambda: (answer := ask(running, "/readyz"))[0] == 503 and answer or None,
            SAID_SECONDS,
            "it is not ready",
        )
        self.assertIn(topic, said[1])
        self.expect_stop(running, topic, "deleted", code)
        # None of its clients has made it again, with whatever the brokers' defaults are.
        self.assertFalse(cluster.exists(topic))

    def test_results_re_created(self) -> None:
        self.check_re_created(self.results)

    def test_repartition_re_created(self) -> None:
        self.check_re_created(f"{self.application}-totals-repartition")

    def test_changelog_re_created(self) -> None:
        self.check_re_created(f"{self.application}-totals-changelog")

    def test_dead_letters_re_created(self) -> None:
        self.check_re_created(f"{self.application}-dead-letters", 3)

    def check_re_created(self, topic: str, code: int = 78) -> None:
        running = self.job()
        self.make_again(topic)
        write(self.source, 0, [record(8)])
        self.expect_stop(running, topic, "replaced", code)

    def test_partitions_added_to_the_source(self) -> None:
        running = self.job()
        add_partitions(self.source, 2)
        added = time.monotonic()
        cluster.wait_until_known([self.source])
        wait_for(lambda: len(cluster.extents(self.source)) == 2, 10, "there are two partitions")
        write(self.source, 1, [record(8)])
        running.wait_for_log(
            r"partition opened partition=1", NEW_PARTITION_SECONDS - (time.monotonic() - added)
        )
        wait_for(lambda: state(running) == (15, 4), 20, "the new partition's record is counted")
        running.terminate()

    def test_records_of_an_added_partition_are_lag_before_it_is_assigned(self) -> None:
        running = self.job("-X", "topic.metadata.refresh.interval.ms=600000")
        self.assertEqual(unassigned(running), {})
        add_partitions(self.source, 2)
        cluster.wait_until_known([self.source])
        wait_for(lambda: len(cluster.extents(self.source)) == 2, 10, "there are two partitions")
        write(self.source, 1, [record(8), record(16)])
        wait_for(lambda: unassigned(running) == {1: 2}, 2 * SAID_SECONDS, "its records are lag")
        name = "kstream_unassigned_lag_records"
        self.assertEqual(running.metrics().total(name, partition="1"), 2)
        other = self.aggregate(*JOB)  # whose joining has the leader look anew
        wait_for(lambda: unassigned(running) == {}, 30, "it is somebody's")
        wait_for(lambda: state(running) == (31, 5), 20, "its records are counted")
        other.terminate()
        running.terminate()

    def test_partitions_added_to_the_results(self) -> None:
        self.check_enlarged(self.results)

    def test_partitions_added_to_the_repartition_topic(self) -> None:
        self.check_enlarged(f"{self.application}-totals-repartition")

    def test_partitions_added_to_the_changelog(self) -> None:
        self.check_enlarged(f"{self.application}-totals-changelog")

    def check_enlarged(self, topic: str) -> None:
        running = self.job()
        add_partitions(topic, 2)
        self.expect_stop(running, topic, "2 partitions")


    # ---- records that are deleted while it runs --------------------------------------------------

    def delete_records(self, topic: str, before: int = -1) -> None:
        client = Client(topic, 0, "none")
        try:
            wait_for(lambda: client.delete_records(before) == "NO_ERROR", 20, "records are deleted")
        finally:
            client.close()

    def test_source_emptied_behind_what_was_read(self) -> None:
        running = self.job()
        self.delete_records(self.source)
        write(self.source, 0, [record(8)])
        wait_for(lambda: state(running) == (15, 4), 20, "the next record is counted")
        running.terminate()

    def test_source_emptied_of_what_was_not_read(self) -> None:
        """The process is paused while records come and go."""
        running = self.job()
        running.send(signal.SIGSTOP)
        pause(1.0)  # what it has asked for already has been answered
        write(self.source, 0, [record(8), record(16)])
        self.delete_records(self.source)
        running.send(signal.SIGCONT)
        running.expect(70, NOTICED_SECONDS)
        self.assertRegex(running.stderr, r"partition 0: records \[3, 5\) were deleted before they")
        self.assertIn(self.source, running.stderr)
        self.assertEqual(self.published(), (7, 3))

    def test_repartition_emptied_behind_what_was_applied(self) -> None:
        running = self.job()
        self.delete_records(f"{self.application}-totals-repartition")
        write(self.source, 0, [record(8)])
        wait_for(lambda: state(running) == (15, 4), 20, "the next record is counted")
        running.terminate()

    def test_changelog_emptied(self) -> None:
        """The only whole totals are in memory: it goes on, and says that it must not end."""
        running = self.job()
        topic = f"{self.application}-totals-changelog"
        cluster.alter_topic(topic, {"cleanup.policy": "delete"})
        self.delete_records(topic)
        running.wait_for_log(f"records were deleted from a topic.* topic={topic}", 20)
        wait_for(lambda: topic in ask(running, "/readyz")[1], SAID_SECONDS, "it is not ready")
        write(self.source, 0, [record(8)])
        wait_for(lambda: state(running) == (15, 4), 20, "the next record is counted")
        running.terminate()
