"""Looks at a running system from outside: when which result could be read, and what it took.

A look is one small request for the end of each partition of the results topic as a read_committed
reader sees it, and two files of /proc. So nobody has to read results while something is measured;
that is done afterwards, and a result could be read from the first look whose end is behind it.
"""

from __future__ import annotations

import struct
import threading
import time
from bisect import bisect_right
from dataclasses import dataclass
from os import sysconf
from pathlib import Path

from .common import BROKER, PARTITIONS

# Where these are, common says.
from kafka_probe import Broker, string

LIST_OFFSETS = 2
READ_UNCOMMITTED, READ_COMMITTED = 0, 1
LATEST = -1


def ends(broker: Broker, topic: str, isolation: int) -> list[int]:
    """Of each partition."""
    body = struct.pack(">ibi", -1, isolation, 1) + string(topic) + struct.pack(">i", PARTITIONS)
    body += b"".join(struct.pack(">iq", p, LATEST) for p in range(PARTITIONS))
    reader = broker.ask(LIST_OFFSETS, 2, body)
    reader.take("i"), reader.take("i"), reader.string(), reader.take("i")
    found = [0] * PARTITIONS
    for _ in range(PARTITIONS):
        partition, error = reader.take("i"), reader.take("h")
        reader.take("q")
        found[partition] = reader.take("q")
        if error:
            raise OSError(f"{topic}-{partition}: ListOffsets says error {error}")
    return found


@dataclass(frozen=True)
class Look:
    at: float  # unix seconds, when it was over
    cpu_seconds: float  # of the process, so far
    memory_mib: float  # at most, so far


class Watch:
    """Looks at a results topic and a process every `period` seconds; a context manager. Has the
    looks at which an end had moved."""

    def __init__(self, topic: str, pid: int, period: float) -> None:
        self.pid = pid
        self.looks: list[Look] = []
        self.total = 0  # offsets in all partitions
        self.moved_at = time.time()
        self._topic, self._period = topic, period
        self._ends: list[list[int]] = [[] for _ in range(PARTITIONS)]
        self._problem: Exception | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def check(self) -> None:
        if self._problem:
            raise self._problem

    def look_at(self, partition: int, offset: int) -> Look | None:
        """The first one that has seen the record; None: it was committed after the last."""
        # Ends grow, and a record can be read when the end is above it.
        number = bisect_right(self._ends[partition], offset)
        return self.looks[number] if number < len(self.looks) else None

    def _run(self) -> None:
        try:
            with Broker(BROKER) as broker:
                while not self._over.wait(self._period):
                    self._look(broker)
        except Exception as problem:  # noqa: BLE001: for the thread that waits
            self._problem = problem

    def _look(self, broker: Broker) -> None:
        seen = ends(broker, self._topic, READ_COMMITTED)
        if sum(seen) == self.total:
            return
        at = time.time()
        cpu_seconds, memory_mib = of_process(self.pid)
        for partition, end in enumerate(seen):
            self._ends[partition].append(end)
        self.looks.append(Look(at, cpu_seconds, memory_mib))
        self.total, self.moved_at = sum(seen), at


def of_process(pid: int) -> tuple[float, float]:
    """CPU seconds and the most memory in MiB; 0 of one that is not there any more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    ticks = int(fields[11]) + int(fields[12])  # user, system
    peak = status.partition("VmHWM:")[2].split()
    return ticks / sysconf("SC_CLK_TCK"), int(peak[0]) / 1024 if peak else 0.0
