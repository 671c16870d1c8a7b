#!/usr/bin/env python3
"""A long campaign of the simulator, in pieces, for the results ledger.

    campaign.py --seeds 300000 --first 1000001     one thread; each piece reported when done

Builds kstream-sim of the preset `release` first and runs a copy of it, so that a build in the
meantime changes nothing. Ended early (SIGTERM, Ctrl-C), it writes down the pieces that were done.
What the pieces printed stays in build/logs/sim-campaign/. Exit code 1 when a history failed.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
import ledger  # noqa: E402

BUILD = ledger.ROOT / "build" / "release"
LOGS = ledger.ROOT / "build" / "logs" / "sim-campaign"


def figures(text: str) -> dict[str, int]:
    """Of what kstream-sim says at the end of a campaign."""
    counted = re.search(r"^(\d+) seeds \([\d.]+%\) count", text, re.M)
    failed = re.search(r"^(\d+) of (\d+) histories failed$", text, re.M)
    if not counted or not failed:
        raise ValueError(text)
    return {"seeds": int(failed[2]), "counted": int(counted[1]), "misses": int(failed[1])}


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def entry(pieces: list[dict[str, int]], first: int, cpu: float) -> dict[str, object]:
    total = {key: sum(piece[key] for piece in pieces) for key in ("seeds", "counted", "misses")}
    return {
        "first": first, **total, "counted_share": round(total["counted"] / total["seeds"], 4),
        "seeds_per_core_second": round(total["seeds"] / cpu, 1),
    }  # fmt: skip


def end(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=50_000)
    parser.add_argument("--first", type=int, default=1_000_001)
    parser.add_argument("--piece", type=int, default=50_000)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    build = ["cmake", "--build", "--preset", "release", "-t", "kstream", "kstream-sim"]
    subprocess.run(build, cwd=ledger.ROOT, check=True, stdout=subprocess.DEVNULL)
    state = ledger.state_of(BUILD / "bin" / "kstream")
    LOGS.mkdir(parents=True, exist_ok=True)
    binary = LOGS / f"kstream-sim-{state['commit']}"
    shutil.copy2(BUILD / "bin" / "kstream-sim", binary)
    signal.signal(signal.SIGTERM, end)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    pieces: list[dict[str, int]] = []
    before = cpu_seconds()
    cpu = 0.0
    try:
        for first in range(options.first, options.first + options.seeds, options.piece):
            seeds = min(options.piece, options.first + options.seeds - first)
            command = [str(binary), "--seeds", str(seeds), "--first", str(first),
                       "--jobs", str(options.jobs)]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            (LOGS / f"{state['commit']}-{first}.txt").write_text(done.stdout + done.stderr)
            pieces.append(figures(done.stdout))
            cpu = cpu_seconds() - before
            print(first, pieces[-1], f"{cpu:.0f} CPU seconds so far", flush=True)
    except KeyboardInterrupt:
        print("ended early", flush=True)
    if not pieces:
        return 2
    line = {"kind": "sim", "at": at, **state, **entry(pieces, options.first, cpu)}
    print(line)
    ledger.append(line)
    return 1 if line["misses"] else 0


if __name__ == "__main__":
    sys.exit(main())
