"""What all modules need: where things are, the broker, and how to run a tool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[2]
for _folder in ("tests/integration", "tools", "scripts/lib"):
    sys.path.insert(0, str(ROOT / _folder))

BINARY = os.environ.get("KSTREAM", str(ROOT / "build/release/bin/kstream"))
BUILT = ROOT / "build" / "peers"
BROKER = "localhost:29092"
PARTITIONS = 6
READ_PATIENCE = 60  # seconds without a record


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def run(*command: str, **options) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout
