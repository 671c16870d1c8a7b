"""Duplicates of producers on a real cluster, against plain Python over the same log: also where
owners of partitions change, and where the log has forgotten what they would have to know."""

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
DAY = 86_400 * SECOND
# Not long ago: retention goes by these times.
BEGIN = int(time.time() * 1000) - DAY
WITHIN = 600 * SECOND
PLAIN = ["-X", "compression.type=none"]  # read_committed() takes no others


@dataclass
class Recount:
    """The rule once more: of each partition its newest time, and that at each id's last record."""

    counts: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    newest: dict[int, int] = field(default_factory=dict)
    copies: dict[tuple[int, object], int] = field(default_factory=dict)

    def add(self, partition: int, record: dict) -> None:
        before = self.newest.get(partition, -1)
        now = self.newest[partition] = max(before, record["t"])
        if record["k"] == "nobody":
            return
        copy = self.copies.get((partition, record["id"]))
        self.copies[partition, record["id"]] = now
        if copy is not None and before - copy <= WITHIN:
            self.duplicates += 1
        else:
            self.counts[record["k"]] = self.counts.get(record["k"], 0) + 1


class Unique(IntegrationTest):
    def job(self) -> list[str]:
        query = (
            f'INSERT INTO "{self.results}" SELECT k, count(*) AS n FROM events("{self.source}", '
            "to_timestamp(t * 0.001), unique_by => id, within => INTERVAL '10 minutes') "
            "WHERE k <> 'nobody' GROUP BY k"
        )
        return ["--application-id", self.application, "--query", query]

    def made(self, rng: random.Random, count: int, begin: int, recount: Recount) -> None:
        """So many records of each partition; a third are copies, some of them too late for one."""
        for partition in range(PARTITIONS):
            part, ids = [], list(range(begin, begin + 5))
            for i in range(count):
                now = begin + i * 5 * SECOND
                if rng.random() < 0.67:
                    ids.append(begin + 10 + i)
                record = {
                    "t": now - rng.randrange(60 * SECOND),
                    "k": rng.choice([*"abc", "nobody"]),
                    "id": rng.choice([ids[-1], *ids[-200:]]),
                }
                part.append(Wanted(json.dumps(record).encode(), timestamp=now))
                recount.add(partition, record)
            write(self.source, partition, part)

    def check_published(self, recount: Recount) -> None:
        last: dict[str, int] = {}
        for partition in cluster.extents(self.results):
            for row in read_committed(self.results, partition):
                value = json.loads(row.value)
                last[value["k"]] = value["n"]
        self.assertEqual(last, recount.counts)
        report = json.loads(self.start("audit", *self.job(), "--json").expect(0, 120).stdout)
        self.assertEqual(report["proved"], "full")
        self.assertEqual(report["records"]["duplicates"], recount.duplicates)

    def test_duplicates_are_found_whoever_owns_the_partition(self) -> None:
        rng = random.Random(11)
        recount = Recount()
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        self.made(rng, 300, BEGIN, recount)
        options = ["aggregate", *self.job(), *membership(2), "--commit-interval", "20ms", *PLAIN]
        workers = [self.start(*options, name="worker") for _ in range(2)]
        for turn in range(4):
            workers[turn % 2].wait_for_log("partitions assigned")
            self.made(rng, 300, BEGIN + (turn + 1) * 1_500 * SECOND, recount)
            time.sleep(rng.random())  # a fault at a random time, no wait for an effect
            workers[turn % 2].kill()
            workers[turn % 2] = self.start(*options, name="worker")
        for worker in workers:
            worker.terminate(20)
        last = self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 120).stderr
        self.assertIn("ids read back", last)
        self.check_published(recount)
        self.assertGreater(recount.duplicates, 500)

    def test_ids_that_the_log_has_forgotten_stop_the_next_owner(self) -> None:
        recount = Recount()
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        self.made(random.Random(1), 50, BEGIN, recount)
        self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 90)
        path = self.directory / "delete-records.json"
        rows = f'{{"topic":"{self.source}","partition":1,"offset":40}}'
        path.write_text(f'{{"partitions":[{rows}],"version":1}}')
        cluster.tool("kafka-delete-records", "--offset-json-file", str(path))
        wait_for(lambda: cluster.extents(self.source)[1].start == 40, 30, "records are deleted")
        # There is something to read, so nobody is at the end before the partition is looked at.
        self.made(random.Random(2), 10, BEGIN + 250 * SECOND, recount)
        stopped = self.start("aggregate", *self.job(), "--until", "end", *PLAIN)
        stopped.expect(70, 60)
        self.assertIn(f"topic {self.source} partition 1", stopped.stderr)
        self.assertIn("are needed to find duplicates", stopped.stderr)
