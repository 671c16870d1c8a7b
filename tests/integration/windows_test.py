"""Windows of event time on a real cluster, against plain Python over the same log: what is late,
what every closed window comes to, and that no way of running the job makes a difference."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field

from harness import cluster, statement
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
class SetRow(Row):
    values: list[int] = field(default_factory=list)

    def add(self, value: int) -> None:
        super().add(value)
        self.values.append(value)


@dataclass
class Recount:
    """The rules once more: the clock of each partition, and one fate for each of its records. A
    window begins every `slide`, which divides their size."""

    ROW = Row

    slide: int = WINDOW
    rows: dict[tuple[str, int], Row] = field(default_factory=dict)
    late: set[tuple[int, int]] = field(default_factory=set)  # partition and offset
    clocks: dict[int, int] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)
    bad: int = 0
    filtered: int = 0
    partitions: int = PARTITIONS
    log: list[tuple[int, dict | None]] = field(default_factory=list)

    def advanced(self, advances: list[tuple[int, int, int]]) -> Recount:
        """The same log, where the job has moved partitions on: partition, offset, to when."""
        again = type(self)(self.slide, partitions=self.partitions)
        left = sorted(advances)
        for partition, record in self.log:
            offset = again.offsets.get(partition, -1) + 1
            for one in [one for one in left if one[0] == partition and one[1] <= offset]:
                again.clocks[partition] = max(again.clocks.get(partition, 0), one[2])
                left.remove(one)
            again.add(partition, record)
        for partition, _, watermark in left:
            again.clocks[partition] = max(again.clocks.get(partition, 0), watermark)
        return again

    def add(self, partition: int, record: dict | None) -> None:
        self.log.append((partition, record))
        offset = self.offsets[partition] = self.offsets.get(partition, -1) + 1
        if record is None:
            self.bad += 1  # no JSON
            return
        before = self.clocks.get(partition)
        self.clocks[partition] = max(before or 0, record["t"])
        if record["v"] == 0:
            self.filtered += 1
        else:
            self.judge(record, (partition, offset), before)

    def judge(self, record: dict, place: tuple[int, int], before: int | None) -> None:
        start = record["t"] // self.slide * self.slide
        if before is not None and start + self.slide + GRACE <= before:
            self.late.add(place)
        else:
            for begin in range(start, start - WINDOW, -self.slide):
                self.rows.setdefault((record["k"], begin), self.ROW()).add(record["v"])

    def watermark(self) -> int:
        return min(self.clocks.values()) if len(self.clocks) == self.partitions else -1

    def is_closed(self, start: int) -> bool:
        return start + WINDOW + GRACE <= self.watermark()

    def results(self, closed: bool) -> dict[str, str]:
        """Key -> value of each closed window, or of each open one."""
        found = {}
        for (k, start), row in self.rows.items():
            if self.is_closed(start) == closed:
                found.update(self.result(k, start, start + WINDOW, row))
        return found

    @staticmethod
    def columns(row: Row) -> dict[str, int]:
        return {"total": row.total, "n": row.n, "maior": row.most}

    def result(self, k: str, start: int, end: int, row: Row) -> dict[str, str]:
        return {
            json.dumps([k, utc(start)], separators=(",", ":")): json.dumps(
                {"k": k, "de": utc(start), "ate": utc(end), **self.columns(row)},
                separators=(",", ":"))
        }  # fmt: skip


@dataclass
class Sets(Recount):
    """The same with how many values are different, and the one in the middle."""

    ROW = SetRow

    @staticmethod
    def columns(row: Row) -> dict[str, int]:
        middle = sorted(row.values)[(row.n - 1) // 2]
        return {**Recount.columns(row), "valores": len(set(row.values)), "mediana": middle}

    def kept(self) -> int:
        """Elements in the changelog: of each open window those of its set and of its multiset."""
        return sum(2 * len(set(row.values)) for (_, start), row in self.rows.items()
                   if not self.is_closed(start))  # fmt: skip


@dataclass
class Sessions(Recount):
    """The same of sessions, at a gap of a minute. What they are is found at the end."""

    GAP = MINUTE
    taken: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # time and value

    def judge(self, record: dict, place: tuple[int, int], before: int | None) -> None:
        if before is not None and record["t"] + 1 + GRACE <= before:
            self.late.add(place)
        else:
            self.taken.setdefault(record["k"], []).append((record["t"], record["v"]))

    def results(self, closed: bool) -> dict[str, str]:
        found = {}
        for k, taken in self.taken.items():
            sessions: list[list[tuple[int, int]]] = []
            for one in sorted(taken):
                if not sessions or one[0] - sessions[-1][-1][0] > self.GAP:
                    sessions.append([])
                sessions[-1].append(one)
            for session in sessions:
                start, end = session[0][0], session[-1][0] + self.GAP
                if (end + 1 + GRACE <= self.watermark()) == closed:
                    row = self.ROW()
                    for _, value in session:
                        row.add(value)
                    found.update(self.result(k, start, end, row))
        return found


@dataclass
class SetsOfSessions(Sessions):
    """The same with what Sets has."""

    ROW = SetRow
    columns = staticmethod(Sets.columns)


class WindowsCase(IntegrationTest):
    function, length = "tumble", "INTERVAL '15 minutes'"
    sets = ""  # columns beside the others

    def recount(self) -> Recount:
        return Recount()

    def topics(self) -> list[str]:
        return [*super().topics(), f"{self.application}-late"]

    def query(self, emit: str, results: str, idle: str = "'never'") -> str:
        return (
            f'INSERT INTO "{results}" SELECT k, window_start AS de, window_end AS ate, '
            f"sum(v) AS total, count(*) AS n, max(v) AS maior{self.sets} "
            f'FROM {self.function}("{self.source}", to_timestamp(t * 0.001), {self.length}, '
            f"grace => INTERVAL '10 minutes', emit => '{emit}', idle => {idle}) "
            "WHERE v > 0 GROUP BY k, window_start"
        )

    def job(self, emit: str = "final", idle: str = "'never'") -> list[str]:
        return ["--application-id", self.application, "--query",
                self.query(emit, self.results, idle)]  # fmt: skip

    def create(self, job: list[str]) -> None:
        self.start("create-topics", *job, "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())

    def made(self, rng: random.Random, count: int, begin: int, recount: Recount,
             partitions: range = range(PARTITIONS)) -> None:  # fmt: skip
        """Writes so many records to each partition: most in order, some up to an hour behind."""
        for partition in partitions:
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
                if row.value is None:
                    self.take_back(key, others)
                    continue
                is_final = (b"kstream.window.final", b"true") in row.headers
                (final if is_final else others)[key] = row.value.decode()
                if is_final:
                    others.pop(key, None)
        return final, others

    def take_back(self, key: str, others: dict[str, str]) -> None:
        self.fail(f"a tombstone of {key}")

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
        recount = self.recount()
        self.create(self.job(emit))
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

    def run_with_killed_workers(self) -> Recount:
        """One finished log: by one process, and by three that are killed again and again."""
        rng = random.Random(5)
        recount = self.recount()
        self.create(self.job())
        self.made(rng, 1_500, BEGIN, recount)
        self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 90)
        self.check_published(recount, "final")
        once, _ = self.published()

        first, first_results = self.application, self.results
        self.application, self.results = f"{first}-b", f"{first_results}-b"
        self.addCleanup(lambda: cluster.delete_topics([*self.topics()[1:]]))
        self.create(self.job())
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
        return recount

    def check_audit(self, recount: Recount, emit: str) -> None:
        report = json.loads(self.start("audit", *self.job(emit), "--json").expect(0, 120).stdout)
        self.assertEqual(report["proved"], "full")
        self.assertEqual(report["records"]["late"], len(recount.late))

    def advances(self, job: list[str]) -> list[tuple[int, int, int]]:
        """Where the job has moved partitions on, as it tells PostgreSQL."""
        file = self.directory / "export"
        self.start("explain", *job, "--export", str(file)).expect(0, 60)
        rows = [row.split("\t") for row in file.read_text(encoding="utf-8").splitlines()]
        return [(int(row[0]), int(row[1]), int(row[2])) for row in rows if row[3] == "advance"]


class Windows(WindowsCase):
    def test_updates_in_pieces_against_plain_python(self) -> None:
        self.run_a_day_in_pieces("updates")

    def test_final_results_in_pieces_against_plain_python(self) -> None:
        self.run_a_day_in_pieces("final")

    def test_a_job_that_is_closed_is_over(self) -> None:
        rng = random.Random(11)
        recount = self.recount()
        self.create(self.job())
        self.made(rng, 100, BEGIN, recount)
        self.start("aggregate", *self.job(), "--until", "end", "--close", *PLAIN).expect(0, 90)
        advances = self.advances(self.job())
        self.assertEqual(sorted({one[0] for one in advances}), list(range(PARTITIONS)))
        again = recount.advanced(advances)
        self.check_published(again, "final")
        self.assertEqual(again.results(closed=False), {})
        self.check_audit(recount, "final")
        # Again, to no effect; and without --close it says so.
        self.start("aggregate", *self.job(), "--until", "end", "--close", *PLAIN).expect(0, 90)
        self.check_audit(recount, "final")
        refused = self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(78, 90)
        self.assertIn("has ended with --close", refused.stderr)

    def test_no_way_of_running_it_makes_a_difference(self) -> None:
        self.run_with_killed_workers()

    def test_times_in_another_unit_stop_a_new_job_once(self) -> None:
        """Milliseconds that are taken for seconds, and seconds for milliseconds."""
        self.create(self.job())
        records = [{"t": BEGIN // 1000 + i, "ms": BEGIN + 1000 * i, "k": "a", "v": 1}
                   for i in range(1_500)]  # fmt: skip
        write(self.source, 0, [Wanted(json.dumps(one).encode(), timestamp=one["ms"])
                               for one in records])  # fmt: skip
        milliseconds = self.query("updates", self.results).replace("t * 0.001", "ms")
        run = ["aggregate", "--application-id", self.application, "--until", "end", *PLAIN]
        said = self.start(*run, "--query", milliseconds).expect(5, 60).stderr
        self.assertIn("are outside the years 1970 to 9999", said)
        self.assertIn("write to_timestamp(ms * 0.001)", said)
        # It has begun by then, and whatever the records are like, that does not stop it again.
        said = self.start(*run, "--query", milliseconds).expect(11, 60).stderr
        self.assertIn("is in a total", said)
        self.assertIn("write to_timestamp(ms * 0.001)", said)
        letters = f"{self.application}-dead-letters"
        self.assertEqual(sum(len(read_committed(letters, partition))
                             for partition in cluster.extents(letters)), 1_500)  # fmt: skip

        self.application, self.results = f"{self.application}-b", f"{self.results}-b"
        self.addCleanup(lambda: cluster.delete_topics([*self.topics()[1:]]))
        self.create(self.job())
        run = ["aggregate", *self.job("updates"), "--until", "end", *PLAIN]
        said = self.start(*run).expect(5, 60).stderr
        self.assertIn("are in January 1970, decades before their Kafka timestamps", said)
        self.assertIn("write to_timestamp(t)", said)
        said = self.start(*run).expect(0, 60).stderr
        self.assertIn("they look like seconds", said)
        self.assertIn("everything up to the end is in the totals", said)

    def test_a_partition_that_is_added_joins(self) -> None:
        """What comes too late for windows that were closed without it is late."""
        rng = random.Random(7)
        recount = self.recount()
        self.create(self.job())
        self.made(rng, 200, BEGIN, recount)
        self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 90)
        self.check_published(recount, "final")
        closed = recount.watermark()
        cluster.tool("kafka-topics", "--alter", "--topic", self.source, "--partitions",
                     str(PARTITIONS + 1))  # fmt: skip
        cluster.wait_until_known([self.source])
        recount.partitions += 1
        self.made(rng, 200, BEGIN + 10 * MINUTE, recount, range(PARTITIONS + 1))
        self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 90)
        advances = self.advances(self.job())
        self.assertEqual([one[:2] for one in advances], [(PARTITIONS, 0)])
        self.assertGreaterEqual(advances[0][2], closed)
        again = recount.advanced(advances)
        self.assertGreater(len([one for one in again.late if one[0] == PARTITIONS]), 20)
        self.check_published(again, "final")
        self.check_audit(again, "final")

    def test_a_partition_in_which_nothing_ever_came_holds_up_all(self) -> None:
        """For PostgreSQL as well, to which no record says that it is there."""
        rng = random.Random(13)
        recount = self.recount()
        self.create(self.job())
        self.made(rng, 100, BEGIN, recount, range(PARTITIONS - 1))
        self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 90)
        found = statement.judge(self, self.job())
        self.assertEqual((found.ours, found.theirs), ([], []))
        self.made(rng, 100, BEGIN, recount, range(PARTITIONS - 1, PARTITIONS))
        self.start("aggregate", *self.job(), "--until", "end", *PLAIN).expect(0, 90)
        found = statement.judge(self, self.job())
        self.assertGreater(len(found.theirs), 0)
        self.assertEqual(found.ours, found.theirs)

    def test_a_partition_without_records_holds_up_nothing(self) -> None:
        rng = random.Random(9)
        recount = self.recount()
        job = self.job(idle="INTERVAL '2 seconds'")
        self.create(job)
        busy = range(PARTITIONS - 1)
        self.made(rng, 200, BEGIN, recount, busy)
        worker = self.start("aggregate", *job, *PLAIN)
        begin = BEGIN + 200 * 20 * SECOND

        def goes_on() -> bool:
            self.made(rng, 1, begin, recount, busy)
            return len(self.published()[0]) > 8

        wait_for(goes_on, 60, "results of closed windows")
        worker.terminate(20)
        # What comes after all is too late by what its partition was moved to.
        silent = range(PARTITIONS - 1, PARTITIONS)
        self.made(rng, 50, BEGIN, recount, silent)
        self.made(rng, 20, begin, recount, silent)
        self.start("aggregate", *job, "--until", "end", *PLAIN).expect(0, 90)
        advances = self.advances(job)
        self.assertTrue(all(partition == PARTITIONS - 1 for partition, _, _ in advances))
        again = recount.advanced(advances)
        self.assertGreater(len([one for one in again.late if one[0] == PARTITIONS - 1]), 10)
        self.check_published(again, "final")
        report = json.loads(self.start("audit", *job, "--json").expect(0, 120).stdout)
        self.assertEqual(report["proved"], "full")
        self.assertEqual(report["records"]["late"], len(again.late))
        found = statement.judge(self, job)
        self.assertEqual(found.verdicts["late"], len(again.late))
        self.assertEqual(found.ours, found.theirs)

    def kept_advances(self, of: int) -> set[int]:
        """Positions of a source partition's that the changelog has and no tombstone has dropped.
        Of less than 128 of both, which are one byte each."""
        topic = f"{self.application}-totals-changelog"
        kept: dict[int, bool] = {}
        for partition in cluster.extents(topic):
            for record in read_committed(topic, partition):
                if record.key[:2] == bytes([3, of]):
                    kept[record.key[2]] = record.value is not None
        return {position for position, there in kept.items() if there}

    def test_advances_from_before_the_source_begins_are_dropped(self) -> None:
        """By the next owner, but for the last one, which says where the partition is in time."""
        rng = random.Random(21)
        recount = self.recount()
        job = self.job(idle="INTERVAL '1 second'")
        self.create(job)
        silent = PARTITIONS - 1
        begin = BEGIN
        for turn in range(1, 4):
            worker = self.start("aggregate", *job, *PLAIN)

            def moved_on(count: int = turn) -> bool:
                nonlocal begin
                begin += HOUR
                self.made(rng, 10, begin, recount, range(silent))
                return len(self.kept_advances(silent)) >= count

            wait_for(moved_on, 60, "a partition is moved on at another position")
            worker.terminate(20)
            self.made(rng, 5, begin, recount, range(silent, PARTITIONS))
            self.start("aggregate", *job, "--until", "end", *PLAIN).expect(0, 90)
        self.assertEqual(self.kept_advances(silent), {0, 5, 10})

        path = self.directory / "delete-records.json"
        rows = f'{{"topic":"{self.source}","partition":{silent},"offset":-1}}'
        path.write_text(f'{{"partitions":[{rows}],"version":1}}')
        cluster.tool("kafka-delete-records", "--offset-json-file", str(path))
        wait_for(lambda: cluster.extents(self.source)[silent].start == 15, 30, "records are gone")
        begin += HOUR
        self.made(rng, 10, begin, recount, range(PARTITIONS))
        self.start("aggregate", *job, "--until", "end", *PLAIN).expect(0, 90)
        self.assertEqual(self.kept_advances(silent), {10})
        # Whoever comes next finds what meta counts, and the audit what is late without them.
        self.start("aggregate", *job, "--until", "end", *PLAIN).expect(0, 90)
        audit = self.start("audit", *job, "--json")
        audit.wait(120)
        self.assertEqual(json.loads(audit.stdout)["findings"], [])


class SetsOfWindows(WindowsCase):
    """What a window keeps beside its total goes when it is closed, whoever closes it."""

    sets = (", count(DISTINCT v) AS valores, "
            "percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AS mediana")  # fmt: skip

    def recount(self) -> Recount:
        return Sets()

    def elements(self) -> int:
        topic = f"{self.application}-totals-changelog"
        kept: dict[tuple[int, bytes], bytes | None] = {}  # each partition has numbers of its own
        for partition in cluster.extents(topic):
            for record in read_committed(topic, partition):
                kept[partition, record.key] = record.value
        return sum(key[0] == 2 and value is not None for (_, key), value in kept.items())

    def test_no_way_of_running_it_makes_a_difference(self) -> None:
        recount = self.run_with_killed_workers()
        self.assertGreater(recount.kept(), 0)
        self.assertEqual(self.elements(), recount.kept())

    def test_updates_in_pieces_against_plain_python(self) -> None:
        self.run_a_day_in_pieces("updates")


class HoppingWindows(WindowsCase):
    """The same of windows that overlap."""

    function, length = "hop", "INTERVAL '5 minutes', INTERVAL '15 minutes'"

    def recount(self) -> Recount:
        return Recount(SLIDE)

    def test_updates_in_pieces_against_plain_python(self) -> None:
        self.run_a_day_in_pieces("updates")

    def test_final_results_in_pieces_against_plain_python(self) -> None:
        self.run_a_day_in_pieces("final")


class SetsOfHoppingWindows(HoppingWindows):
    """Values that panes of a window share count there once."""

    sets = SetsOfWindows.sets

    def recount(self) -> Recount:
        return Sets(SLIDE)

    def test_no_way_of_running_it_makes_a_difference(self) -> None:
        self.run_with_killed_workers()


class SessionWindows(Windows):
    """All of the first ones once more of sessions, which become one another."""

    function, length = "session", "INTERVAL '1 minute'"

    def recount(self) -> Recount:
        return Sessions()

    def take_back(self, key: str, others: dict[str, str]) -> None:
        others.pop(key)  # it was there


class SetsOfSessionWindows(WindowsCase):
    """And with them their values."""

    function, length = SessionWindows.function, SessionWindows.length
    sets = SetsOfWindows.sets
    take_back = SessionWindows.take_back

    def recount(self) -> Recount:
        return SetsOfSessions()

    def test_no_way_of_running_it_makes_a_difference(self) -> None:
        self.run_with_killed_workers()

    def test_updates_in_pieces_against_plain_python(self) -> None:
        self.run_a_day_in_pieces("updates")
