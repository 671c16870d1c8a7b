#!/usr/bin/env python3
"""`kstream produce` beside brokers that all stand still: what it says that was acknowledged has to
be in the log, no more and no less.

    tests/chaos/stall_produce.py --rounds 200 --at-once 4

By hand, on the cluster of scripts/cluster.sh, which has to be up. Each round begins a producer of
its own on a topic of its own, stops all brokers (SIGSTOP) for 5 to 8 s at a random moment around
its first records, and compares the topic's extent with the report: acknowledged records, and at
most the unknown ones on top. Prints what is wrong in a round, with where the producer's log is, and
the sums; exit code 1 when something was.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from harness import cluster  # noqa: E402
from harness.process import BINARY  # noqa: E402

BROKERS = ("broker-1", "broker-2", "broker-3")
SECONDS = 120
LONGEST_HEAD_START = 1.5
# What the client library did, for the rounds that need explaining.
LOUD = ("--log-level", "debug", "-X", "debug=broker,topic,metadata,eos,protocol")


def stall(seconds: float) -> None:
    with cluster.paused(BROKERS[0]), cluster.paused(BROKERS[1]), cluster.paused(BROKERS[2]):
        time.sleep(seconds)


class Round:
    """One producer, beside a stall that others may share."""

    def __init__(self, number: int, seed: int, logs: Path) -> None:
        self.number = number
        self.topic = f"stall-{seed}-{number}"
        self.log = logs / f"{self.topic}.log"
        chance = random.Random(f"{seed}/{number}")
        # Small runs and large ones, paced and as fast as it goes.
        pace = chance.choice([[], ["--rate", "2000"], ["--rate", "200"]])
        self.count = 20_000 if not pace else int(pace[1]) * 4
        # How long it has run when the brokers stop: from before the topic is made to well after
        # the first records.
        self.head_start = chance.uniform(0.1, LONGEST_HEAD_START)
        self.command = [
            str(BINARY), "produce", "--json", "-t", self.topic,
            "--output-topic", f"stall-{seed}-results", "--count", str(self.count), *pace, *LOUD,
        ]  # fmt: skip

    def start(self) -> None:
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def judge(self) -> dict[str, int]:
        try:
            out, _ = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            print(f"round {self.number}: runs still after {SECONDS} s: {self.log}")
            return {"rounds": 1, "wrong": 1}
        finally:
            self.process.kill()
            self.process.communicate()
        if not out:  # it gave up before its first record: nothing was claimed
            print(f"round {self.number}: no report, exit {self.process.returncode}: {self.log}")
            return {"rounds": 1, "without_report": 1}
        report = json.loads(out)
        logged = cluster.record_count(self.topic)
        acknowledged, unknown = report["acknowledged"], report["unknown"]
        answered = acknowledged + unknown + report["failed"]
        wrong = not acknowledged <= logged <= acknowledged + unknown or answered != report["made"]
        if wrong or report["made"] != self.count:
            print(
                f"round {self.number}: {logged} in the log, exit {self.process.returncode}, "
                f"{report}: {self.log}"
            )
        else:
            self.log.unlink()
        cluster.delete_topics([self.topic])
        return {"rounds": 1, "records": logged, "acknowledged": acknowledged, "unknown": unknown,
                "failed": report["failed"], "wrong": int(wrong)}  # fmt: skip


def share_a_stall(rounds: list[Round], seconds: float) -> None:
    begun = time.monotonic()
    for each in sorted(rounds, key=lambda r: -r.head_start):
        time.sleep(max(0.0, begun + LONGEST_HEAD_START - each.head_start - time.monotonic()))
        each.start()
    time.sleep(max(0.0, begun + LONGEST_HEAD_START - time.monotonic()))
    stall(seconds)


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=1, help="rounds that share a stall")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    logs = Path(tempfile.mkdtemp(prefix="stall-produce-"))
    print(f"seed {options.seed}, logs in {logs}", flush=True)
    sums: dict[str, int] = {}
    for first in range(0, options.rounds, options.at_once):
        numbers = range(first, min(first + options.at_once, options.rounds))
        rounds = [Round(number, options.seed, logs) for number in numbers]
        chance = random.Random(f"{options.seed}/{first}/stall")
        share_a_stall(rounds, chance.uniform(5, 8))
        for each in rounds:
            for name, value in each.judge().items():
                sums[name] = sums.get(name, 0) + value
        print(sums, flush=True)
    return 1 if sums.get("wrong") else 0


if __name__ == "__main__":
    sys.exit(main())
