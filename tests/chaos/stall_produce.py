#!/usr/bin/env python3
"""`kstream produce` beside brokers that all stand still: what it says that was acknowledged has to
be in the log, no more and no less.

    tests/chaos/stall_produce.py --rounds 200

By hand, on the cluster of scripts/cluster.sh, which has to be up. Each round begins a producer of
its own on a topic of its own, stops all brokers (SIGSTOP) for 5 to 8 s at a random moment around
its first records, and compares the topic's extent with the report: acknowledged records, and at
most the unknown ones on top. Prints what is wrong in a round, and the sums; exit code 1 when
something was.
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


def stall(seconds: float) -> None:
    with cluster.paused(BROKERS[0]), cluster.paused(BROKERS[1]), cluster.paused(BROKERS[2]):
        time.sleep(seconds)


def one_round(number: int, seed: int) -> dict[str, int]:
    chance = random.Random(f"{seed}/{number}")
    topic = f"stall-{seed}-{number}"
    # Small runs and large ones, paced and as fast as it goes.
    pace = chance.choice([[], ["--rate", "2000"], ["--rate", "200"]])
    count = 20_000 if not pace else int(pace[1]) * 4
    command = [
        str(BINARY), "produce", "--json", "-t", topic, "--output-topic", f"stall-{seed}-results",
        "--count", str(count), *pace,
    ]  # fmt: skip
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            # From before the topic is made to well after the first records.
            time.sleep(chance.uniform(0.1, 1.5))
            stall(chance.uniform(5, 8))
            out, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            log.seek(0)
            print(f"round {number}: runs still after {SECONDS} s: {command}\n{log.read()}")
            return {"rounds": 1, "wrong": 1}
        finally:
            process.kill()
            process.communicate()
    if not out:  # it gave up before its first record: nothing was claimed
        return {"rounds": 1, "without_report": 1}
    report = json.loads(out)
    logged = cluster.record_count(topic)
    acknowledged, unknown = report["acknowledged"], report["unknown"]
    answered = acknowledged + unknown + report["failed"]
    wrong = not acknowledged <= logged <= acknowledged + unknown or answered != report["made"]
    if wrong or report["made"] != count:
        print(f"round {number}: {logged} in the log, exit {process.returncode}, {report}")
    cluster.delete_topics([topic])
    return {"rounds": 1, "records": logged, "acknowledged": acknowledged, "unknown": unknown,
            "failed": report["failed"], "wrong": int(wrong)}  # fmt: skip


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    sums: dict[str, int] = {}
    for number in range(options.rounds):
        for name, value in one_round(number, options.seed).items():
            sums[name] = sums.get(name, 0) + value
        if number % 10 == 9:
            print(sums, flush=True)
    print(sums)
    return 1 if sums.get("wrong") else 0


if __name__ == "__main__":
    sys.exit(main())
