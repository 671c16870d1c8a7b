"""The results ledger, docs/reliability/ledger.jsonl: one JSON object a line, one line a run."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "reliability" / "ledger.jsonl"
# What a run writes itself, or is written from it.
WRITTEN = ("docs/reliability/", "docs/RELIABILITY.md")
# What a binary is made of.
SOURCES = ("CMakeLists.txt", "CMakePresets.json", "cmake", "include", "src")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def state_of(binary: Path) -> dict[str, object]:
    """Which commit is tested, and why that may be wrong: an empty `dirty` counts."""
    found: list[str] = []
    for line in _git("status", "--porcelain").splitlines():
        if not line[3:].startswith(WRITTEN):
            found.append(line[3:])
    version = subprocess.run(
        [str(binary), "--version"], capture_output=True, text=True, check=True
    ).stdout
    revision = re.search(r"revision (\S+)\)", version)
    built = revision[1] if revision else "unknown"
    if built.endswith("-dirty") or built == "unknown":
        found.append(f"the binary is of {built}")
    elif _git("diff", "--name-only", built, "--", *SOURCES):
        found.append(f"the binary is of {built}, and its sources have changed since")
    return {"commit": _git("rev-parse", "--short=12", "HEAD").strip(), "dirty": found}


def append(entry: dict[str, object]) -> None:
    PATH.parent.mkdir(parents=True, exist_ok=True)
    with open(PATH, "a", encoding="ascii") as file:
        file.write(json.dumps(entry) + "\n")


def read() -> list[dict]:
    if not PATH.exists():
        return []
    return [json.loads(line) for line in PATH.read_text(encoding="ascii").splitlines() if line]
