"""`kstream lateness`: what each grace would refuse, against plain Python over the same records."""

from __future__ import annotations

import json
import random
import time

from harness import cluster
from harness.case import IntegrationTest
from harness.records import Wanted, write

PARALLEL = True
PARTITIONS = 3
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# A day begins. Not long ago: retention goes by these times.
BEGIN = int(time.time() * 1000) // DAY * DAY - 3 * DAY
WINDOW = 15 * MINUTE
MAX_AHEAD = HOUR


def stamped(record: dict | bytes | None, timestamp: int) -> Wanted:
    """One whose timestamp in Kafka is given."""
    value = json.dumps(record).encode() if isinstance(record, dict) else record
    return Wanted(value, timestamp=timestamp)


class Recount:
    """The rules once more: one fate for each record, and of each that is judged for being late the
    end of its window and the clock before it."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("tombstones", "filtered", "out_of_order"), 0)
        self.bad: dict[str, int] = {}
        self.firsts: dict[tuple[str, int], int] = {}  # by reason and partition
        self.judged: list[tuple[int, int | None]] = []
        self.clocks: dict[int, int] = {}

    def add(self, partition: int, offset: int, one: Wanted) -> None:
        if one.value is None:
            self.counts["tombstones"] += 1
            return
        reason, before, record = None, self.clocks.get(partition), {}
        try:
            record = json.loads(one.value)
        except ValueError:
            reason = "json"
        if reason is None and "t" not in record:
            reason = "missing_field"
        elif reason is None and record["t"] - one.timestamp > MAX_AHEAD:
            reason = "time_future"
        if reason is None:
            self.counts["out_of_order"] += before is not None and record["t"] < before
            self.clocks[partition] = max(before or 0, record["t"])
            if record["v"] <= 0:
                self.counts["filtered"] += 1
                return
            if "k" not in record:
                reason = "missing_field"
        if reason is not None:
            self.bad[reason] = self.bad.get(reason, 0) + 1
            self.firsts.setdefault((reason, partition), offset)
            return
        self.judged.append((record["t"] // WINDOW * WINDOW + WINDOW, before))

    def refused(self, grace: int) -> int:
        return sum(clock is not None and end + grace <= clock for end, clock in self.judged)


class Lateness(IntegrationTest):
    def write_in_turns(self, parts: list[list[Wanted]], turns: int = 4) -> None:
        """A piece of each partition after the other."""
        self.create_topics("--partitions", str(PARTITIONS))
        for turn in range(turns):
            for partition, records in enumerate(parts):
                size = -(-len(records) // turns)
                piece = records[turn * size : (turn + 1) * size]
                if piece:
                    write(self.source, partition, piece)

    def lateness(self, source: str, *options: str) -> str:
        query = f"SELECT k, count(*) AS n FROM {source} GROUP BY k, window_start"
        return self.start("lateness", "--application-id", self.application, "--query", query,
                          *options).expect(0, 60).stdout  # fmt: skip

    def test_disorder_that_is_known(self) -> None:
        """Sessions have no window that forgives: each late record needs what it is late by."""
        late_by = [30 * SECOND, 5 * MINUTE, 2 * HOUR]
        count = 400
        parts = []
        for late in late_by:
            part = []
            for i in range(count):
                # Every tenth one is behind the one before it.
                at = BEGIN + (i if i % 10 < 9 else i - 1) * 10 * SECOND
                at -= late if i % 10 == 9 else 0
                part.append(stamped({"t": at, "k": 1}, at))
            parts.append(part)
        self.write_in_turns(parts)
        source = f'session("{self.source}", to_timestamp(t * 0.001), INTERVAL \'1 minute\', '
        found = json.loads(self.lateness(source + "grace => INTERVAL '5 minutes')", "--json"))
        tenth = count // 10
        # A record is refused with exactly what it is late by less 1 ms, and not with 5 minutes.
        self.assertEqual(
            {row["grace_ms"]: row["refused"] for row in found["graces"]},
            {0: 3 * tenth, SECOND: 3 * tenth, 10 * SECOND: 3 * tenth, MINUTE: 2 * tenth,
             5 * MINUTE: tenth, 10 * MINUTE: tenth, HOUR: tenth, 6 * HOUR: 0},
        )  # fmt: skip
        self.assertEqual([row["grace_ms"] for row in found["graces"] if row["own"]], [5 * MINUTE])
        self.assertEqual(
            (found["records"], found["late"], found["out_of_order"], found["bad"]),
            (3 * count, tenth, 3 * tenth, []),
        )
        self.assertEqual([(row["keeps_percent"], row["grace_ms"]) for row in found["least_graces"]],
                         [(share, 2 * HOUR) for share in (99, 99.9, 99.99, 100)])  # fmt: skip
        self.assertEqual((found["latest"]["partition"], found["latest"]["offset"],
                          found["latest"]["grace_ms"]), (2, 9, 2 * HOUR))  # fmt: skip
        self.assertEqual([part["largest_grace_ms"] for part in found["partitions"]], late_by)
        page = self.lateness(source + "grace => INTERVAL '2 hours')")
        self.assertIn("own grace, 2 hours, refuses none of 1200 records.", page)

    def test_any_disorder_against_plain_python(self) -> None:
        seed = random.SystemRandom().randrange(1 << 30)
        self.note(f"seed {seed}")
        rng = random.Random(seed)
        recount = Recount()
        parts: list[list[Wanted]] = []
        for partition in range(PARTITIONS):
            part = []
            for i in range(600):
                now = BEGIN + i * MINUTE
                late = rng.choice([0, 0, 0, rng.randrange(HOUR), rng.randrange(3 * DAY)])
                record = {"t": now - late, "k": "a", "v": rng.choice([1, 1, 1, 0])}
                if rng.random() < 0.05:
                    del record[rng.choice("tk")]
                if rng.random() < 0.03:
                    record["t"] = now + MAX_AHEAD + rng.choice([0, 1, DAY])
                chosen = record if rng.random() < 0.95 else rng.choice([None, b"{"])
                part.append(stamped(chosen, now))
                recount.add(partition, i, part[-1])
            parts.append(part)
        self.write_in_turns(parts)
        found = json.loads(self.lateness(
            f'tumble("{self.source}", to_timestamp(t * 0.001), INTERVAL \'15 minutes\', '
            "grace => INTERVAL '20 minutes') WHERE v > 0", "--json"))  # fmt: skip
        self.assertGreater(recount.refused(20 * MINUTE), 0)
        for row in found["graces"]:
            self.assertEqual(row["refused"], recount.refused(row["grace_ms"]), row)
        self.assertEqual(found["late"], recount.refused(20 * MINUTE))
        self.assertEqual(found["aggregated"], len(recount.judged) - found["late"])
        for name, count in recount.counts.items():
            self.assertEqual(found[name], count, name)
        self.assertEqual({one["reason"]: one["records"] for one in found["bad"]}, recount.bad)
        for one in found["bad"]:
            # Which partition is read first is open.
            self.assertEqual(one["offset"], recount.firsts[one["reason"], one["partition"]], one)
        for row in found["least_graces"]:
            gives_up = len(recount.judged) * round(10_000 - row["keeps_percent"] * 100) // 10_000
            self.assertLessEqual(recount.refused(row["grace_ms"]), gives_up)
            if row["grace_ms"] > 0:
                self.assertGreater(recount.refused(row["grace_ms"] - 1), gives_up)

    def test_a_topic_that_does_not_exist(self) -> None:
        query = (
            f'SELECT count(*) AS n FROM tumble("{self.source}", to_timestamp(t), '
            "INTERVAL '1 hour', grace => INTERVAL '0 seconds') GROUP BY window_start"
        )
        refused = self.start("lateness", "--query", query).expect(3, 60)
        self.assertIn(f"topic {self.source} does not exist", refused.stderr)
        self.assertEqual(refused.stdout, "")
        self.assertFalse(cluster.exists(self.source))
