#!/usr/bin/env python3
"""Tests of the tests: runs a suite once with each planted bug, and says which ones it catches.

    cmake --preset planted && cmake --build --preset planted
    tests/planted/run.py                               the unit tests
    tests/planted/run.py -- COMMAND ARGUMENT...        any other suite of that build
    tests/planted/run.py --bug from-not-checked        some bugs; may be given again
    tests/planted/run.py --place loop                  bugs of the loops only, or of `kafka`
    tests/planted/run.py --at-least 24                 exit code 1 when fewer are caught

A suite catches a bug when it ends with an exit code other than 0, or when it has reached the bug
and does not end within --timeout seconds. It must pass without a bug first, and gets twenty times
as long as that took, if that is more. A bug that survives is named with whether its code has
run at all: what is not reached cannot be found, whatever the tests look at.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "planted"
# --abort: one failure is enough.
UNIT_TESTS = [str(BUILD / "tests" / "kstream_unit_tests"), "--abort", "--order", "decl"]
VARIABLE = "KSTREAM_PLANTED_BUG"
REACHED = "kstream: planted bug reached: "


def environment(bug):
    kept = {name: value for name, value in os.environ.items() if name != VARIABLE}
    return kept | ({VARIABLE: bug} if bug else {})


def all_bugs(program):
    """Name, place, rule and text of each bug, as a program of the planted build has them."""
    done = subprocess.run([program], env=environment("list"), capture_output=True, text=True,
                          check=True, timeout=60)
    return [dict(zip(("name", "place", "rule", "what"), line.split("\t"), strict=True))
            for line in done.stdout.splitlines()]


def run(command, bug, timeout):
    """How the suite ended: (verdict, reached, seconds, what it said last)."""
    began = time.monotonic()
    try:
        done = subprocess.run(command, env=environment(bug), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False)
        output, verdict = done.stdout, "survived" if done.returncode == 0 else "caught"
    except subprocess.TimeoutExpired as expired:
        output, verdict = expired.stdout or b"", "hangs"
    text = output.decode(errors="replace")
    return verdict, REACHED in text, time.monotonic() - began, text


def why(text):
    """The first line that says what has failed."""
    for line in text.splitlines():
        if "FAILED:" in line or "invariant broken" in line or line.startswith("terminate"):
            return line.strip()
    return ""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bug", action="append", help="only this one; may be given again")
    parser.add_argument("--place", choices=("loop", "kafka"), help="only bugs of this place")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one run")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--at-least", type=int, default=0, help="fail below this many caught")
    parser.add_argument("--program", default=UNIT_TESTS[0], help="where the names come from")
    parser.add_argument("--json", help="write the results to this file as well")
    parser.add_argument("command", nargs="*", default=UNIT_TESTS)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    bugs = all_bugs(arguments.program)
    if arguments.bug:
        unknown = set(arguments.bug) - {bug["name"] for bug in bugs}
        if unknown:
            sys.exit(f"no planted bug is named {', '.join(sorted(unknown))}")
        bugs = [bug for bug in bugs if bug["name"] in arguments.bug]
    if arguments.place:
        bugs = [bug for bug in bugs if bug["place"] == arguments.place]
    verdict, _, seconds, text = run(arguments.command, None, arguments.timeout)
    if verdict != "survived":
        sys.exit(f"{text}\nwithout a bug the suite has to pass: {verdict}")
    print(f"passes without a bug, in {seconds:.1f} s")
    patience = max(arguments.timeout, 20 * seconds)

    def one(bug):
        verdict, reached, seconds, text = run(arguments.command, bug["name"], patience)
        said = verdict if verdict == "caught" or reached else "not reached"
        print(f"{said:<12} {bug['rule']:<11} {bug['name']:<28} {seconds:6.1f} s  {why(text)[:90]}",
              flush=True)
        return bug | {"verdict": said, "reached": reached, "seconds": round(seconds, 1)}

    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(one, bugs))
    caught = [bug["name"] for bug in results if bug["verdict"] in ("caught", "hangs")]
    missed = [bug["name"] for bug in results if bug["name"] not in caught]
    print(f"{len(caught)} of {len(results)} planted bugs caught"
          + (f"; not: {', '.join(missed)}" if missed else ""))
    short = max(0, arguments.at_least - len(caught))
    print(f"{len(caught)} passed, {short} failed")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
