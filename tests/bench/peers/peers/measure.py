"""One system at work: how fast, how soon, how soon again."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .common import BROKER, BUILT, PARTITIONS, say
from .jobs.job import Job
from .judge import Results
from .latency import Arrivals, latencies
from .source import Expected, Recipe, read_arrivals, recount
from .systems import SYSTEMS, Task
from .watch import READ_UNCOMMITTED, Watch, ends

# Where these are, common says.
from harness import cluster
from kafka_probe import Broker

SOURCE = "peers_source"  # without dashes: a name without quotes in each dialect
QUIET = 20  # seconds without a result after which none comes any more
WARM_UP = 30  # seconds of a trickle, in which a JVM compiles
BACKLOG_INTERVAL_MS = 1000  # as kstream does it, while it reads a backlog
TRICKLE_INTERVAL_MS = 100  # kstream's own, and that of Kafka Streams with exactly-once


@dataclass(frozen=True)
class Options:
    job: Job
    systems: list[str]
    records: int
    sellers: int
    out_of_order: str
    grace_s: int
    rounds: int
    limit: int  # seconds for a run
    rate: int
    seconds: int  # of a trickle, after the warm-up

    def recipe(self) -> Recipe:
        return Recipe(self.job, self.sellers, self.out_of_order, self.grace_s)

    def average_digits(self, system: str) -> int | None:
        return SYSTEMS[system].average_digits if self.job.averages else None

    def name(self, system: str, number: int) -> str:
        return f"peers-{self.job.name}-{system}-{number}"


@contextlib.contextmanager
def broker() -> Iterator[None]:
    directory = cluster.MEMORY / f"kstream-peers-{os.getpid()}"
    os.environ[cluster.DIRECTORY] = str(directory)
    cluster.command("up", "--single")
    try:
        yield
    finally:
        cluster.command("down", "--wipe")
        shutil.rmtree(directory, ignore_errors=True)


class Process:
    """A system that does its task; a context manager, which ends it and what it has in Kafka."""

    def __init__(self, system: str, options: Options, number: int, source: str,
                 interval_ms: int) -> None:  # fmt: skip
        self._scratch = Path(tempfile.mkdtemp(dir=cluster.MEMORY))
        name = options.name(system, number)
        self.task = Task(options.job, name, source, f"{name}-results", options.grace_s,
                         interval_ms, self._scratch)  # fmt: skip
        self.log = BUILT / f"{name}.log"
        self._command = SYSTEMS[system].command(self.task)
        cluster.tool("kafka-topics", "--create", "--topic", self.task.results, "--partitions",
                     str(PARTITIONS), "--replication-factor", "1",
                     "--config", "cleanup.policy=compact")  # fmt: skip
        cluster.wait_until_known([self.task.results])
        self.log.unlink(missing_ok=True)
        self.start()

    def start(self) -> None:
        self.started_at = time.time()
        with self.log.open("ab") as into:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=into,
                                             stderr=into)  # fmt: skip
        self.pid = self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def check(self) -> None:
        if self._process.poll() is not None:
            sys.exit(f"{self.task.name} ended by itself, see {self.log}")

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._scratch, ignore_errors=True)
        # The next one shall find the memory as this one did.
        cluster.tool("kafka-topics", "--delete", "--if-exists", "--topic", f"{self.task.name}.*")


def wait_until_quiet(process: Process, watch: Watch, least: int, deadline: float) -> None:
    """Until no result has come for a while, and `least` could be there; or for so long."""
    while time.time() < deadline:
        time.sleep(0.1)
        watch.check()
        process.check()
        if watch.total >= least and time.time() - watch.moved_at > QUIET:
            return


# ---- how fast ------------------------------------------------------------------------------------


def throughput(options: Options) -> list[dict]:
    job = options.job
    options.recipe().make(SOURCE, options.records)
    say("recounting the records ...")
    counted = recount(job, SOURCE, options.records, options.grace_s)
    ways = {options.average_digits(system) for system in options.systems}
    expected = {digits: Expected.of(counted, digits) for digits in ways}
    del counted  # which can be gigabytes
    if any(one.needed() == 0 for one in expected.values()):
        sys.exit("no row is certain to come of these records: more are needed")
    found = []
    for number in range(options.rounds):
        for system in options.systems:
            say(f"round {number + 1}: {system} ...")
            wanted = expected[options.average_digits(system)]
            found.append({"system": system, **read_backlog(system, options, number, wanted)})
    return found


def read_backlog(system: str, options: Options, number: int, expected: Expected) -> dict:
    with Process(system, options, number, SOURCE, BACKLOG_INTERVAL_MS) as process:
        with Watch(process.task.results, process.pid, period=0.05) as watch:
            wait_until_quiet(process, watch, expected.needed(),
                             process.started_at + options.limit)  # fmt: skip
        process.kill()
        results = Results(options.job, process.task.results)
    complaint = results.complaint(expected)
    if complaint:
        say(f"{system} is wrong after {time.time() - process.started_at:.0f} s: {complaint}")
    looks = [watch.look_at(partition, offset)
             for partition, offset in enumerate(results.last_offsets(expected)) if offset >= 0]
    if not looks or None in looks:
        sys.exit(f"{system}: not done after {options.limit} s, see {process.log}")
    last = max(looks, key=lambda look: look.at)
    return {
        "seconds": last.at - process.started_at,
        "cpu_seconds": last.cpu_seconds,
        "memory_mib": last.memory_mib,
        "right": complaint is None,
        "complaint": complaint,
    }


# ---- how soon, and how soon again ----------------------------------------------------------------


def latency(options: Options) -> list[dict]:
    return [trickled(system, options, number, kill=False)
            for number in range(options.rounds) for system in options.systems]  # fmt: skip


def recovery(options: Options) -> list[dict]:
    return [trickled(system, options, number, kill=True)
            for number in range(options.rounds) for system in options.systems]  # fmt: skip


def trickled(system: str, options: Options, number: int, kill: bool) -> dict:
    """A system that keeps up with records that come at a rate; after the warm-up it is killed and
    started again at once, or not."""
    say(f"round {number + 1}: {system} ...")
    source = f"{SOURCE}_{system}_{number}".replace("-", "_")
    recipe = options.recipe()
    recipe.make(source, 0)
    count = options.rate * (WARM_UP + options.seconds)
    with Process(system, options, number, source, TRICKLE_INTERVAL_MS) as process:
        with Watch(process.task.results, process.pid, period=0.005) as watch:
            with recipe.trickle(source, count, options.rate) as produce:
                time.sleep(WARM_UP)
                since = time.time()
                before = restart(process, watch) if kill else []
            if produce.returncode != 0:
                sys.exit(f"produce ended with {produce.returncode}")
            wait_until_quiet(process, watch, 1, time.time() + options.limit)
        process.kill()
        results = Results(options.job, process.task.results, keep=True)
    counted = options.job.recount(options.grace_s)
    arrivals = Arrivals(counted)
    read_arrivals(source, arrivals.add)
    cluster.tool("kafka-topics", "--delete", "--topic", source)
    complaint = results.complaint(Expected.of(counted, options.average_digits(system)))
    if complaint:
        say(f"{system} is wrong: {complaint}")
    figures = {"system": system, "right": complaint is None, "complaint": complaint}
    if kill:
        seen = [look.at for one in results.all if one.offset >= before[one.partition]
                and (look := watch.look_at(one.partition, one.offset))]  # fmt: skip
        if not seen:
            sys.exit(f"{system}: no result after the kill, see {process.log}")
        return {**figures, "seconds": min(seen) - since}
    waits = latencies(options.job, results.all, watch, arrivals, options.grace_s * 1000, since)
    if not waits:
        sys.exit(f"{system}: no result after the warm-up, see {process.log}")
    return {**figures, "p50_ms": share(waits, 0.5), "p99_ms": share(waits, 0.99),
            "longest_ms": waits[-1], "waits": len(waits)}  # fmt: skip


def share(waits: list[float], part: float) -> float:
    """The least of these, sorted, that so many are at or below."""
    return waits[max(0, math.ceil(part * len(waits)) - 1)]


def restart(process: Process, watch: Watch) -> list[int]:
    """Kills it and starts it again; how far each partition of its results had come between."""
    process.kill()
    with Broker(BROKER) as connection:
        before = ends(connection, process.task.results, READ_UNCOMMITTED)
    process.start()
    watch.pid = process.pid
    return before
