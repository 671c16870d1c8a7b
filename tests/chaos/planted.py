#!/usr/bin/env python3
"""Tests of the tests: each planted bug has to turn a test on the real cluster red.

    planted.py                 all of SCENARIOS, on the binary of the preset `planted`
    planted.py --only NAME     some of them (a regular expression)

First every scenario runs without a bug and has to pass: else its failure says nothing. A bug counts
as caught when a test failed and the bug had been reached. Closes with `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time

import run  # the environment of a chaos run: folders, namespace

import ledger
from harness import cluster
from harness.process import PLANTED_BUG

BINARY = run.ROOT / "build" / "planted" / "bin" / "kstream"
REACHED = "planted bug reached: "
INTEGRATION = run.ROOT / "tests" / "integration" / "run.py"
MAX_SECONDS = 600

KILLS, ZOMBIE, JOINS = "five_kills", "zombie", "replicas_join"
# Bug -> the test that is about what it breaks. What a second protection hides on a real cluster, or
# what no test meets there for certain, is left to the unit tests and the simulator.
SCENARIOS = {
    "producer-kept": "late_commit_of_the_map_loop",
    "generation-not-sent": "after_their_generation",
    "release-at-revoke": JOINS,
    "from-not-checked": "leaves_a_gap",
    "duplicate-batch-applied": "comes_twice",
    "batch-only-where-deltas": KILLS,
    "last-record-skipped": KILLS,
    "committed-one-too-low": KILLS,
    "committed-one-too-high": KILLS,
    "open-step-left-out": KILLS,
    "chain-end-ignored": "map_offsets_deleted",
    "no-rewind-after-abort": ZOMBIE,
    "meta-not-written": KILLS,
    "old-keys-not-in-changelog": KILLS,
    "partitioned-by-run": KILLS,
    "uncommitted-read": KILLS,
    "offsets-before-outputs": KILLS,
    "outputs-before-offsets": KILLS,
    "dead-letters-lost": "every_reason",
    "sum-through-float": "every_reason",
    "repeated-field-accepted": "every_reason",
    "added-partition-from-end": "changed_source_partitions",
}


def one(pattern: str, bug: str) -> tuple[list[str], bool]:
    """What failed, and whether the bug was reached there: logs of what passed are not kept."""
    logs = run.LOGS / "planted" / (bug or "none")
    environment = os.environ | {"KSTREAM": str(BINARY), "KSTREAM_TEST_LOGS": str(logs)}
    if bug:
        environment[PLANTED_BUG] = bug
    command = [sys.executable, str(INTEGRATION), "--only", pattern]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=MAX_SECONDS, check=False
    )
    failed = re.findall(r"^FAILED.*?s  (\S+?);?(?: .*)?$", done.stdout, re.M)
    if done.returncode != 0 and not failed:
        raise SystemExit(f"{pattern}: {done.stdout}{done.stderr}")
    reached = any(REACHED in log.read_text(errors="replace") for log in logs.glob("*/*.err"))
    return failed, reached


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="NAME", default="")
    options = parser.parse_args()
    run.enter_namespace()
    state = ledger.state_of(BINARY)
    wanted = {bug: p for bug, p in SCENARIOS.items() if re.search(options.only, bug)}
    bugs = []
    cluster.command("down", "--wipe", check=False)
    try:
        cluster.up()
        for pattern in sorted(set(wanted.values())):
            failed, _ = one(pattern, "")
            if failed:
                raise SystemExit(f"without any bug: {failed}")
        for bug, pattern in wanted.items():
            began = time.monotonic()
            failed, reached = one(pattern, bug)
            caught = ", ".join(failed) if reached else ""
            bugs.append({"name": bug, "scenario": pattern, "caught_by": caught})
            word = "caught" if caught else "NOT CAUGHT"
            print(f"{word:10} {time.monotonic() - began:5.0f}s  {bug}  {caught}", flush=True)
    finally:
        cluster.command("down", check=False)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ledger.append({"kind": "planted", "at": at, **state, "bugs": bugs})
    caught = sum(bool(bug["caught_by"]) for bug in bugs)
    print(f"{caught} passed, {len(bugs) - caught} failed")
    return 0 if caught == len(bugs) else 1


if __name__ == "__main__":
    sys.exit(main())
