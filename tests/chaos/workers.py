"""The workers under test: kept at their number, hurt on purpose, and never allowed to end in a way
that has no reason."""

from __future__ import annotations

import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import cluster, proxy
from harness.case import IntegrationTest, assigned, membership, wait_for
from harness.process import BINARY, Process

# How a worker may end by itself while brokers are gone or its requests are held: the cluster was
# not there at its start, a takeover waited for too long. And 4 for one of its reasons: a producer
# had to be rebuilt too often (P6), or a process with an instance id of its own was stopped, or kept
# waiting, for longer than its transaction may take (P5), or another one came as its static member.
PASSING = {3, 75}
FENCED = r"another producer took over this instance's transactional id"
TWIN = "another process uses the same --group-instance-id"
STOPPED_ITSELF = re.compile(
    rf"the producer had to be rebuilt \d+ times within a minute|{FENCED}|{TWIN}"
)
# The log contradicts what was committed, or belongs to another job: where a run cuts logs off.
REFUSED = {70, 78}
# Stopped by SIGTERM: all committed, or the last commit did not come in time and nothing is lost.
STOPPED = {0, 6}


@dataclass(eq=False)
class Worker:
    number: int
    instance: str  # empty: another one with each start
    member: str  # of a static member; empty: a dynamic one
    options: tuple[str, ...]
    binary: Path
    process: Process
    busy: bool = False  # some fault has it in its hands
    down: bool = False  # stays so: as with a service manager that knows the exit code

    def transactional_ids(self, application: str) -> list[str]:
        return [f"{application}-{stage}-{self.instance}-0" for stage in ("map", "totals")]


class Fleet:
    def __init__(
        self,
        test: IntegrationTest,
        dice: random.Random,
        number: int,
        session: float,
        proxied: bool = False,
        static: bool = False,
        binary: Path = BINARY,
    ) -> None:
        self._test = test
        self._session = session
        self._brokers = proxy.BROKERS if proxied else cluster.BROKERS
        self._lock = threading.RLock()
        self._ending = threading.Event()
        # What is said of a log that was cut off, once one is: who says so has a reason to stop.
        self.cut: re.Pattern[str] | None = None
        self._to = 0  # which of the releases
        self._halted = False
        self.refusals: list[str] = []
        self.exits: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.workers: list[Worker] = []
        for n in range(number):
            # Both kinds of deployment, and both ways in which a request can go unanswered: the
            # client gives up the request, or the worker its transaction.
            instance = f"w{n}" if n < number - 1 else ""
            member = f"m{n}" if static and n < number - 1 else ""
            quick = ("-X", "socket.timeout.ms=3000") if proxied and dice.random() < 0.6 else ()
            process = self._start(n, instance, member, quick, binary)
            self.workers.append(Worker(n, instance, member, quick, binary, process))
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _start(
        self, number: int, instance: str, member: str, options: tuple[str, ...], binary: Path
    ) -> Process:
        with self._lock:
            return self._test.aggregate(
                "-b", self._brokers, *membership(self._session), *options,
                *(("--instance-id", instance) if instance else ()),
                *(("--group-instance-id", member) if member else ()),
                name=f"worker-{number}", binary=binary,
            )  # fmt: skip

    def twin(self, worker: Worker) -> Process:
        """One more process that takes itself for the same static member."""
        return self._start(worker.number, "", worker.member, worker.options, worker.binary)

    def _supervise(self) -> None:
        """As a service manager: what has ended is started again after a second."""
        while not self._ending.wait(0.1):
            for worker in self.workers:
                with self._lock:
                    if worker.busy or worker.down or worker.process.is_running():
                        continue
                    worker.busy = True
                worker.down = self.judge(worker.process)
                if worker.down:
                    self.give_back(worker)
                else:
                    self._start_later(worker, 1.0)

    def _restart(self, worker: Worker, after: float) -> None:
        if not self._ending.wait(after):
            worker.process = self._start(
                worker.number, worker.instance, worker.member, worker.options, worker.binary
            )
        worker.busy = False

    def judge(self, process: Process, allowed: set[int] = PASSING) -> bool:
        """Whether it has ended for good, because of a log that was cut off."""
        code = process.wait(1)
        self.exits[str(code)] += 1
        if code in REFUSED and self.cut:
            errors = re.findall(r"^\S+ error (.*)$", process.stderr, re.M)
            named = [error for error in errors if self.cut.search(error)]
            self.refusals += named
            if named:
                return True
        if code not in allowed and not (code == 4 and STOPPED_ITSELF.search(process.stderr)):
            self.wrong.append(f"exit code {code}: {process.describe()}")
        return False

    # ---- what faults do with them ----------------------------------------------------------------

    def take(
        self, dice: random.Random, wanted: Callable[[Worker], bool] = lambda _: True
    ) -> Worker | None:
        """One that runs and has partitions of both stages, for a fault of its own."""
        with self._lock:
            fit = [
                w for w in self.workers
                if not w.busy and wanted(w) and w.process.is_running()
                and all(assigned(w.process)[stage] for stage in ("map", "totals"))
            ]  # fmt: skip
            if not fit:
                return None
            worker = dice.choice(fit)
            worker.busy = True
            return worker

    def give_back(self, worker: Worker) -> None:
        worker.busy = False

    def send(self, worker: Worker, number: signal.Signals) -> bool:
        """False, and nobody has it any more, when it has ended by itself."""
        if worker.process.is_running():
            worker.process.send(number)
            return True
        self.give_back(worker)
        return False

    def kill(self, worker: Worker, restart_after: float) -> tuple[float, set[int]] | None:
        """SIGKILL. When its pid was gone, and the state partitions that it had."""
        partitions = assigned(worker.process)["totals"]
        if not self.send(worker, signal.SIGKILL):
            return None
        assert worker.process.wait(10) == -signal.SIGKILL, worker.process.describe()
        gone = time.time()
        self.exits["-9"] += 1
        self._start_later(worker, restart_after)
        return gone, partitions

    def stop(self, worker: Worker) -> bool:
        """SIGTERM. False, and nobody has it any more, when it has ended by itself."""
        if not self.send(worker, signal.SIGTERM):
            return False
        worker.process.wait(30)
        self.judge(worker.process, STOPPED)
        self._start_later(worker, 0.0)
        return True

    def halt(self, number: signal.Signals) -> None:
        """All of them, until `resume`."""

        def taken() -> bool:
            with self._lock:
                if any(w.busy for w in self.workers):
                    return False
                for worker in self.workers:
                    worker.busy = True
                return True

        wait_for(taken, 30, "nobody has a worker")
        for worker in self.workers:
            if worker.process.is_running():
                worker.process.send(number)
                worker.process.wait(30)
            self.judge(worker.process, {*PASSING, *STOPPED, -signal.SIGKILL})
        self._halted = True

    def resume(self) -> None:
        if self._halted:
            self._halted = False
            for worker in self.workers:
                self._start_later(worker, 0.0)

    def _start_later(self, worker: Worker, after: float) -> None:
        threading.Thread(target=self._restart, args=(worker, after), daemon=True).start()

    def owned(self) -> set[int]:
        """The state partitions that those who run have."""
        running = [w.process for w in self.workers if w.process.is_running()]
        return set().union(*(assigned(process)["totals"] for process in running))

    def changes(self, but: Worker) -> int:
        """How often any other worker was given or has lost something."""
        others = [w.process.stderr for w in self.workers if w is not but]
        return sum(len(re.findall(r"partitions (?:assigned|revoked|lost)", s)) for s in others)

    def next_release(self, releases: tuple[Path, ...]) -> Path:
        """Where the workers go: to one binary until all are there, then to the next."""
        if all(w.binary == releases[self._to] for w in self.workers):
            self._to = (self._to + 1) % len(releases)
        return releases[self._to]

    def wait_for_owners(self, seconds: float) -> None:
        wait_for(
            lambda: self.wrong or any(assigned(w.process)["totals"] for w in self.workers),
            seconds,
            "workers have been given partitions",
        )

    def end(self) -> None:
        self._ending.set()
        wait_for(lambda: not any(w.busy for w in self.workers), 30, "nobody has a worker")
        running = [w.process for w in self.workers if w.process.is_running()]
        for process in running:
            process.send(signal.SIGTERM)
        for process in running:
            process.wait(15)
            self.judge(process, STOPPED)
