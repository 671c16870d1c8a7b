"""The base of every test: names of its own, processes that end with it, the checker at hand."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from . import cluster
from .cluster import BROKERS, ROOT
from .process import BINARY, Process
from .waiting import wait_for

sys.path.insert(0, str(ROOT / "tools"))
import check_totals  # noqa: E402
from totals_check.compare import Report  # noqa: E402
from totals_check.console import ConsoleConsumer, Record, parse  # noqa: E402
from totals_check.contract import Job, Number  # noqa: E402

# One run's names differ from another's: topics that are being deleted cannot be in the way.
RUN = secrets.token_hex(3)
LOGS = Path(os.environ.get("KSTREAM_TEST_LOGS", ROOT / "build" / "integration"))
# Short, so that a dead member is noticed soon; not so short that a busy machine looks like one.
SESSION_SECONDS = 5
# Of the groups of every worker: with `consumer` (KIP-848) the session is scripts/cluster.sh's.
GROUP_PROTOCOL = os.environ.get("KSTREAM_TEST_GROUP_PROTOCOL", "classic")


def membership(session: float = SESSION_SECONDS) -> list[str]:
    """How a worker joins its groups, and how long it may be silent where that is its own to say."""
    if GROUP_PROTOCOL == "classic":
        return ["--session-timeout", f"{session:g}s"]
    return ["--group-protocol", GROUP_PROTOCOL]


class IntegrationTest(unittest.TestCase):
    """Names, processes and topics of one test. Topics go at its end, logs when it has passed."""

    def setUp(self) -> None:
        name = self.id().rpartition(".")[2].removeprefix("test_")
        self.application = f"it-{RUN}-{secrets.token_hex(4)}"
        self.source = f"{self.application}-source"
        self.results = f"{self.application}-results"
        self.directory = LOGS / f"{type(self).__name__}.{name}"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self._started: list[Process] = []
        self._numbers: dict[str, int] = {}
        self.notes: list[str] = []  # figures that the runner prints
        # Last in, first out: processes end before their topics go.
        self.addCleanup(self._delete_topics)
        self.addCleanup(self._end_processes)

    def _end_processes(self) -> None:
        for process in self._started:
            process.discard()

    def _delete_topics(self) -> None:
        cluster.delete_topics(self.topics())

    def topics(self) -> list[str]:
        own = [f"{self.application}-{role}" for role in
               ("totals-repartition", "totals-changelog", "dead-letters")]  # fmt: skip
        return [self.source, self.results, *own]

    def note(self, text: str) -> None:
        """A figure or a seed that a reader of the run wants to see."""
        self.notes.append(text)

    # ---- running kstream -------------------------------------------------------------------------

    def start(
        self, *arguments: str, name: str | None = None, binary: Path = BINARY
    ) -> Process:
        base = name or arguments[0]
        number = self._numbers[base] = self._numbers.get(base, 0) + 1
        process = Process(self.directory, f"{base}-{number}", list(arguments), binary)
        self._started.append(process)
        return process

    def names(self) -> list[str]:
        return ["--application-id", self.application, *self.ends()]

    def ends(self) -> list[str]:
        return ["-t", self.source, "--output-topic", self.results]

    def create_topics(self, *options: str, binary: Path = BINARY) -> Process:
        made = self.start("create-topics", *self.names(), *options, binary=binary).expect(0)
        # topics_test.py has a test of what follows at once; the others are about something else.
        cluster.wait_until_known(self.topics())
        return made

    def produce(self, count: int, *options: str) -> Process:
        """Writes `count` records, waits until they are acknowledged, and sees that the source has
        grown by what was: everything that is judged later rests on it."""
        alone = not any(p.is_running() and p.arguments[0] == "produce" for p in self._started)
        before = self.source_end()
        made = self.start_produce("--count", str(count), *options).expect(0)
        acknowledged = acknowledged_by(made)
        self.assertEqual(acknowledged, count, made.describe())
        grown = self.source_end() - before
        if alone:
            self.assertEqual(grown, acknowledged, f"{self.source} against what was acknowledged")
        else:
            self.assertGreaterEqual(grown, acknowledged, self.source)
        return made

    def source_end(self) -> int:
        """The sum of the source's end offsets; 0 where there is no source yet."""
        if not cluster.exists(self.source):
            return 0
        cluster.wait_until_known([self.source])
        return sum(extent.end for extent in cluster.extents(self.source).values())

    def start_produce(self, *options: str) -> Process:
        return self.start("produce", *self.ends(), *options)

    def aggregate(
        self, *options: str, name: str = "aggregate", binary: Path = BINARY
    ) -> Process:
        session = [] if "--session-timeout" in options else membership()
        arguments = ("aggregate", *self.names(), *session, *options)
        return self.start(*arguments, name=name, binary=binary)

    def replicas(self, number: int, *options: str) -> list[Process]:
        found = [self.aggregate(*options, name="replica") for _ in range(number)]
        for replica in found:
            replica.wait_for_log("partitions assigned")
        return found

    def settle(self, seconds: float = 90.0, *options: str) -> None:
        """Waits until all that is in the source now is in the totals, whoever puts it there."""
        self.aggregate("--until", "end", *options, name="until-end").expect(0, seconds)

    # ---- judging ---------------------------------------------------------------------------------

    def check(self, *options: str) -> Report:
        arguments = check_totals.parse_arguments([*self.names(), *options])
        return check_totals.check(arguments)

    def assert_exact(self, *options: str, count: int | None = None) -> Report:
        report = self.check(*options)
        self.assertEqual(report.differences, [], report.figures)
        if count is not None:
            self.assertEqual(report.figures["valid_records"], count, report.figures)
            self.assertEqual(report.figures["published_count"], count, report.figures)
        return report

    def watch(self) -> "Watcher":
        watcher = Watcher(self.results)
        self.addCleanup(watcher.stop)
        return watcher


class Watcher(threading.Thread):
    """A read_committed reader of the results while everything happens: keeps each key's count and
    notes where one falls, also from before a tombstone to after it. Only a job with HAVING may
    write tombstones."""

    def __init__(self, topic: str, having: bool = False) -> None:
        super().__init__(daemon=True)
        self._topic = topic
        self._having = having
        self._ending = threading.Event()
        self._counts: dict[bytes, int] = {}
        self._gone: set[bytes] = set()  # their last record is a tombstone, of HAVING
        self._next: dict[int, int] = {}  # partition -> offset after the last record seen
        self.falls: list[str] = []
        self.seen = 0
        self.problem: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            with ConsoleConsumer(BROKERS, self._topic) as consumer:
                for lines in consumer.lines(0.1):
                    for line in lines:
                        record = parse(line, consumer.null)
                        # Read again: the console consumer's group has lost its coordinator.
                        if record.offset >= self._next.get(record.partition, 0):
                            self._next[record.partition] = record.offset + 1
                            self.look(record)
                    if self._ending.is_set():
                        return
        except Exception as error:
            self.problem = error

    def look(self, record: Record) -> None:
        assert record.key is not None
        self.seen += 1
        if record.value is None:
            assert self._having, f"a tombstone of {record.key!r} at {record.offset}"
            self._gone.add(record.key)
            return
        self._gone.discard(record.key)
        members = json.loads(record.value, parse_int=Number, parse_float=Number)
        count = int(members[Job().count_name])
        before = self._counts.get(record.key, 0)
        if count < before:
            self.falls.append(f"{record.key!r}: {before} -> {count} at {record.offset}")
        self._counts[record.key] = count

    def total(self) -> int:
        counts, gone = self._counts.copy(), self._gone.copy()
        return sum(count for key, count in counts.items() if key not in gone)

    def wait_for_total(self, least: int, seconds: float) -> None:
        self._wait_for(lambda: self.total() >= least, seconds, f"{least} or more")

    def require_no_fall(self, total: int, seconds: float = 20.0) -> None:
        """That no count has fallen on the way to `total`, which it has to have seen: a reader that
        died at the start has seen none fall either."""
        self._wait_for(lambda: self.falls or self.total() == total, seconds, str(total))
        assert not self.falls, self.falls

    def _wait_for(self, reached: Callable[[], object], seconds: float, wanted: str) -> None:
        def seen() -> object:
            if self.problem:
                raise self.problem
            return reached()

        try:
            wait_for(seen, seconds, f"counts of {self._topic} sum to {wanted}")
        except AssertionError as error:
            raise AssertionError(f"{error}; they sum to {self.total()}") from None

    def stop(self) -> None:
        self._ending.set()
        self.join(10)


def pause(seconds: float, interrupted: Callable[[], bool] = lambda: False) -> None:
    """Lets a chosen moment come: for faults at random times, never to wait for an effect."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not interrupted():
        time.sleep(0.02)


def acknowledged_by(produce: Process) -> int:
    """How many records it has said are in the log; it has ended, without --json."""
    found = re.search(r"^acknowledged +(\d+)$", produce.stdout, re.M)
    assert found, produce.describe()
    return int(found[1])


def assigned(process: Process) -> dict[str, set[int]]:
    """Stage -> partitions that it has now, as its log tells (one worker)."""
    found: dict[str, set[int]] = {"map": set(), "totals": set()}
    for event, stage, text in re.findall(
        r"partitions (assigned|revoked|lost) stage=(\w+) worker=0 partitions=([\d,]*)",
        process.stderr,
    ):
        partitions = {int(p) for p in text.split(",") if p}
        if event == "assigned":
            found[stage] |= partitions
        else:
            found[stage] -= partitions
    return found


__all__ = ["IntegrationTest", "Watcher", "assigned", "membership", "pause", "wait_for"]
