#!/usr/bin/env python3
"""Fails when the work for each record has become more since the last release.

    instructions.py             counts, and compares with what instructions.json says for this set
    instructions.py --record    writes the counts of the base into it, for this compiler and these
                                libraries

Times of a shared machine differ by more than what matters; the number of instructions that
`instruction_bench` needs for a fixed piece of work is the same in each run (callgrind counts them,
nothing else here can). More than 5 % more is a failure; so are bytes on the heap for each key of a
state of a million keys.

The numbers are of one compiler, library and valgrind. instructions.json has the base's, which is
the last release, for the sets that were recorded; with another set, or another base, the base is
built here, once, with the same compiler, sources and program from git: what the program of today
calls may have had another name. What can be compared is always compared.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import last_release
from last_release import ROOT

FILE = Path(__file__).with_name("instructions.json")
PROGRAM = "tests/bench/instruction_bench"
WORK = {"decode": 20_000, "encode": 20_000, "fold": 20_000, "aggregate": 20_000, "restore": 20_000}
KEYS = 1_000_000
MAX_MORE = 0.05
PACKAGES = ("libsimdjson-dev", "libfmt-dev", "libc6", "libstdc++6", "valgrind")


def said_by(*command: str | Path, **options: object) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def environment() -> str:
    """What decides the numbers beside the sources, as one line."""
    parts = [said_by(os.environ.get("CXX", "c++"), "--version").splitlines()[0], os.uname().machine]
    # What valgrind shows of the processor decides which kernel simdjson takes, and which memcpy.
    wide = re.search(r"^flags\b.*\bavx2\b", Path("/proc/cpuinfo").read_text(), re.M)
    parts.append("with AVX2" if wide else "without AVX2")
    for package in PACKAGES:
        parts.append(said_by("dpkg-query", "-W", "-f", "${Package} ${Version}", package))
    return "; ".join(parts)


def measure(program: Path) -> dict[str, float]:
    """Instructions for each record or key; `memory`: bytes on the heap for each key."""
    found: dict[str, float] = {}
    for work, count in WORK.items():
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                ["valgrind", "--tool=callgrind", "--toggle-collect=kstream_measured",
                 f"--callgrind-out-file={folder}/out", program, work, str(count)],
                capture_output=True, text=True, check=False)  # fmt: skip
        counted = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode != 0 or not counted or int(counted[1]) == 0:
            sys.exit(f"{work}: {done.stdout}{done.stderr}")
        found[work] = round(int(counted[1]) / count, 1)
    found["memory"] = float(said_by(program, "memory", str(KEYS)))
    return found


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    known = json.loads(FILE.read_text(encoding="utf-8"))
    if known["base"] != last_release.commit():
        known = {"base": last_release.commit(), "counts": {}}
    here = environment()
    base = known["counts"].get(here)
    if arguments.record or base is None:
        base = known["counts"][here] = measure(last_release.build("instruction_bench") / PROGRAM)
    if arguments.record:
        FILE.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        print(f"{here}\n{base}")
        return 0
    now = measure(ROOT / "build" / "release" / PROGRAM)
    print(here)
    print(f"base {known['base']}: instructions for each record or key, bytes for each key")
    bad = 0
    for name, before in base.items():
        more = now[name] / before - 1
        bad += more > MAX_MORE
        print(f"  {name:<10} {before:>9.1f} -> {now[name]:>9.1f}  {more:+7.1%}"
              + ("  MORE THAN 5 %" if more > MAX_MORE else ""))
    print(f"{len(base) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
