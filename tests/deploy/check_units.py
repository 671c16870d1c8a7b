#!/usr/bin/env python3
"""The systemd unit, as systemd itself reads it.

    check_units.py              nothing to complain about, and as closed as it was made
    check_units.py --self-test  a misspelled setting and a missing one are found

systemd-analyze works without a running systemd. Where it is not installed this says so and passes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
# Of 10; 1.2 with the systemd of Debian 12, of which 0.8 are the network that it is there for.
MAX_EXPOSED = 1.5


def problems_of(text: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "kstream-aggregate@test.service"
        # kstream need not be installed.
        unit.write_text(text.replace("/usr/bin/kstream", "/bin/true"))

        def analyze(*arguments: str) -> str:
            done = subprocess.run(
                ["systemd-analyze", *arguments, str(unit)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            return done.stdout

        # Its exit code does not count a key that it does not know.
        problems = analyze("verify", "--man=no").splitlines()
        report = analyze("security", "--offline=yes")
        score = re.search(r"Overall exposure level for .*: ([0-9.]+)", report)
        if not score:
            problems.append(f"systemd-analyze gives no score: {report[-300:]}")
        elif float(score[1]) > MAX_EXPOSED:
            problems.append(f"exposure {score[1]}, at most {MAX_EXPOSED} are allowed")
        return problems


def self_test(text: str) -> list[str]:
    problems = []
    for before, after, said in (
        ("UMask=", "UMsk=", "Unknown key"),
        ("ProtectClock=yes", "ProtectClock=maybe", "boolean"),
        ("CapabilityBoundingSet=\n", "", "exposure"),
    ):
        found = problems_of(text.replace(before, after))
        if not any(said in problem for problem in found):
            problems.append(f"{before!r} -> {after!r} is not noticed: {found}")
    return problems


def main() -> int:
    if not shutil.which("systemd-analyze"):
        print("skipped: systemd-analyze is not installed")
        return 0
    problems = []
    for unit in sorted(UNITS.glob("*.service")):
        text = unit.read_text()
        problems += self_test(text) if "--self-test" in sys.argv else problems_of(text)
    print("\n".join(problems) or "deploy/systemd: as it should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
