#!/usr/bin/env python3
"""Runs fuzz targets, and keeps the ledger of what was run.

    cmake --preset fuzz && cmake --build --preset fuzz
    tests/fuzz/run.py --seconds 60                      every target, one after another
    tests/fuzz/run.py --target record_decoder --executions 10000000
    tests/fuzz/run.py --preset fuzz-asan ...            with address and undefined-behavior checks

A run begins with tests/fuzz/corpus/TARGET.txt and what earlier runs have found on this machine
(build/PRESET/corpus/TARGET). A finding is written there as an escaped line, to be added to the .txt
file with the fix: from then on every test run replays it. Exit code 1 when there was one. Ended
early (SIGTERM, Ctrl-C), it counts what was done and leaves out the targets that are left.
"""

import argparse
import datetime
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
import ledger  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
MAX_BYTES = {"record_decoder": 256, "options": 512}


def unescaped(line):
    return re.sub(
        rb"\\(?:\\|x([0-9a-f]{2}))",
        lambda found: bytes.fromhex(found[1].decode()) if found[1] else b"\\",
        line.encode("ascii"),
    )


def escaped(data):
    return "".join(
        "\\\\" if c == 92 else chr(c) if 32 <= c < 127 else f"\\x{c:02x}" for c in data
    )


def unpack(target, folder):
    """The inputs that are kept, as files for libFuzzer."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (CORPUS / f"{target}.txt").read_text(encoding="ascii").splitlines()
    for number, line in enumerate(lines):
        (folder / f"kept-{number:03}").write_bytes(unescaped(line))


# libFuzzer's exit code after a signal that asked it to end.
INTERRUPTED = 72


def fuzz(target, build, arguments):
    """One libFuzzer run: (executions, seconds, escaped findings, whether it was ended early)."""
    corpus = build / "corpus" / target
    findings = build / "findings" / target
    findings.mkdir(parents=True, exist_ok=True)
    unpack(target, corpus)
    before = set(findings.iterdir())
    command = [
        str(build / "tests" / "fuzz" / f"fuzz_{target}"), str(corpus),
        f"-artifact_prefix={findings}/", f"-max_len={MAX_BYTES.get(target, 1024)}",
        f"-runs={arguments.executions or -1}", "-print_final_stats=1",
        # Of the clock, not of the processor: on a busy machine an input may wait for minutes, and
        # the report of a false alarm can deadlock in the allocator.
        "-timeout=600", "-report_slow_units=600", "-rss_limit_mb=2048",
    ]
    if arguments.seconds:
        command.append(f"-max_total_time={arguments.seconds}")
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as fuzzer:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: fuzzer.terminate())
        output = fuzzer.communicate()[0].decode(errors="replace")
    executions = re.findall(r"stat::number_of_executed_units: (\d+)|^#(\d+)\s", output, re.M)
    counts = [int(a or b) for a, b in executions]
    found = [escaped(path.read_bytes()) for path in sorted(set(findings.iterdir()) - before)]
    if fuzzer.returncode not in (0, INTERRUPTED):
        print(output[-4000:])
        found = found or ["the program ended without naming its input"]
    ended = fuzzer.returncode == INTERRUPTED
    return max(counts, default=0), time.monotonic() - began, found, ended


def main():
    targets = sorted(path.stem for path in CORPUS.glob("*.txt"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", action="append", choices=targets)
    parser.add_argument("--preset", default="fuzz", choices=("fuzz", "fuzz-asan"))
    parser.add_argument("--seconds", type=int, default=0, help="for each target")
    parser.add_argument("--executions", type=int, default=0, help="for each target")
    arguments = parser.parse_args()
    if not arguments.seconds and not arguments.executions:
        arguments.seconds = 60
    build = ROOT / "build" / arguments.preset
    passed = failed = 0
    state = ledger.state()
    for target in arguments.target or targets:
        began = datetime.datetime.now(datetime.timezone.utc)
        executions, seconds, found, ended = fuzz(target, build, arguments)
        failed += bool(found)
        passed += not found
        line = {
            "kind": "fuzz", "at": began.strftime("%Y-%m-%dT%H:%M:%SZ"), **state,
            "target": target, "preset": arguments.preset, "executions": executions,
            "seconds": round(seconds), "findings": len(found),
        }
        print(json.dumps(line), flush=True)
        for one in found:
            print(f"{target}: {one}", flush=True)
        ledger.append(line)
        if ended:
            print("ended early", flush=True)
            break
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
