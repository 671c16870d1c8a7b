"""The suite itself can fail: what it is there to find is put in front of it."""

from __future__ import annotations

import time

from harness import cluster
from harness.case import IntegrationTest, wait_for
from harness.records import Wanted, crc32c, write
from totals_check.compare import partition_of
from totals_check.console import Record, read_records

PARALLEL = True

# No time of now, and within any retention: brokers look for what is too old every five minutes, and
# a record of 1970 was gone before it was read when they did so just then.
EARLIER = int(time.time() * 1000) - 60_000


def total(seller: str, amount: str, count: int) -> bytes:
    return (
        f'{{"id_vendedor":"{seller}","valor_total_por_vendedor":{amount},'
        f'"numero_transacoes":{count}}}'
    ).encode()


class Harness(IntegrationTest):
    def test_results_that_are_wrong_are_found(self) -> None:
        self.create_topics()
        write(self.source, 0, [Wanted(b'{"id_vendedor":"a","valor":1.10}')] * 3)
        partition = partition_of(b"a", 6)
        watcher = self.watch()
        write(self.results, partition, [Wanted(total("a", "2.20", 2), b"a")])
        watcher.wait_for_total(2, 30)
        with self.assertRaises(AssertionError):
            self.assert_exact()  # the third record is not in yet
        write(self.results, partition, [Wanted(total("a", "3.30", 3), b"a")])
        self.assert_exact(count=3)

        write(self.results, partition, [Wanted(total("a", "1.10", 1), b"a")])
        write(self.results, partition, [Wanted(total("a", "3.30", 3), b"a")])
        # Its sum is 3 already before it has seen any of these two.
        wait_for(lambda: bool(watcher.falls), 30, "the watcher sees the count fall")
        with self.assertRaises(AssertionError):
            watcher.require_no_fall(3, 10)
        with self.assertRaises(AssertionError):
            self.assert_exact()  # the last total is right, the history is not

    def test_a_tombstone_of_a_job_without_having_is_found(self) -> None:
        self.create_topics()
        watcher = self.watch()
        write(self.results, partition_of(b"a", 6), [Wanted(None, b"a")])
        wait_for(lambda: watcher.problem, 30, "the watcher sees the tombstone")
        with self.assertRaises(AssertionError):
            watcher.require_no_fall(0, 1)

    def test_a_watcher_that_has_died_does_not_say_that_all_is_well(self) -> None:
        self.create_topics()
        watcher = self.watch()
        with self.assertRaises(AssertionError):
            watcher.require_no_fall(1, 0.5)  # it has seen nothing fall, and nothing at all
        watcher.problem = ValueError("a line that is no record")
        with self.assertRaises(ValueError):
            watcher.require_no_fall(0)

    def test_dead_letters_that_are_wrong_are_found(self) -> None:
        self.create_topics()
        write(self.source, 3, [Wanted(b"\xff\n\t", None, timestamp=EARLIER)])
        with self.assertRaises(AssertionError):
            self.assert_exact()  # there is none
        write(f"{self.application}-dead-letters", 0, [Wanted(b"\xff\n\t")])
        report = self.check()
        self.assertIn("does not say which record it is", report.differences[0])

    def test_a_process_that_ends_otherwise_is_found(self) -> None:
        wrong = self.start("produce", "--no-such-option")
        with self.assertRaises(AssertionError):
            wrong.expect(0, 10)
        with self.assertRaises(AssertionError):
            wrong.kill()  # a fault that hits nobody is no fault
        with self.assertRaises(AssertionError):
            wait_for(lambda: False, 0.1, "never")

    def test_a_process_that_has_just_been_started_can_be_terminated(self) -> None:
        """Before it handles SIGTERM that is a death like any other's, and was a test's failure."""
        self.create_topics()
        for _ in range(3):
            self.aggregate().terminate()

    def test_bytes_written_are_the_bytes_read(self) -> None:
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)  # the check value of CRC-32C
        self.create_topics()
        values = [bytes(range(256)), b"", None, b"\\x41\t\n"]
        first = write(self.source, 1, [Wanted(v, v, timestamp=EARLIER) for v in values])
        self.assertEqual(first, 0)
        seen: list[Record] = []
        read_records(cluster.BROKERS, self.source, seen.append, 30)
        self.assertEqual([(r.key, r.value, r.timestamp) for r in seen],
                         [(v, v, EARLIER) for v in values])  # fmt: skip
