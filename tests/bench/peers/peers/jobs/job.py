"""What a job is."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from ..common import ROOT

SHAPES = ROOT / "docs" / "shapes"

Key = tuple  # of the values of a row's key columns
Row = tuple  # of those of the other columns, a window's end first; times are milliseconds


class Recount(ABC):
    """What a job has to come to, computed from the records one by one."""

    @abstractmethod
    def add(self, record: dict) -> None: ...

    @abstractmethod
    def rows(self, average_digits: int | None) -> dict[Key, Row]:
        """Of all keys. An average is the exact quotient, rounded half away from zero to two
        digits: once, or before that to the digits to which a system rounds its avg()."""

    def is_open(self, _row: Row) -> bool:
        """Whether the log may end too early for this row to be published."""
        return False


class Updates(Recount):
    """Of a job that publishes the row of a key again and again as it changes."""

    @abstractmethod
    def key_of(self, record: dict) -> Key | None:
        """None of a record that WHERE does not take."""

    @abstractmethod
    def take(self, key: Key, record: dict) -> None: ...

    def add(self, record: dict) -> None:
        key = self.key_of(record)
        if key is not None:
            self.take(key, record)


class Windows(Recount):
    """Of a job that publishes the row of each window once, when it has closed: its end and the
    grace lie behind what is newest in every partition.

    Nothing may be late by more than the grace allows. Then the systems mean the same rows, however
    they decide what is late; all that they leave open is which windows are closed when the log
    ends. The last SLACK of it decides that: partitions are written in turn, so their newest times
    are milliseconds apart, and so are those of what Kafka Streams divides anew by key.
    """

    SLACK = 2_000

    def __init__(self, grace_s: int) -> None:
        self.grace = grace_s * 1000
        self.newest = 0

    @staticmethod
    @abstractmethod
    def time_of(record: dict) -> int:
        """In milliseconds, of any record."""

    def is_open(self, row: Row) -> bool:
        return end_of(row) + self.grace + self.SLACK > self.newest


@dataclass(frozen=True)
class Job:
    name: str
    about: str
    shape: str  # of `kstream produce`
    records: int  # unless --records says otherwise
    key: tuple[str, ...]  # the columns that tell rows apart
    columns: tuple[str, ...]  # the others
    recount: Callable[[int], Recount]  # from the grace in seconds
    kstream: Callable[[str, int], list[str]]  # options, from source topic and grace
    systems: tuple[str, ...]
    times: frozenset[str] = frozenset()  # columns that are times
    counted: str = ""  # the column that says of how many records a row is; none: of a window
    averages: bool = False  # whether a column is one
    statement: Callable[[str], str] | None = None  # for a program that has to be told
    flink: tuple[str, ...] = ()  # scripts of flink/sql
    flink_state: str = "hashmap"

    @property
    def has_windows(self) -> bool:
        return not self.counted


def shown_statement(file: str, shape: str) -> Callable[[str, int], list[str]]:
    """Options of kstream for a statement of docs/shapes, with another topic and grace."""

    def options(source: str, grace_s: int) -> list[str]:
        text = (SHAPES / file).read_text(encoding="utf-8")
        text = re.sub(r"^INSERT INTO \w+\n", "", text, flags=re.M)
        text, topics = re.subn(rf"^(FROM (?:\w+\()?){shape}\b", rf"\g<1>{source}", text,
                               flags=re.M)  # fmt: skip
        assert topics == 1, f"{file} does not read {shape}"
        text = re.sub(r"grace => INTERVAL '\d+ seconds'", f"grace => INTERVAL '{grace_s} seconds'",
                      text)  # fmt: skip
        return ["--query", text]

    return options


def end_of(row: Row) -> int:
    """Of a window's row."""
    return row[0]


def average(total: Decimal, count: int, digits: int | None) -> Decimal:
    # The quotient has 28 digits, which is enough to tell a half of the d-th digit from what is
    # next to it: no average of n amounts in cents is nearer to one than 1 / (2n * 10^d).
    quotient = total / count
    if digits is not None:
        quotient = rounded(quotient, digits)
    return rounded(quotient, 2)


def rounded(value: Decimal, digits: int) -> Decimal:
    """Half away from zero."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
