"""A read_committed reader of the results during a run: no total may fall, and how long a partition
is without news after its owner has gone."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from harness.case import Watcher
from totals_check.console import Record


@dataclass(eq=False)
class Recovery:
    """Ends with the first result in each of the partitions that was written after `gone`."""

    gone: float  # wall clock, as the records' timestamps
    waiting: set[int]
    seconds: float | None = None


class Reader(Watcher):
    """Recoveries are begun by other threads and ended by the reader's own."""

    def __init__(self, topic: str, having: bool) -> None:
        self.recoveries: list[Recovery] = []
        self._lock = threading.Lock()
        self._open: list[Recovery] = []
        super().__init__(topic, having)

    def begin(self, gone: float, partitions: set[int]) -> Recovery:
        recovery = Recovery(gone, set(partitions))
        with self._lock:
            self._open.append(recovery)
            self.recoveries.append(recovery)
        return recovery

    def look(self, record: Record) -> None:
        super().look(record)
        with self._lock:
            waiting = [*self._open]
        for recovery in waiting:
            if record.partition in recovery.waiting and record.timestamp > recovery.gone * 1000:
                recovery.waiting.discard(record.partition)
                if not recovery.waiting:
                    recovery.seconds = time.time() - recovery.gone
                    with self._lock:
                        self._open.remove(recovery)
