"""The topic that all systems read: made by `kstream produce`, and read by Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from .common import BINARY, BROKER, READ_PATIENCE, run
from .jobs.job import Job, Key, Recount, Row

# Where these are, common says.
from totals_check.console import read_records, read_values

# Long ago enough: ten million records are 17 minutes of event time, and are made in seconds. Times
# ahead of the clock would be bad records to kstream.
FIRST_TIME = "2023-11-14T00:00:00Z"
decode = json.JSONDecoder(parse_float=Decimal).decode


@dataclass(frozen=True)
class Recipe:
    job: Job
    sellers: int
    out_of_order: str  # a share
    grace_s: int

    def command(self, topic: str, count: int, *more: str) -> list[str]:
        words = [BINARY, "produce", "-b", BROKER, "-t", topic, "--count", str(count),
                 "--log-level", "error", *more]  # fmt: skip
        if self.job.shape == "transactions":
            return [*words, "--output-topic", "peers-unused", "--sellers", str(self.sellers)]
        words += ["--shape", self.job.shape]
        if self.out_of_order != "0":
            words += ["--out-of-order", self.out_of_order,
                      "--out-of-order-by", f"{self.grace_s}s"]  # fmt: skip
        return words

    def make(self, topic: str, count: int) -> None:
        run(*self.command(topic, count, "--start-time", FIRST_TIME))

    def trickle(self, topic: str, count: int, rate: int) -> subprocess.Popen:
        """Its event times begin now."""
        return subprocess.Popen(self.command(topic, count, "--rate", str(rate)),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip


@dataclass(frozen=True)
class Expected:
    rows: dict[Key, Row]
    open: set[Key]  # keys of rows that need not be there

    @staticmethod
    def of(recount: Recount, average_digits: int | None) -> Expected:
        rows = recount.rows(average_digits)
        return Expected(rows, {key for key, row in rows.items() if recount.is_open(row)})

    def needed(self) -> int:
        return len(self.rows) - len(self.open)


def recount(job: Job, topic: str, count: int, grace_s: int) -> Recount:
    """Of a topic that has `count` records and nothing else."""
    counted = job.recount(grace_s)

    def see(lines: list[str | None]) -> None:
        for line in lines:
            counted.add(decode(line))

    if not read_values(BROKER, topic, count, see, READ_PATIENCE, pause=READ_PATIENCE):
        sys.exit(f"topic {topic} gave fewer than {count} records: none for {READ_PATIENCE} s")
    return counted


def read_arrivals(topic: str, each: Callable[[dict, int, int], None]) -> None:
    """Each record with its partition and its timestamp in Kafka."""
    read_records(
        BROKER, topic,
        lambda record: each(decode(record.value.decode()), record.partition, record.timestamp),
        READ_PATIENCE)  # fmt: skip
