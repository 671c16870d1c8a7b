"""The last release, built beside this tree: what programs of today are compared with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("instructions.json")
TREE = ROOT / "build" / "base"


def commit() -> str:
    """Written down with each release; of the first one, the commit that counts as the last."""
    return json.loads(FILE.read_text(encoding="utf-8"))["base"]


def _git(*arguments: str | Path) -> None:
    subprocess.run(["git", "-C", *arguments], check=True, capture_output=True)


def build(target: str) -> Path:
    """Checks it out and builds the target with the presets of that commit. Where its build is."""
    if not (TREE / ".git").exists():
        _git(ROOT, "worktree", "prune")
        _git(ROOT, "worktree", "add", "--detach", TREE, commit())
    _git(TREE, "checkout", "--force", commit())
    for step in (["cmake", "--preset", "release", f"-DKSTREAM_DEPS={ROOT / 'build' / 'deps'}"],
                 ["cmake", "--build", "--preset", "release", "--target", target]):
        subprocess.run(step, cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    return TREE / "build" / "release"
