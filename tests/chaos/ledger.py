"""The results ledger, docs/reliability/ledger.jsonl: one JSON object a line, one line a run.

Every run of a committed tree is written, whatever came of it, and no line is ever changed. A run of
a tree that was changed since its commit cannot be done again, and is not written.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "reliability" / "ledger.jsonl"
# What a run writes itself, or is written from it.
WRITTEN = ("docs/reliability/", "docs/RELIABILITY.md")
# What a binary is made of.
SOURCES = ("CMakeLists.txt", "CMakePresets.json", "cmake", "include", "src")
# What exactly-once rests on: figures of another state of these are not figures of this code.
EXACTLY_ONCE = ("include", "src/codec", "src/core", "src/kafka", "src/pipeline", "src/reader")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def code() -> str:
    """Names the present state of what exactly-once rests on, wherever the files have come from."""
    found = hashlib.sha256()
    for path in sorted(p for part in EXACTLY_ONCE for p in (ROOT / part).rglob("*.?pp")):
        content = path.read_bytes()
        found.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return found.hexdigest()[:12]


def state(also_wrong: Sequence[str] = ()) -> dict[str, object]:
    """Which commit is tested, and why that may be wrong: an empty `dirty` counts."""
    changed = [line[3:] for line in _git("status", "--porcelain").splitlines()]
    return {
        "commit": _git("rev-parse", "--short=12", "HEAD").strip(), "code": code(),
        "dirty": [*(path for path in changed if not path.startswith(WRITTEN)), *also_wrong],
    }  # fmt: skip


def state_of(binary: Path) -> dict[str, object]:
    """The same for a run of `binary`, which may be of another commit."""
    found: list[str] = []
    version = subprocess.run(
        [str(binary), "--version"], capture_output=True, text=True, check=True
    ).stdout
    revision = re.search(r"revision (\S+)\)", version)
    built = revision[1] if revision else "unknown"
    if built.endswith("-dirty") or built == "unknown":
        found.append(f"the binary is of {built}")
    elif _git("diff", "--name-only", built, "--", *SOURCES):
        found.append(f"the binary is of {built}, and its sources have changed since")
    return state(found)


def append(entry: dict[str, object]) -> None:
    if entry["dirty"]:
        print("not in the ledger, for the tree is not committed:", entry["dirty"], file=sys.stderr)
        return
    PATH.parent.mkdir(parents=True, exist_ok=True)
    with open(PATH, "a", encoding="ascii") as file:
        file.write(json.dumps(entry) + "\n")


def read() -> list[dict]:
    if not PATH.exists():
        return []
    return [json.loads(line) for line in PATH.read_text(encoding="ascii").splitlines() if line]
