"""Windows of event time on a real cluster, against plain Python over the same log: what is late,
what every closed window comes to, and that no way of running the job makes a difference."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field

from harness import cluster
from harness.case import IntegrationTest, membership, wait_for
from harness.records import Wanted, read_committed, write

PARALLEL = True
PARTITIONS = 3
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# A day begins. Not long ago: retention goes by these times.
BEGIN = int(time.time() * 1000) // DAY * DAY - 3 * DAY
WINDOW = 15 * MINUTE
SLIDE = 5 * MINUTE  # of those that overlap: a pane, too
GRACE = 10 * MINUTE
PLAIN = ["-X", "compression.type=none"]  # read_committed() takes no others


def utc(ms: int) -> str:
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000))
    return f"{text}.{ms % 1000:03}Z" if ms % 1000 else f"{text}Z"


@dataclass
class Row:
    total: int = 0
    n: int = 0
    most: int = 0

    def add(self, value: int) -> None:
        self.most = max(self.most, value) if self.n else value
        self.total, self.n = self.total + value, self.n + 1


@dataclass
class Recount:
    """The rules once more: the clock of each partition, and one fate for each of its records. A
    window begins every `slide`, which divides their size."""

    slide: int = WINDOW
    rows: dict[tuple[str, int], Row] = field(default_factory=dict)
    late: set[tuple[int, int]] = field(default_factory=set)  # partition and offset
    clocks: dict[int, int] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)
    bad: int = 0
    filtered: int = 0

    def add(self, partition: int, record: dict | None) -> None:
        offset = self.offsets[partition] = self.offsets.get(partition, -1) + 1
        if record is None:
            self.bad += 1  # no JSON
            return
        before = self.clocks.get(partition)
        self.clocks[partition] = max(before or 0, record["t"])
        start = record["t"] // self.slide * self.slide
        if record["v"] == 0:
            self.filtered += 1
        elif before is not None and start + self.slide + GRACE <= before:
            self.late.add((partition, offset))
        else:
            for begin in range(start, start - WINDOW, -self.slide):
                self.rows.setdefault((record["k"], begin), Row()).add(record["v"])

    def watermark(self) -> int:
        return min(self.clocks.values()) if len(self.clocks) == PARTITIONS else -1

    def results(self, closed: bool) -> dict[str, str]:
        """Key -> value of each closed window, or of each open one."""
        return {
            json.dumps([k, utc(start)], separators=(",", ":")): json.dumps(
                {"k": k, "de": utc(start), "ate": utc(start + WINDOW), "total": row.total,
                 "n": row.n, "maior": row.most}, separators=(",", ":"))
            for (k, start), row in self.rows.items()
            if (start + WINDOW + GRACE <= self.watermark()) == closed
        }  # fmt: skip


class Windows(IntegrationTest):
    windows = "tumble"

    def topics(self) -> list[str]:
        return [*super().topics(), f"{self.application}-late"]

    def query(self, emit: str, results: str) -> str:
        slide = "INTERVAL '5 minutes', " if self.windows == "hop" else ""
        return (
            f'INSERT INTO "{results}" SELECT k, window_start AS de, window_end AS ate, '
            f"sum(v) AS total, count(*) AS n, max(v) AS maior "
            f'FROM {self.windows}("{self.source}", to_timestamp(t * 0.001), {slide}'
            f"INTERVAL '15 minutes', grace => INTERVAL '10 minutes', emit => '{emit}', "
            "idle => 'never') WHERE v > 0 GROUP BY k, window_start"
        )

    def job(self, emit: str = "final") -> list[str]:
        return ["--application-id", self.application, "--query", self.query(emit, self.results)]

    def made(self, rng: random.Random, count: int, begin: int, recount: Recount) -> None:
        """Writes so many records to each partition: most in order, some up to an hour behind."""
        for partition in range(PARTITIONS):
            part = []
            for i in range(count):
                now = begin + i * 20 * SECOND + rng.randrange(20 * SECOND)
                behind = rng.choice([0, 0, 0, rng.randrange(MINUTE), rng.randrange(HOUR)])
                record = {"t": now - behind, "k": rng.choice("abcd"), "v": rng.randrange(100)}
                chosen = record if rng.random() < 0.97 else None
                value = json.dumps(record).encode() if chosen else b"{"
                part.append(Wanted(value, timestamp=now))
                recount.add(partition, chosen)
            write(self.source, partition, part)

    def published(self) -> tuple[dict[str, str], dict[str, str]]:
        """Final results and others: key -> last value. Nothing may follow a final one."""
        final: dict[str, str] = {}
        others: dict[str, str] = {}
        for partition in cluster.extents(self.results):
            for row in read_committed(self.results, partition):
                key = row.key.decode()
                self.assertNotIn(key, final)
                self.assertIsNotNone(row.value, key)
                is_final = (b"kstream.window.final", b"true") in row.headers
                (final if is_final else others)[key] = row.value.decode()
                if is_final:
                    others.pop(key, None)
        return final, others

    def late(self) -> list[tuple[int, int]]:
        topic = f"{self.application}-late"
        found = []
        for partition in cluster.extents(topic):
            for record in read_committed(topic, partition):
                headers = dict(record.headers)
                self.assertEqual(headers[b"kstream.reason"], b"late")
                found.append((int(headers[b"kstream.source.partition"]),
                              int(headers[b"kstream.source.offset"])))  # fmt: skip
        return found

    def check_published(self, recount: Recount, emit: str) -> None:
        final, others = self.published()
        self.assertEqual(final, recount.results(closed=True))
        self.assertEqual(others, recount.results(closed=False) if emit == "updates" else {})
        late = self.late()
        self.assertEqual(len(late), len(set(late)), "a late record is there twice")
        self.assertEqual(set(late), recount.late)

    def run_a_day_in_pieces(self, emit: str) -> None:
        rng = random.Random(3)
        recount = Recount(SLIDE if self.windows == "hop" else WINDOW)
        self.start("create-topics", *self.job(emit), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        for piece in range(3):
            self.made(rng, 200, BEGIN + piece * 70 * MINUTE, recount)
            last = self.start("aggregate", *self.job(emit), "--until", "end",
                              *PLAIN).expect(0, 90).stderr.splitlines()[-1]  # fmt: skip
            self.check_published(recount, emit)
            self.assertIn("late=", last)
        self.assertGreater(len(recount.late), 20)
        self.assertGreater(len(recount.results(closed=True)), 40)
        self.check_audit(recount, emit)
        shown = self.start("results", *self.job(emit), "--json").expect(0, 60).stdout
        final, others = self.published()
        self.assertEqual(sorted(shown.splitlines()), sorted([*final.values(), *others.values()]))

    def check_audit(self, recount: Recount, emit: str) -> None:
        report = json.loads(self.start("audit", *self.job(emit), "--json").expect(0, 120).stdout)
        self.assertEqual(report["proved"], "full")
        self.assertEqual(report["records"]["late"], len(recount.late))

    def test_updates_in_pieces_against_plain_python(self) -> None:
        self.run_a_day_in_pieces("updates")

    def test_final_results_in_pieces_against_plain_python(self) -> None:
        self.run_a_day_in_pieces("final")

    def test_hopping_windows_in_pieces_against_plain_python(self) -> None:
        self.windows = "hop"
        self.run_a_day_in_pieces("updates")

    def test_final_hopping_windows_in_pieces_against_plain_python(self) -> None:
        self.windows = "hop"
        self.run_a_day_in_pieces("final")

    def test_no_way_of_running_it_makes_a_difference(self) -> None:
        """One finished log: by one process, and by three that are killed again and again."""
        rng = random.Random(5)
        recount = Recount()
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        self.made(rng, 1_500, BEGIN, recount)
        self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 90)
        self.check_published(recount, "final")
        once, _ = self.published()

        first, first_results = self.application, self.results
        self.application, self.results = f"{first}-b", f"{first_results}-b"
        self.addCleanup(lambda: cluster.delete_topics([*self.topics()[1:]]))
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        options = ["aggregate", *self.job(), *membership(2), "--commit-interval", "20ms", *PLAIN]
        workers = [self.start(*options, name="worker") for _ in range(3)]
        for turn in range(6):
            workers[turn % 3].wait_for_log("partitions assigned")
            time.sleep(rng.random())  # a fault at a random time, no wait for an effect
            workers[turn % 3].kill()
            workers[turn % 3] = self.start(*options, name="worker")
        for worker in workers:
            worker.terminate(20)
        self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 120)
        self.check_published(recount, "final")
        again, _ = self.published()
        self.assertEqual(again, once)
        self.check_audit(recount, "final")

    def test_a_partition_that_is_added_is_refused(self) -> None:
        recount = Recount()
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        self.made(random.Random(1), 20, BEGIN, recount)
        worker = self.start("aggregate", *self.job(), *PLAIN)
        worker.wait_for_log("partitions assigned")
        cluster.tool("kafka-topics", "--alter", "--topic", self.source, "--partitions",
                     str(PARTITIONS + 1))  # fmt: skip
        wait_for(lambda: not worker.is_running(), 90, "the worker has ended")
        worker.expect(78)
        self.assertIn(f"topic {self.source} has a new partition {PARTITIONS}", worker.stderr)
