#!/usr/bin/env python3
"""Watches a run of the demonstration: what is in the source, what is in the totals.

  demo_watch.py BROKERS SOURCE RESULTS COUNT

Reads the results as anybody would, with Kafka's own console consumer, read_committed. That takes a
moment to start, so the rest is told later, as one line on standard input:

  STARTED_MS PRODUCER_PID VICTIM_PID PORT...

Ends when the counts of all keys sum to COUNT; then prints the totals, the rate and the latency that
the workers at these ports have measured. Exit code 1 when nothing more comes. The victim gets a
SIGKILL when half of the records are in the totals; 0 is nobody.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from totals_check.console import ConsoleConsumer, Record, parse  # noqa: E402
from totals_check.contract import Number  # noqa: E402
from totals_check.log_ends import Log, NotNow  # noqa: E402

# Longer than any session and any transaction of a dead worker lasts.
PATIENCE_SECONDS = 60.0
REDRAW_SECONDS = 0.2
REPORT_SECONDS = 2.0  # where there is no terminal to redraw a line on
COUNT, SUM = "numero_transacoes", "valor_total_por_vendedor"
LATENCY = "kstream_append_to_commit_seconds_bucket"


class Watch:
    def __init__(self, brokers: str, source: str, wanted: int) -> None:
        self.log = Log(brokers)
        self.source = source
        self.wanted = wanted
        self.produced = 0
        self.rows: dict[bytes, dict[str, str]] = {}
        self.last_ms = 0
        self.total = 0
        self._drawn = 0.0
        self._width = shutil.get_terminal_size().columns - 1

    def take(self, record: Record) -> None:
        assert record.key is not None and record.value is not None
        row = json.loads(record.value, parse_int=Number, parse_float=Number)
        before = int(self.rows.get(record.key, {COUNT: "0"})[COUNT])
        self.rows[record.key] = row
        self.total += int(row[COUNT]) - before
        self.last_ms = max(self.last_ms, record.timestamp)

    def draw(self, force: bool = False) -> None:
        on_terminal = sys.stdout.isatty()
        now = time.monotonic()
        if not force and now - self._drawn < (REDRAW_SECONDS if on_terminal else REPORT_SECONDS):
            return
        self._drawn = now
        try:
            extents = self.log.extents(self.source)
            self.produced = sum(e.end - e.start for e in extents.values())
        except (NotNow, OSError):
            pass  # a broker is away: the last figure stands
        bar = "#" * int(30 * min(1.0, self.total / self.wanted))
        text = f"  [{bar:<30}] produced {self.produced:>10,}   in the totals {self.total:>10,}"
        if on_terminal:
            print("\r" + text[: self._width], end="", flush=True)
        else:
            print(text, flush=True)

    def print_rows(self) -> None:
        print(f"\n  {'id_vendedor':<16}{COUNT:>20}{SUM:>32}")
        for key in sorted(self.rows):
            row = self.rows[key]
            whole, _, fraction = row[SUM].partition(".")
            money = f"{int(whole):,}.{fraction}"
            print(f"  {row['id_vendedor']:<16}{int(row[COUNT]):>20,}{money:>32}")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


# ---- latency -------------------------------------------------------------------------------------


def buckets(ports: list[int]) -> dict[float, float]:
    """Upper bound -> how many were at most that long, over all workers that answer."""
    found: dict[float, float] = {}
    for port in ports:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            continue  # the one that was killed
        for labels, value in re.findall(rf"^{LATENCY}\{{(.*)\}} (\S+)$", text, re.M):
            if 'stage="totals"' in labels:
                bound = float(re.search(r'le="([^"]+)"', labels)[1])  # type: ignore[index]
                found[bound] = found.get(bound, 0.0) + float(value)
    return found


def quantile(counts: dict[float, float], share: float) -> float | None:
    """Linear within its bucket, as Prometheus does it."""
    if not counts or max(counts.values()) == 0:
        return None
    rank = share * counts[float("inf")]
    lower = below = 0.0
    for bound in sorted(counts):
        if counts[bound] >= rank:
            if bound == float("inf"):
                return lower
            inside = counts[bound] - below
            return lower + (bound - lower) * ((rank - below) / inside if inside else 1.0)
        lower, below = bound, counts[bound]
    return None


# ---- the run -------------------------------------------------------------------------------------


def follow(watch: Watch, consumer: ConsoleConsumer, producer: int, victim: int) -> bool:
    heard = time.monotonic()
    for lines in consumer.lines(REDRAW_SECONDS):
        for line in lines:
            watch.take(parse(line, consumer.null))
        watch.draw()
        if victim and watch.total >= watch.wanted // 2:
            os.kill(victim, signal.SIGKILL)
            print(f"\n  kill -9 {victim}: a worker is gone, at {watch.total:,} in the totals")
            victim = 0
        if watch.total >= watch.wanted:
            watch.draw(force=True)
            return True
        if lines or is_running(producer):
            heard = time.monotonic()
        if time.monotonic() - heard > PATIENCE_SECONDS:
            return False
    return False


def main(arguments: list[str]) -> int:
    brokers, source, results, count = arguments
    watch = Watch(brokers, source, int(count))
    with ConsoleConsumer(brokers, results) as consumer:
        told = [int(word) for word in sys.stdin.readline().split()]
        if not told:
            return 1  # whoever started us has given up
        started_ms, producer, victim, *ports = told
        complete = follow(watch, consumer, producer, victim)
    print()
    watch.print_rows()
    if not complete:
        print(f"\n  nothing new for {PATIENCE_SECONDS:g} s, and not all is in the totals")
        return 1
    seconds = (watch.last_ms - started_ms) / 1000
    print(f"\n  throughput   {watch.wanted / seconds:,.0f} records/s: {watch.wanted:,} in")
    print(f"               {seconds:.2f} s from the start of produce to the last total")
    counts = buckets(ports)
    middle, most = quantile(counts, 0.5), quantile(counts, 0.99)
    if middle is not None and most is not None:
        print(
            f"  latency      p50 {middle * 1000:.0f} ms, p99 {most * 1000:.0f} ms: from a record's"
        )
        print("               append to its commit in the totals, of the oldest record of each of")
        print(f"               {counts[float('inf')]:.0f} commits, with everything at full speed")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
