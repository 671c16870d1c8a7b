"""Totals are exact, without faults: replicas, restarts, starting points, `--until end`."""

from __future__ import annotations

import re
import resource
import signal
import time
from pathlib import Path

from harness import cluster
from harness.case import IntegrationTest, wait_for
from harness.records import Wanted, write

PARALLEL = True


class Aggregate(IntegrationTest):
    def test_three_replicas(self) -> None:
        self.create_topics()
        replicas = self.replicas(3)
        self.produce(200_000, "--seed", "1")
        self.settle()
        self.assert_exact(count=200_000)
        for replica in replicas:
            replica.terminate()

    def test_many_keys_and_two_sums(self) -> None:
        """Another job than the default, with more keys than fit into one delta record."""
        self.create_topics()
        self.produce(200_000, "--seed", "2", "--sellers", "20000", "--users", "50")
        job = ["--group-by", "id_vendedor", "--group-by", "compra_internacional"]
        job += ["--sum", "valor=total", "--count", "records", "--sum", "hora_transacao"]
        replicas = self.replicas(2, *job, "--workers", "2")
        self.settle(90, *job)
        report = self.assert_exact(*job, count=200_000)
        self.assertGreater(report.figures["keys"], 35_000)
        for replica in replicas:
            replica.terminate()

    def test_out_of_memory_is_said_and_loses_nothing(self) -> None:
        self.create_topics()
        self.produce(100_000)
        small = self.aggregate("--http", "127.0.0.1:0")
        wait_for(lambda: small.metrics().total("kstream_keys", stage="totals") > 0, 30, "totals")
        held = re.search(r"VmData:\s+(\d+)", Path(f"/proc/{small.pid}/status").read_text())
        assert held is not None
        most = (int(held[1]) << 10) + (24 << 20)
        resource.prlimit(small.pid, resource.RLIMIT_DATA, (most, most))
        self.produce(500_000, "--seed", "2", "--sellers", "1000000")
        code = small.wait(60)
        if code == -signal.SIGABRT:  # the client library was the first that got none
            self.assertRegex(small.stderr, r"rd_(m|c|re)alloc|rd_strn?dup|rd_memdup")
        else:
            self.assertEqual(code, 13, small.describe())
            said = r"out of memory in loop (map|totals)-0: the totals of this process were of \d+ k"
            self.assertRegex(small.stderr, said)
        self.settle(180)
        self.assert_exact(count=600_000)

    def test_restart_from_committed_offsets(self) -> None:
        self.create_topics()
        total = 0
        for round_number in range(3):
            self.produce(50_000, "--seed", str(round_number))
            total += 50_000
            one = self.aggregate("--workers", "2")
            self.settle()
            one.terminate()
            self.assert_exact(count=total)
        # Nothing new: it starts, sees that, and ends.
        before = cluster.record_count(self.results)
        self.settle()
        self.assertEqual(cluster.record_count(self.results), before)

    def test_from_latest_counts_at_the_first_start_only(self) -> None:
        self.create_topics()
        self.produce(1_000)
        base = {p: e.end for p, e in cluster.extents(self.source).items()}
        first = self.aggregate("--from", "latest")
        for partition in base:
            first.wait_for_log(rf"partition opened partition={partition}\b")
        self.produce(2_000, "--seed", "2")
        self.settle(60, "--from", "latest")
        first.terminate()
        based = [f for p, offset in base.items() for f in ("--base", f"{p}={offset}")]
        self.assert_exact(*based, count=2_000)
        # Another --from changes nothing any more, forwards or backwards.
        self.produce(500, "--seed", "3")
        self.settle(60, "--from", "latest")
        self.settle(60, "--from", "earliest")
        self.assert_exact(*based, count=2_500)

    def test_from_a_time(self) -> None:
        self.create_topics()
        # Within any retention, or the broker deletes them under our eyes.
        late = int(time.time() * 1000) - 60_000
        early = late - 60_000
        record = b'{"id_vendedor":"vendedor_1","valor":2.50}'
        base = []
        for partition in range(6):
            write(self.source, partition, [Wanted(record, timestamp=early)] * 5)
            if partition == 5:
                continue  # has nothing that late: begins at its end
            offset = write(self.source, partition, [Wanted(record, timestamp=late)] * 3)
            base += ["--base", f"{partition}={offset}"]
        base += ["--base", "5=5"]
        self.settle(60, "--from", str(late - 1))
        self.assert_exact(*base, count=15)
        write(self.source, 5, [Wanted(record, timestamp=early)] * 2)
        self.settle(60, "--from", str(late - 1))
        self.assert_exact(*base, count=17)


class UntilEnd(IntegrationTest):
    def test_an_empty_topic(self) -> None:
        self.create_topics()
        self.aggregate("--until", "end").expect(0, 30)
        self.assert_exact(count=0)

    def test_three_together(self) -> None:
        self.create_topics()
        self.produce(200_000, "--seed", "4")
        for process in [self.aggregate("--until", "end") for _ in range(3)]:
            process.expect(0, 60)
        self.assert_exact(count=200_000)

    def test_one_comes_late(self) -> None:
        """When the others have long gone: it finds everything done, and ends as well."""
        self.create_topics()
        self.produce(200_000, "--seed", "5")
        started = time.monotonic()
        for process in [self.aggregate("--until", "end") for _ in range(2)]:
            process.expect(0, 60)
        wait_for(lambda: time.monotonic() - started >= 10, 15, "ten seconds have passed")
        self.aggregate("--until", "end").expect(0, 30)
        self.assert_exact(count=200_000)

    def test_one_is_killed(self) -> None:
        self.create_topics()
        self.produce(300_000, "--seed", "6")
        processes = [self.aggregate("--until", "end", "--workers", "2") for _ in range(3)]
        # Whoever is first to have partitions: on a busy machine the last may find nothing to do.
        victim = wait_for(
            lambda: next((p for p in processes if "partitions assigned" in p.stderr), None),
            30,
            "one of them has partitions",
            poll=0.005,
        )
        victim.kill()
        for process in processes:
            if process is not victim:
                process.expect(0, 90)
        self.assert_exact(count=300_000)

    def test_it_ends_though_more_is_coming(self) -> None:
        """The end is where it was at the start."""
        self.create_topics()
        self.produce(50_000)
        producer = self.start_produce("--rate", "2000", "--seed", "2")
        self.aggregate("--until", "end").expect(0, 60)
        producer.terminate()
        self.settle()
        self.assert_exact()


class Start(IntegrationTest):
    def test_start_to_first_record_and_memory(self) -> None:
        self.create_topics()
        self.produce(500_000, "--seed", "8")
        one = self.aggregate("--http", "127.0.0.1:0")
        wait_for(
            lambda: one.metrics().total("kstream_records_aggregated_total", stage="map") > 0,
            10,
            "a first record is processed",
            poll=0.02,
        )
        self.note(f"first record after {time.monotonic() - one.started:.2f} s")
        self.settle()
        peak = one.peak_memory_mib()
        self.note(f"at most {peak:.0f} MiB")
        self.assertLess(peak, 200)
        one.terminate()
        self.assert_exact(count=500_000)
