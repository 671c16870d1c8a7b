"""What a system has published, as Kafka's console consumer prints it, beside what it had to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from .common import BROKER, PARTITIONS, READ_PATIENCE
from .jobs.job import Job, Key, Row
from .source import Expected
from .times import milliseconds

# Where these are, common says.
from totals_check.console import Record, read_records

decode = json.JSONDecoder(parse_float=Decimal).decode


@dataclass(frozen=True)
class Published:
    key: Key
    row: Row
    partition: int
    offset: int


class Results:
    """The committed records of a results topic."""

    def __init__(self, job: Job, topic: str, keep: bool = False) -> None:
        """`keep`: every record, in the order of each partition."""
        self._job = job
        # Of each key the row, and the record since which it is this one: partition and offset.
        self._last: dict[Key, tuple[Row, int, int]] = {}
        self._complaint = ""
        self.all: list[Published] = []
        self._keep = keep
        read_records(BROKER, topic, self._see, READ_PATIENCE)

    def _see(self, record: Record) -> None:
        if record.value is None:
            self._complaint = self._complaint or f"a tombstone for {record.key!r}"
            return
        value = decode(record.value.decode())
        key, row = (tuple(self._plain(column, value.get(column)) for column in columns)
                    for columns in (self._job.key, self._job.columns))  # fmt: skip
        if len(value) != len(key) + len(row):
            self._complaint = self._complaint or f"columns {', '.join(value)}"
        before = self._last.get(key)
        if before and self._job.has_windows:
            self._complaint = self._complaint or f"{self._shown(key, row)}: published twice"
        if before is None or before[0] != row:
            self._last[key] = (row, record.partition, record.offset)
        if self._keep:
            self.all.append(Published(key, row, record.partition, record.offset))

    def _plain(self, column: str, value: object) -> object:
        if column in self._job.times and isinstance(value, str):
            return milliseconds(value)
        return value

    def _shown(self, key: Key, row: Row | None) -> str:
        if row is None:
            return "nothing"
        columns = zip((*self._job.key, *self._job.columns), (*key, *row))
        return ", ".join(f"{name} {value}" for name, value in columns)

    def complaint(self, expected: Expected) -> str | None:
        """What is wrong, and how much of it; None when nothing is."""
        wrong, first = 0, self._complaint
        for key in expected.rows.keys() | self._last.keys():
            wanted = expected.rows.get(key)
            found = self._last.get(key, (None,))[0]
            if found == wanted or (found is None and key in expected.open):
                continue
            wrong += 1
            first = first or (f"{self._shown(key, wanted)} expected, "
                              f"{self._shown(key, found)} found")  # fmt: skip
        return f"{wrong} of {len(expected.rows)} rows; {first}" if first else None

    def last_offsets(self, expected: Expected) -> list[int]:
        """Of each partition that of the record after which no row that is needed has changed; -1:
        there is none."""
        last = [-1] * PARTITIONS
        for key, (_, partition, offset) in self._last.items():
            if key not in expected.open:
                last[partition] = max(last[partition], offset)
        return last
