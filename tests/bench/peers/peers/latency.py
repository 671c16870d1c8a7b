"""From a record to the result that has it in, by the clock of this machine alone.

A record came when its timestamp in Kafka says. Of a job that publishes its rows as they change, a
record waits for the first row that counts as many records of its key as had come with it. Of a job
of windows the row of a window waits from the record with which every partition has passed its end
and the grace: before that there is nothing to publish.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from .common import PARTITIONS
from .jobs.job import Job, Key, Recount, Updates, Windows, end_of
from .judge import Published
from .watch import Watch


class Arrivals:
    def __init__(self, recount: Recount) -> None:
        self._recount = recount
        self._of_key: dict[Key, array] = defaultdict(lambda: array("q"))
        # Of each partition the times that were the newest, and when those records came.
        self._newest: list[tuple[array, array]] = [
            (array("q"), array("q")) for _ in range(PARTITIONS)
        ]

    def add(self, record: dict, partition: int, timestamp: int) -> None:
        self._recount.add(record)
        if isinstance(self._recount, Windows):
            times, came = self._newest[partition]
            ms = self._recount.time_of(record)
            if not times or ms > times[-1]:
                times.append(ms)
                came.append(timestamp)
        elif isinstance(self._recount, Updates):
            key = self._recount.key_of(record)
            if key is not None:
                self._of_key[key].append(timestamp)

    def of_key(self, key: Key) -> list[int]:
        """In the order of time: partitions are read one after another."""
        return sorted(self._of_key[key])

    def passed(self, ms: int) -> int | None:
        """When every partition had; None: one has not."""
        found = 0
        for times, came in self._newest:
            number = bisect_left(times, ms)
            if number == len(times):
                return None
            found = max(found, came[number])
        return found


def latencies(job: Job, results: list[Published], watch: Watch, arrivals: Arrivals,
              grace_ms: int, since: float) -> list[float]:  # fmt: skip
    """In milliseconds, of what came at `since` (unix seconds) or later; sorted."""
    if job.has_windows:
        waits = _of_windows(results, watch, arrivals, grace_ms)
    else:
        waits = _of_records(results, watch, arrivals, job.columns.index(job.counted))
    return sorted(seen * 1000 - came for came, seen in waits if came >= since * 1000)


# When it came, in milliseconds, and when it was seen, in seconds.
Wait = tuple[int, float]


def _of_windows(results: list[Published], watch: Watch, arrivals: Arrivals,
                grace_ms: int) -> Iterator[Wait]:  # fmt: skip
    for one in results:
        came = arrivals.passed(end_of(one.row) + grace_ms)
        look = watch.look_at(one.partition, one.offset)
        if came is not None and look is not None:
            yield came, look.at


def _of_records(results: list[Published], watch: Watch, arrivals: Arrivals,
                counted: int) -> Iterator[Wait]:  # fmt: skip
    waiting: dict[Key, list[int]] = {}
    seen: dict[Key, int] = defaultdict(int)
    for one in results:
        look = watch.look_at(one.partition, one.offset)
        if look is None:
            continue
        if one.key not in waiting:
            waiting[one.key] = arrivals.of_key(one.key)
        count = int(one.row[counted])
        for came in waiting[one.key][seen[one.key] : count]:
            yield came, look.at
        seen[one.key] = max(seen[one.key], count)
