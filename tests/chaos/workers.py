"""The workers under test: kept at their number, hurt on purpose, and never allowed to end in a way
that has no reason."""

from __future__ import annotations

import random
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass

from harness import cluster, proxy
from harness.case import IntegrationTest, assigned, membership, wait_for
from harness.process import Process

# How a worker may end by itself while brokers are gone or its requests are held: the cluster was
# not there at its start, a takeover waited for too long. And 4 for one of its reasons: a producer
# had to be rebuilt too often (P6), or a process with an instance id of its own was stopped, or kept
# waiting, for longer than its transaction may take (P5).
PASSING = {3, 75}
FENCED = r"another producer took over this instance's transactional id"
STOPPED_ITSELF = re.compile(rf"the producer had to be rebuilt \d+ times within a minute|{FENCED}")
# Stopped by SIGTERM: all committed, or the last commit did not come in time and nothing is lost.
STOPPED = {0, 6}


@dataclass(eq=False)
class Worker:
    number: int
    instance: str  # empty: another one with each start
    options: tuple[str, ...]
    process: Process
    busy: bool = False  # some fault has it in its hands

    def transactional_ids(self, application: str) -> list[str]:
        return [f"{application}-{stage}-{self.instance}-0" for stage in ("map", "totals")]


class Fleet:
    def __init__(
        self, test: IntegrationTest, dice: random.Random, number: int, session: float, proxied: bool
    ) -> None:
        self._test = test
        self._session = session
        self._brokers = proxy.BROKERS if proxied else cluster.BROKERS
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self.exits: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.workers: list[Worker] = []
        for n in range(number):
            # Both kinds of deployment, and both ways in which a request can go unanswered: the
            # client gives up the request, or the worker its transaction.
            instance = f"w{n}" if n < number - 1 else ""
            quick = ("-X", "socket.timeout.ms=3000") if proxied and dice.random() < 0.6 else ()
            self.workers.append(Worker(n, instance, quick, self._start(n, instance, quick)))
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _start(self, number: int, instance: str, options: tuple[str, ...]) -> Process:
        with self._lock:
            return self._test.aggregate(
                "-b", self._brokers, *membership(self._session), *options,
                *(("--instance-id", instance) if instance else ()), name=f"worker-{number}",
            )  # fmt: skip

    def _supervise(self) -> None:
        """As a service manager: what has ended is started again after a second."""
        while not self._ending.wait(0.1):
            for worker in self.workers:
                with self._lock:
                    if worker.busy or worker.process.is_running():
                        continue
                    worker.busy = True
                self.judge(worker.process)
                threading.Thread(target=self._restart, args=(worker, 1.0), daemon=True).start()

    def _restart(self, worker: Worker, after: float) -> None:
        if not self._ending.wait(after):
            worker.process = self._start(worker.number, worker.instance, worker.options)
        worker.busy = False

    def judge(self, process: Process, allowed: set[int] = PASSING) -> None:
        code = process.wait(1)
        self.exits[str(code)] += 1
        if code not in allowed and not (code == 4 and STOPPED_ITSELF.search(process.stderr)):
            self.wrong.append(f"exit code {code}: {process.describe()}")

    # ---- what faults do with them ----------------------------------------------------------------

    def take(self, dice: random.Random) -> Worker | None:
        """One that runs and has partitions of both stages, for a fault of its own."""
        with self._lock:
            fit = [
                w for w in self.workers
                if not w.busy and w.process.is_running()
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
        threading.Thread(target=self._restart, args=(worker, restart_after), daemon=True).start()
        return gone, partitions

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
