#!/usr/bin/env python3
"""What one worker does, and the latency, when nothing produces at full speed any more.

  demo_figures.py KSTREAM BROKERS COUNT OPTION...

1. The backlog: `kstream aggregate OPTION... --until end`, one worker, reads the COUNT records of
   the source again from the start, under the application id among the options.
2. Latency: `kstream bench --scenario latency`, on topics that it makes and removes.

Exit code 1, with the end of its log, when one of them fails or takes longer than LIMIT_SECONDS.
SIGTERM ends the program that it waits for, which removes its topics, and then this one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime

RATE, SECONDS = 2_000, 10
LIMIT_SECONDS = 60
STOP_SECONDS = 5


class Failed(Exception):
    pass


class Run:
    """A program that has ended well: its output, its log, its time and its cost."""

    def __init__(self, *command: str) -> None:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
            started = time.monotonic()
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=log)

            def give_up(*_: object) -> None:
                child.kill()

            def stop(number: int, _: object) -> None:
                child.terminate()
                try:
                    child.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()
                sys.exit(128 + number)

            signal.signal(signal.SIGALRM, give_up)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, stop)
            signal.alarm(LIMIT_SECONDS)
            _, status, self.usage = os.wait4(child.pid, 0)
            signal.alarm(0)
            self.seconds = time.monotonic() - started
            out.seek(0)
            log.seek(0)
            self.out, self.log = out.read().decode(), log.read().decode().splitlines()
        if status != 0:
            raise Failed("\n".join([f"failed: {' '.join(command)}", *self.log[-3:]]))

    def moment(self, text: str) -> datetime:
        """Of the first log line with that text."""
        line = next((line for line in self.log if text in line), None)
        if line is None:
            raise Failed(f"no '{text}' in the log")
        return datetime.fromisoformat(line.split()[0].replace("Z", "+00:00"))


def backlog(kstream: str, brokers: str, count: int, options: list[str]) -> None:
    run = Run(kstream, "aggregate", "-b", brokers, *options, "--until", "end")
    working = (
        run.moment("everything up to the end is in the totals")
        - run.moment("partitions assigned stage=map")
    ).total_seconds()
    cpu = run.usage.ru_utime + run.usage.ru_stime
    print(f"  throughput   {count / working:,.0f} records/s: {count:,} in {working:.2f} s from its")
    print(f"               partitions to the last total; {run.seconds:.2f} s with start and stop")
    print(f"  cost         {cpu:.2f} CPU seconds, {run.usage.ru_maxrss / 1024:.0f} MiB of memory")


def latency(kstream: str, brokers: str) -> None:
    run = Run(kstream, "bench", "-b", brokers, "--scenario", "latency", "--rate", str(RATE),
              "--duration", f"{SECONDS}s", "--rounds", "1", "--json")  # fmt: skip
    (scenario,) = json.loads(run.out)["scenarios"]
    found = {figure["name"]: figure["median"] for figure in scenario["figures"]}
    print(f"  latency      p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms over {SECONDS} s at"
          f" {RATE:,} records/s: from")  # fmt: skip
    print("               the time a record is due to a read_committed reader of its total")


def main(arguments: list[str]) -> int:
    kstream, brokers, count, *options = arguments
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    try:
        backlog(kstream, brokers, int(count), options)
        latency(kstream, brokers)
    except Failed as why:
        print(why, file=sys.stderr)
        return 1
    print(f"  machine      {cores} cores, which six JVMs share; load average before: {load:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
